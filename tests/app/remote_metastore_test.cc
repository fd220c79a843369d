#include <gtest/gtest.h>

#include "app/remote_metastore.h"

namespace brazier::app {
namespace {

class FakeClock final : public Clock {
 public:
  int64_t NowNs() const override { return now_ns; }
  int64_t MonotonicNs() const override { return now_ns; }
  int64_t now_ns = 1;
};

class FakeClient final : public contract::Metastore {
 public:
  void AddBlocks(const contract::RequestContext&, contract::AddBlocksRequest request,
                 std::function<void(Result<contract::AddBlocksResponse>)> done) override {
    added += request.blocks.size();
    done(contract::AddBlocksResponse{});
  }
  Result<std::vector<BlockMeta>> FindBlocks(const contract::RequestContext&,
                                            const contract::FindBlocksRequest&) override {
    return std::vector<BlockMeta>(3);
  }
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext&,
                                               const std::string& tenant) override {
    return contract::TenantStats{.blocks = tenant.size()};
  }
  Status Heartbeat(const contract::RequestContext&, const Member&) override { return heartbeat; }
  Result<MemberList> Members(const contract::RequestContext&) override {
    return MemberList{.version = 7};
  }
  Status Ready() override {
    ++asked;
    return ready;
  }
  Result<std::vector<contract::BlockQueue>> ListQueues(const contract::RequestContext&,
                                                       const std::optional<contract::BlockQueue>& after, size_t) override {
    return std::vector{after.value_or(contract::BlockQueue{})};
  }
  Result<std::vector<contract::QueuedBlock>> ListQueuedBlocks(const contract::RequestContext&, const contract::BlockQueue&,
                                                              const std::optional<Ulid>&, size_t limit) override {
    return std::vector<contract::QueuedBlock>(limit);
  }
  void ReplaceBlocks(const contract::RequestContext&, contract::ReplaceBlocksRequest request,
                     std::function<void(Result<contract::ReplaceBlocksResponse>)> done) override {
    done(contract::ReplaceBlocksResponse{.already_done = request.inputs.size() == 2});
  }
  Result<std::vector<contract::Tombstone>> ListTombstones(const contract::RequestContext&, int64_t before_ns,
                                                          const std::optional<contract::TombstoneCursor>&,
                                                          size_t) override {
    return std::vector{contract::Tombstone{.removed_ns = before_ns}};
  }
  void PurgeTombstones(const contract::RequestContext&, std::vector<Ulid> ids,
                       std::function<void(Result<contract::PurgeTombstonesResponse>)> done) override {
    done(contract::PurgeTombstonesResponse{.purged = ids.size()});
  }
  Result<contract::PlacementResponse> Placement(const contract::RequestContext&, const std::string& tenant,
                                                const std::string& service) override {
    return contract::PlacementResponse{.version = 10 * tenant.size() + service.size()};
  }
  Status heartbeat, ready;
  int asked = 0;
  size_t added = 0;
};

class RemoteMetastoreTest : public testing::Test {
 protected:
  FakeClock clock_;
  FakeClient client_;
  RemoteMetastore remote_{client_, clock_};
};

TEST_F(RemoteMetastoreTest, WhatCompactionNeedsGoesThrough) {
  EXPECT_EQ(remote_.ListQueues({}, contract::BlockQueue{1, 2, "t"}, 1)->at(0), (contract::BlockQueue{1, 2, "t"}));
  EXPECT_EQ(remote_.ListQueuedBlocks({}, {}, {}, 4)->size(), 4u);
  bool already_done = false;
  remote_.ReplaceBlocks({}, {.outputs = {}, .inputs = std::vector<Ulid>(2)},
                        [&](const Result<contract::ReplaceBlocksResponse>& r) { already_done = r->already_done; });
  EXPECT_TRUE(already_done);
  EXPECT_EQ(remote_.ListTombstones({}, 5, {}, 1)->at(0).removed_ns, 5);
  uint64_t purged = 0;
  remote_.PurgeTombstones({}, std::vector<Ulid>(3), [&](const Result<contract::PurgeTombstonesResponse>& r) { purged = r->purged; });
  EXPECT_EQ(purged, 3u);
  EXPECT_EQ(remote_.Placement({}, "ab", "c")->version, 21u);
}

TEST_F(RemoteMetastoreTest, IsNotReadyBeforeItWasReached) {
  EXPECT_EQ(remote_.Ready().code(), Code::kUnavailable);
  ASSERT_TRUE(remote_.Heartbeat({}, {}).ok());
  EXPECT_TRUE(remote_.Ready().ok());
}

TEST_F(RemoteMetastoreTest, ReadyRepeatsTheLastAnswerWithoutAsking) {
  ASSERT_TRUE(remote_.Heartbeat({}, {}).ok());
  client_.ready = Unavailable("no leader");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(remote_.Ready().ok());
  EXPECT_EQ(client_.asked, 1);
  ASSERT_TRUE(remote_.Heartbeat({}, {}).ok());
  EXPECT_EQ(remote_.Ready(), Unavailable("no leader"));
}

TEST_F(RemoteMetastoreTest, AFailedHeartbeatIsNotReady) {
  ASSERT_TRUE(remote_.Heartbeat({}, {}).ok());
  client_.heartbeat = Unavailable("gone");
  EXPECT_FALSE(remote_.Heartbeat({}, {}).ok());
  EXPECT_EQ(remote_.Ready(), Unavailable("gone"));
}

TEST_F(RemoteMetastoreTest, AnOldAnswerIsNoAnswer) {
  ASSERT_TRUE(remote_.Heartbeat({}, {}).ok());
  clock_.now_ns += MemberList::kTtlMs * kNsPerMs;
  EXPECT_TRUE(remote_.Ready().ok());
  clock_.now_ns += 1;
  EXPECT_EQ(remote_.Ready().code(), Code::kUnavailable);
}

TEST_F(RemoteMetastoreTest, TheRestGoesStraightThrough) {
  bool done = false;
  remote_.AddBlocks({}, {.blocks = std::vector<BlockMeta>(2)},
                    [&](Result<contract::AddBlocksResponse> r) { done = r.ok(); });
  EXPECT_TRUE(done);
  EXPECT_EQ(client_.added, 2u);
  EXPECT_EQ(remote_.FindBlocks({}, {})->size(), 3u);
  EXPECT_EQ(remote_.GetTenantStats({}, "four")->blocks, 4u);
  EXPECT_EQ(remote_.Members({})->version, 7u);
}

}  // namespace
}  // namespace brazier::app
