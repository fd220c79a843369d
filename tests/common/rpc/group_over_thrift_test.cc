// The group's contract, asked through Thrift, behaves as when asked directly; each call goes where it must.
#include <gtest/gtest.h>

#include "common/rpc/group_client.h"
#include "tests/common/rpc/rpc_fixture.h"
#include "tests/support/fake_metastore_group.h"

namespace brazier::rpc {
namespace {

using Calls = std::vector<std::string>;

constexpr uint64_t kHighId = 0xfedcba9876543210;  // negative as an i64

// A process with an admin service.
class Process {
 public:
  explicit Process(bool has_metastore = true)
      : server_({},
                {MakeAdminService({.version = "1",
                                   .member_id = "host-9",
                                   .metastore_group = has_metastore ? &group : nullptr},
                                  SystemClock(), SystemRandom(), metrics_)},
                SystemClock(), metrics_) {
    EXPECT_TRUE(server_.Start().ok());
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(server_.port()); }
  void Stop() { server_.Stop(); }
  testing::FakeMetastoreGroup group;

 private:
  MetricsRegistry metrics_;
  ThriftServer server_;
};

struct GroupOverThrift : ::testing::Test {
  MetricsRegistry metrics;
  Process leader;
  Process follower;
  std::unique_ptr<GroupClient> Client(std::vector<std::string> addresses) {
    return std::make_unique<GroupClient>(std::move(addresses), SystemClock(), SystemRandom(),
                                         metrics);
  }
  static contract::RequestContext Soon() { return RpcFixture::Within(10'000); }
};

GroupMember MemberOf(uint64_t id) {
  return {id, "name-" + std::to_string(id), "host:" + std::to_string(id),
          "tcp://host:" + std::to_string(id + 1)};
}

TEST_F(GroupOverThrift, ValuesMakeTheRoundTrip) {
  auto client = Client({leader.address()});
  leader.group.identity = contract::GroupIdentity{MemberOf(kHighId), kHighId + 1};
  const auto identity = client->Identify(Soon());
  ASSERT_TRUE(identity.ok()) << identity.status().ToString();
  EXPECT_EQ(identity->member, MemberOf(kHighId));
  EXPECT_EQ(identity->group_id, kHighId + 1);

  contract::GroupStatus sent;
  sent.self = {MemberOf(7), 8};
  sent.can_commit = true;
  sent.failure = "no quorum";
  sent.leader_id = kHighId;
  sent.term = 9;
  sent.committed_index = 10;
  sent.applied_index = 11;
  sent.last_index = 12;
  sent.first_index = 13;
  sent.log_bytes = 14;
  sent.members.push_back({MemberOf(7), true, false, 15, true});
  sent.members.push_back({MemberOf(kHighId), false, true, 16, false});
  leader.group.status = sent;
  const auto status = client->GetGroupStatus(Soon());
  ASSERT_TRUE(status.ok()) << status.status().ToString();
  EXPECT_EQ(status->self.member, sent.self.member);
  EXPECT_EQ(status->self.group_id, 8u);
  EXPECT_TRUE(status->can_commit);
  EXPECT_EQ(status->failure, "no quorum");
  EXPECT_EQ(status->leader_id, kHighId);
  EXPECT_EQ(status->term, 9u);
  EXPECT_EQ(status->committed_index, 10u);
  EXPECT_EQ(status->applied_index, 11u);
  EXPECT_EQ(status->last_index, 12u);
  EXPECT_EQ(status->first_index, 13u);
  EXPECT_EQ(status->log_bytes, 14u);
  ASSERT_EQ(status->members.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(status->members[i].member, sent.members[i].member);
    EXPECT_EQ(status->members[i].is_voter, sent.members[i].is_voter);
    EXPECT_EQ(status->members[i].is_leader, sent.members[i].is_leader);
    EXPECT_EQ(status->members[i].matched_index, sent.members[i].matched_index);
    EXPECT_EQ(status->members[i].is_active, sent.members[i].is_active);
  }

  leader.group.group_id = kHighId;
  const auto group_id = client->FoundGroup(Soon(), {"a:1", "b:2"});
  ASSERT_TRUE(group_id.ok());
  EXPECT_EQ(*group_id, kHighId);
  ASSERT_TRUE(client->AdoptGroup(Soon(), kHighId, {MemberOf(1), MemberOf(2)}).ok());
  EXPECT_EQ(leader.group.founders(), (std::vector<GroupMember>{MemberOf(1), MemberOf(2)}));
  leader.group.added_id = kHighId + 2;
  const auto added = client->AddMember(Soon(), "c:3");
  ASSERT_TRUE(added.ok());
  EXPECT_EQ(*added, kHighId + 2);
  EXPECT_TRUE(client->PromoteMember(Soon(), 1).ok());
  EXPECT_TRUE(client->RemoveMember(Soon(), kHighId).ok());
  EXPECT_TRUE(client->TransferLeadership(Soon(), 0).ok());
  leader.group.snapshot = contract::GroupSnapshot{"metastore/snapshots/1", 17, 18, -19};
  const auto snapshot = client->TakeSnapshot(Soon());
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ(snapshot->key, "metastore/snapshots/1");
  EXPECT_EQ(snapshot->index, 17u);
  EXPECT_EQ(snapshot->bytes, 18u);
  EXPECT_EQ(snapshot->time_ns, -19);
  const std::string high = std::to_string(kHighId);
  EXPECT_EQ(leader.group.calls(),
            (Calls{"identify", "status", "found a:1 b:2", "adopt " + high, "add c:3", "promote 1",
                   "remove " + high, "transfer 0", "snapshot"}));
}

TEST_F(GroupOverThrift, WhatTheLeaderDoesFindsTheLeader) {
  const Status not_leader =
      Unavailable("no").WithReason("not_leader").WithRedirect(leader.address());
  follower.group.answer = [&](const std::string&, int) { return not_leader; };
  follower.group.added_id = not_leader;
  auto client = Client({follower.address()});
  EXPECT_TRUE(client->AddMember(Soon(), "c:3").ok());
  EXPECT_TRUE(client->PromoteMember(Soon(), 4).ok());
  EXPECT_TRUE(client->RemoveMember(Soon(), 5).ok());
  EXPECT_TRUE(client->TransferLeadership(Soon(), 6).ok());
  EXPECT_EQ(leader.group.calls(), (Calls{"add c:3", "promote 4", "remove 5", "transfer 6"}));
  EXPECT_EQ(follower.group.calls(), Calls{"add c:3"}) << "the leader is remembered";
}

// A leader that is told to remove itself hands over and says so; the next one does it.
TEST_F(GroupOverThrift, RemovingTheLeaderIsFinishedByTheNext) {
  leader.group.answer = [&](const std::string&, int) {
    return Unavailable("handed over").WithReason("not_leader").WithRedirect(follower.address());
  };
  auto client = Client({leader.address(), follower.address()});
  EXPECT_TRUE(client->RemoveMember(Soon(), 1).ok());
  EXPECT_EQ(follower.group.calls(), Calls{"remove 1"});
}

TEST_F(GroupOverThrift, WhatIsAboutOneMemberGoesToItAlone) {
  const Status not_leader =
      Unavailable("no").WithReason("not_leader").WithRedirect(leader.address());
  follower.group.identity = not_leader;
  follower.group.status = not_leader;
  follower.group.group_id = not_leader;
  follower.group.snapshot = not_leader;
  follower.group.answer = [&](const std::string&, int) { return not_leader; };
  auto client = Client({follower.address(), leader.address()});
  EXPECT_EQ(client->Identify(Soon()).status().reason(), "not_leader");
  EXPECT_EQ(client->GetGroupStatus(Soon()).status().redirect(), leader.address());
  EXPECT_EQ(client->FoundGroup(Soon(), {}).status().reason(), "not_leader");
  EXPECT_EQ(client->AdoptGroup(Soon(), 1, {}).reason(), "not_leader");
  EXPECT_EQ(client->TakeSnapshot(Soon()).status().reason(), "not_leader");
  follower.Stop();
  EXPECT_EQ(client->Identify(Soon()).status().code(), Code::kUnavailable);
  EXPECT_EQ(leader.group.calls(), Calls{});
}

TEST_F(GroupOverThrift, NotCaughtUpIsForTheCallerToWaitFor) {
  leader.group.answer = [](const std::string&, int) {
    return Unavailable("it lacks 9000 entries").WithReason("not_caught_up");
  };
  auto client = Client({leader.address(), follower.address()});
  const Status status = client->PromoteMember(Soon(), 3);
  EXPECT_EQ(status.reason(), "not_caught_up");
  EXPECT_EQ(leader.group.calls(), Calls{"promote 3"});
  EXPECT_EQ(follower.group.calls(), Calls{});
}

TEST_F(GroupOverThrift, ErrorsKeepTheirText) {
  leader.group.group_id =
      Status(Code::kFailedPrecondition, "host:2 belongs to another group").WithReason("other_group");
  auto client = Client({leader.address()});
  const Status status = client->FoundGroup(Soon(), {"host:2"}).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.message(), "host:2 belongs to another group");
  EXPECT_EQ(status.reason(), "other_group");
}

TEST_F(GroupOverThrift, AProcessWithoutAMetastoreSaysSo) {
  Process other(false);
  auto client = Client({other.address()});
  for (const Status& status :
       {client->Identify(Soon()).status(), client->GetGroupStatus(Soon()).status(),
        client->FoundGroup(Soon(), {}).status(), client->AdoptGroup(Soon(), 1, {}),
        client->AddMember(Soon(), "a:1").status(), client->PromoteMember(Soon(), 1),
        client->RemoveMember(Soon(), 1), client->TransferLeadership(Soon(), 1),
        client->TakeSnapshot(Soon()).status()}) {
    EXPECT_EQ(status.code(), Code::kUnimplemented);
    EXPECT_NE(status.message().find("host-9"), std::string::npos);
    EXPECT_NE(status.message().find("metastore"), std::string::npos);
  }
}

TEST_F(GroupOverThrift, WithoutAnAddressNothingIsAsked) {
  auto client = Client({});
  EXPECT_EQ(client->Identify(Soon()).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(client->RemoveMember(Soon(), 1).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace brazier::rpc
