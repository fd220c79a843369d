#include <gtest/gtest.h>

#include <atomic>

#include "app/peers.h"
#include "tests/support/fake_clock.h"

namespace brazier::app {
namespace {

class FakeWriter final : public contract::SegmentWriter {
 public:
  void Append(const contract::RequestContext&, contract::AppendRequest,
              std::function<void(Result<contract::AppendReceipt>)> done) override {
    done(Unavailable("fake"));
  }
  Status Ready() override { return connected ? Status::Ok() : Unavailable("no connection"); }
  bool connected = true;
};

class FakeBackend final : public contract::QueryBackend {
 public:
  Result<QueryResult> Execute(const contract::RequestContext&, const QueryPlan&) override {
    return Unavailable("fake");
  }
  Status Ready() override { return Status::Ok(); }
};

class FakeMetastore final : public contract::Metastore {
 public:
  void AddBlocks(const contract::RequestContext&, contract::AddBlocksRequest,
                 std::function<void(Result<contract::AddBlocksResponse>)> done) override {
    done(Unavailable("fake"));
  }
  Result<std::vector<BlockMeta>> FindBlocks(const contract::RequestContext&,
                                            const contract::FindBlocksRequest&) override {
    return Unavailable("fake");
  }
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext&,
                                               const std::string&) override {
    return Unavailable("fake");
  }
  Status Heartbeat(const contract::RequestContext& context, const Member& member) override {
    deadlines_set = deadlines_set && context.deadline_ns > 0 && !context.request_id.empty();
    if (!up) return Unavailable("down");
    last = member;
    ++heartbeats;
    return Status::Ok();
  }
  Result<MemberList> Members(const contract::RequestContext&) override {
    if (!up) return Unavailable("down");
    return list;
  }
  Status Ready() override { return Status::Ok(); }

  bool up = true;
  bool deadlines_set = true;
  std::atomic<int> heartbeats{0};
  Member last;
  MemberList list;
};

class PeersTest : public ::testing::Test {
 protected:
  PeersTest()
      : membership_({.id = "self", .roles = {"distributor"}}, metastore_,
                    {.segment_writer =
                         [this](const Member& m) {
                           connected_.push_back(m.id + "@" + m.pipeline_address);
                           return std::make_shared<FakeWriter>();
                         },
                     .query_backend =
                         [this](const Member& m) {
                           connected_.push_back(m.id + "@" + m.pipeline_address);
                           return std::make_shared<FakeBackend>();
                         },
                     .jobs_addresses = [this](const std::vector<std::string>& addresses) { jobs_ = addresses; }},
                    clock_, SystemRandom(), metrics_) {}

  static Member Writer(const std::string& id, const std::string& address) {
    return {.id = id, .roles = {"segment-writer"}, .pipeline_address = address};
  }

  std::vector<std::string> LiveIds() {
    std::vector<std::string> ids;
    for (const auto& peer : *membership_.segment_writers().Live()) ids.push_back(peer.member.id);
    return ids;
  }
  void RunAfter(int64_t ms) {
    clock_.Advance(ms * kNsPerMs);
    membership_.RunOnce();
  }

  FakeMetastore metastore_;
  MetricsRegistry metrics_;
  brazier::testing::FakeClock clock_;
  std::vector<std::string> connected_;
  std::vector<std::string> jobs_;
  Membership membership_;
};

TEST_F(PeersTest, ConnectsToLivingWritersInOrderOfTheirIds) {
  metastore_.list.members = {Writer("a", "tcp://a:1"), Writer("b", "tcp://b:1"),
                             {.id = "c", .roles = {"query-backend"}, .pipeline_address = "tcp://c:1"},
                             {.id = "d", .roles = {"segment-writer"}}};
  EXPECT_TRUE(membership_.segment_writers().Live()->empty());
  membership_.RunOnce();
  const auto writers = membership_.segment_writers().Live();
  ASSERT_EQ(writers->size(), 2u);
  EXPECT_EQ((*writers)[0].member.id, "a");
  EXPECT_EQ((*writers)[1].member.id, "b");
  const auto backends = membership_.query_backends().Live();
  ASSERT_EQ(backends->size(), 1u);
  EXPECT_EQ((*backends)[0].member.id, "c");
  EXPECT_EQ(metastore_.last.id, "self");
  EXPECT_TRUE(metastore_.deadlines_set);
}

TEST_F(PeersTest, ABackendSharesWithAllOthersButItself) {
  OtherQueryBackends others("b");
  EXPECT_TRUE(others.Live()->empty()) << "before the process has joined";
  others.Follow(membership_.query_backends());
  for (const char* id : {"a", "b", "c"}) {
    metastore_.list.members.push_back({.id = id, .roles = {"query-backend"}, .pipeline_address = std::string("tcp://") + id + ":1"});
  }
  membership_.RunOnce();
  const auto live = others.Live();
  ASSERT_EQ(live->size(), 2u);
  EXPECT_EQ((*live)[0].member.id, "a");
  EXPECT_EQ((*live)[1].member.id, "c");
}

TEST_F(PeersTest, TellsWhereMetastoreMembersGiveJobs) {
  metastore_.list.members = {{.id = "a", .roles = {"metastore"}, .jobs_address = "tcp://a:1"},
                             {.id = "b", .roles = {"distributor"}, .jobs_address = "tcp://b:1"},
                             {.id = "c", .roles = {"metastore"}},
                             {.id = "d", .roles = {"metastore", "distributor"}, .jobs_address = "tcp://d:1"}};
  membership_.RunOnce();
  EXPECT_EQ(jobs_, (std::vector<std::string>{"tcp://a:1", "tcp://d:1"}));
}

TEST_F(PeersTest, KeepsConnectionsUntilTheAddressChanges) {
  metastore_.list.members = {Writer("a", "tcp://a:1")};
  membership_.RunOnce();
  const auto first = (*membership_.segment_writers().Live())[0].writer;
  membership_.RunOnce();
  EXPECT_EQ((*membership_.segment_writers().Live())[0].writer, first);
  metastore_.list.members = {Writer("a", "tcp://a:2")};
  membership_.RunOnce();
  EXPECT_NE((*membership_.segment_writers().Live())[0].writer, first);
  EXPECT_EQ(connected_, (std::vector<std::string>{"a@tcp://a:1", "a@tcp://a:2"}));
}

TEST_F(PeersTest, LeavesOutTheDrainingAndTheForgotten) {
  metastore_.list.members = {Writer("a", "tcp://a:1"), Writer("b", "tcp://b:1")};
  membership_.RunOnce();
  const auto held = membership_.segment_writers().Live();
  metastore_.list.members[0].draining = true;
  membership_.RunOnce();
  ASSERT_EQ(membership_.segment_writers().Live()->size(), 1u);
  EXPECT_EQ((*membership_.segment_writers().Live())[0].member.id, "b");
  metastore_.list.members.clear();
  RunAfter(MemberList::kTtlMs + 1);
  EXPECT_TRUE(membership_.segment_writers().Live()->empty());
  // A request that took the list earlier still has its connections.
  EXPECT_EQ((*held)[0].writer.use_count(), 1);
}

// A new leader's list begins empty and fills with heartbeats.
TEST_F(PeersTest, APeerThatANewLeaderHasNotHeardOfIsKeptWhileItsConnectionLives) {
  metastore_.list.members = {Writer("a", "tcp://a:1"), Writer("b", "tcp://b:1"), Writer("c", "tcp://c:1")};
  metastore_.list.members[2].draining = true;
  RunAfter(0);
  const auto first = membership_.segment_writers().Live();
  ASSERT_EQ(LiveIds(), (std::vector<std::string>{"a", "b"}));
  metastore_.list.members.clear();
  RunAfter(1000);
  EXPECT_EQ(LiveIds(), (std::vector<std::string>{"a", "b"})) << "and not c, which was draining";
  static_cast<FakeWriter&>(*(*first)[1].writer).connected = false;
  RunAfter(1000);
  EXPECT_EQ(LiveIds(), std::vector<std::string>{"a"}) << "b is gone indeed";
  metastore_.list.members = {Writer("a", "tcp://a:1")};
  RunAfter(1000);
  EXPECT_EQ((*membership_.segment_writers().Live())[0].writer, (*first)[0].writer);
  // Not for ever: a is alive, but nobody has heard of it for as long as a leader would have waited.
  metastore_.list.members.clear();
  RunAfter(MemberList::kTtlMs);
  EXPECT_EQ(LiveIds(), std::vector<std::string>{"a"});
  RunAfter(1);
  EXPECT_EQ(LiveIds(), std::vector<std::string>{});
}

TEST_F(PeersTest, OwnWorkersStayReachableWhileDraining) {
  metastore_.list.members = {Writer("self", "tcp://self:1"), Writer("z", "tcp://z:1")};
  metastore_.list.members[0].draining = metastore_.list.members[1].draining = true;
  membership_.RunOnce();
  ASSERT_EQ(membership_.segment_writers().Live()->size(), 1u);
  EXPECT_EQ((*membership_.segment_writers().Live())[0].member.id, "self");
}

TEST_F(PeersTest, ASilentMetastoreChangesNothingButIsCounted) {
  metastore_.list.members = {Writer("a", "tcp://a:1")};
  membership_.RunOnce();
  metastore_.up = false;
  membership_.RunOnce();
  EXPECT_EQ(membership_.segment_writers().Live()->size(), 1u);
  EXPECT_NE(metrics_.Render().find("brazier_member_heartbeat_failures_total 1\n"),
            std::string::npos);
}

TEST_F(PeersTest, DrainingIsSaidAtOnceAndStays) {
  membership_.AnnounceDraining();
  EXPECT_TRUE(metastore_.last.draining);
  membership_.RunOnce();
  EXPECT_TRUE(metastore_.last.draining);
}

TEST_F(PeersTest, TheThreadStopsAtOnce) {
  membership_.Start();
  membership_.Stop();
  EXPECT_LE(metastore_.heartbeats, 1);
}

TEST(LocalPeer, IsTheObjectItself) {
  FakeWriter writer;
  EXPECT_EQ(LocalPeer(Member{.id = "self"}, writer).writer.get(), &writer);
}

}  // namespace
}  // namespace brazier::app
