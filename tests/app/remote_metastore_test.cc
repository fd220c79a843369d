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
