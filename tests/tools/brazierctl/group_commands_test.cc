#include "tools/brazierctl/group_commands.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "tests/support/fake_clock.h"
#include "tools/brazierctl/group_view.h"

namespace brazier::ctl {
namespace {

using contract::GroupStatus;
using contract::RequestContext;

Status NotLeader() { return Unavailable("another leads").WithReason("not_leader"); }

// Processes with a metastore, "a:1", "b:1", ..., and the one group that some of them are in. Node ids are 1, 2, ...
struct Cluster {
  struct Process {
    uint64_t node_id = 0;
    bool is_up = true;
    bool in_group = false;
    bool is_voter = false;
    bool is_untold = false;  // heard of its leader and has nothing of the group's state
    uint64_t lag = 0;
    uint64_t lost_id = 0;  // of a member that was at this address and whose disk is gone
  };
  std::map<std::string, Process> processes;
  uint64_t leader_id = 0;
  uint64_t term = 1;
  int leader_hears_after = 0;   // a new leader answers so often before it has heard of the others
  int answers_until_heard = 0;
  std::vector<std::string> calls;  // of what changes something

  void Add(const std::string& address, bool in_group) {
    Process& process = processes[address];
    process.node_id = processes.size();
    process.in_group = process.is_voter = in_group;
    if (in_group && leader_id == 0) leader_id = process.node_id;
  }
  GroupMember MemberAt(const std::string& address) const {
    return {processes.at(address).node_id, "m-" + address.substr(0, 1), address, "tcp://" + address};
  }
  std::string AddressOf(uint64_t node_id) const {
    for (const auto& [address, process] : processes) {
      if (process.node_id == node_id) return address;
    }
    return {};
  }
  GroupStatus StatusOf(const std::string& address) const {
    GroupStatus status;
    const Process& own = processes.at(address);
    status.self = {MemberAt(address), own.in_group ? 0xabcu : 0};
    if (!own.in_group) return status;
    status.leader_id = leader_id;
    status.term = term;
    status.can_commit = leader_id != 0;
    if (own.is_untold) return status;
    status.last_index = 1000;
    status.applied_index = 1000 - own.lag;
    const bool leads = own.node_id == leader_id;
    for (const auto& [at, process] : processes) {
      if (process.lost_id != 0) {
        status.members.push_back({{process.lost_id, "m-old", at, ""}, true, false, 0, false});
      }
      if (!process.in_group) continue;
      status.members.push_back({MemberAt(at), process.is_voter, process.node_id == leader_id,
                                leads ? 1000 - process.lag : 0, leads && process.is_up && (process.node_id == leader_id || answers_until_heard == 0)});
    }
    return status;
  }
};

// What tools.connect returns: asks the first address; what the leader does, the first that leads.
class Connection final : public contract::MetastoreGroup {
 public:
  Connection(Cluster& cluster, std::vector<std::string> addresses)
      : cluster_(cluster), addresses_(std::move(addresses)) {}

  Result<contract::GroupIdentity> Identify(const RequestContext&) override {
    return Internal("no command asks this");
  }
  Status AdoptGroup(const RequestContext&, uint64_t, const std::vector<GroupMember>&) override {
    return Internal("no command asks this");
  }
  Result<GroupStatus> GetGroupStatus(const RequestContext&) override {
    RETURN_IF_ERROR(Up());
    if (cluster_.answers_until_heard > 0) --cluster_.answers_until_heard;
    return cluster_.StatusOf(addresses_[0]);
  }
  Result<uint64_t> FoundGroup(const RequestContext&, const std::vector<std::string>& all) override {
    RETURN_IF_ERROR(Up());
    for (const std::string& address : all) {
      if (!cluster_.processes.contains(address)) return Unavailable(address + " does not answer");
    }
    for (const std::string& address : all) {
      cluster_.processes[address].in_group = cluster_.processes[address].is_voter = true;
    }
    cluster_.leader_id = cluster_.processes[all.back()].node_id;
    return uint64_t{0xabc};
  }
  Result<uint64_t> AddMember(const RequestContext&, const std::string& address) override {
    RETURN_IF_ERROR(Leads());
    cluster_.calls.push_back("add " + address);
    if (!cluster_.processes.contains(address)) return Unavailable(address + " does not answer");
    cluster_.processes[address].in_group = true;
    return cluster_.processes[address].node_id;
  }
  Status PromoteMember(const RequestContext&, uint64_t node_id) override {
    RETURN_IF_ERROR(Leads());
    Cluster::Process& process = cluster_.processes[cluster_.AddressOf(node_id)];
    if (process.lag > 0) {
      return Unavailable("it lacks " + std::to_string(process.lag) + " entries")
          .WithReason("not_caught_up");
    }
    cluster_.calls.push_back("promote " + std::to_string(node_id));
    process.is_voter = true;
    process.lost_id = 0;
    return Status::Ok();
  }
  Status RemoveMember(const RequestContext&, uint64_t node_id) override {
    RETURN_IF_ERROR(Leads());
    if (cluster_.answers_until_heard > 0) {
      return Status(Code::kFailedPrecondition, "the others would not answer");
    }
    cluster_.calls.push_back("remove " + std::to_string(node_id));
    cluster_.processes[cluster_.AddressOf(node_id)].in_group = false;
    return Status::Ok();
  }
  Status TransferLeadership(const RequestContext&, uint64_t node_id) override {
    RETURN_IF_ERROR(Leads());
    cluster_.calls.push_back("transfer " + std::to_string(node_id));
    cluster_.leader_id = node_id != 0 ? node_id : cluster_.leader_id % 3 + 1;
    ++cluster_.term;
    cluster_.answers_until_heard = cluster_.leader_hears_after;
    return Status::Ok();
  }
  Result<contract::GroupSnapshot> TakeSnapshot(const RequestContext&) override {
    RETURN_IF_ERROR(Up());
    return contract::GroupSnapshot{"metastore/snapshot-1", 1000, 2048, 1'700'000'000 * kNsPerSecond};
  }

 private:
  Status Up() const {
    const auto it = cluster_.processes.find(addresses_[0]);
    if (it != cluster_.processes.end() && it->second.is_up) return Status::Ok();
    return Unavailable("connection refused");
  }
  Status Leads() const {
    for (const std::string& address : addresses_) {
      const auto it = cluster_.processes.find(address);
      if (it == cluster_.processes.end() || !it->second.is_up) continue;
      if (it->second.node_id == cluster_.leader_id) return Status::Ok();
    }
    return NotLeader();
  }
  Cluster& cluster_;
  const std::vector<std::string> addresses_;
};

struct GroupCommandsTest : ::testing::Test {
  Cluster cluster;
  brazier::testing::FakeClock clock;
  std::ostringstream out;
  std::ostringstream progress;
  GroupTools tools;
  GroupOptions options;
  std::function<void()> on_sleep = [] {};

  GroupCommandsTest() {
    tools.connect = [this](std::vector<std::string> addresses) {
      return std::make_unique<Connection>(cluster, std::move(addresses));
    };
    tools.clock = &clock;
    tools.sleep = [this](int64_t ns) {
      clock.Advance(ns);
      on_sleep();
    };
    tools.out = &out;
    tools.progress = &progress;
    tools.progress_is_terminal = true;
  }
  void FoundThree() {
    for (const char* address : {"a:1", "b:1", "c:1"}) cluster.Add(address, true);
    options.servers = {"a:1"};
  }
  std::string Out() const { return out.str(); }
  bool Says(const std::string& text) const { return out.str().find(text) != std::string::npos; }
};

TEST_F(GroupCommandsTest, StatusIsTheLeadersViewWhoeverIsAsked) {
  FoundThree();
  cluster.leader_id = 3;
  cluster.processes["b:1"].lag = 40;
  bool all_well = false;
  ASSERT_TRUE(GroupStatusCommand(tools, options, &all_well).ok());
  EXPECT_TRUE(all_well);
  EXPECT_TRUE(Says("0000000000000002  m-b   voter   b:1       40  yes\n")) << Out();
  EXPECT_TRUE(Says("led by m-c (0000000000000003)"));
}

// The leader is none of the servers that were given, and the first of them knows its id, but not where it is.
TEST_F(GroupCommandsTest, ANewcomerThatKnowsNobodyIsNotBelieved) {
  for (const char* address : {"a:1", "b:1", "c:1", "d:1"}) cluster.Add(address, true);
  cluster.leader_id = 4;
  cluster.processes["a:1"].is_voter = false;
  cluster.processes["a:1"].is_untold = true;
  options.servers = {"a:1", "b:1", "c:1"};
  bool all_well = false;
  ASSERT_TRUE(GroupStatusCommand(tools, options, &all_well).ok());
  EXPECT_TRUE(all_well) << Out();
  EXPECT_TRUE(Says("led by m-d (0000000000000004)")) << Out();
  EXPECT_TRUE(Says("0000000000000001  m-a   learner  a:1 ")) << Out();
}

// Nor one that was removed and did not hear of it.
TEST_F(GroupCommandsTest, TheMemberThatKnowsMostIsBelieved) {
  FoundThree();
  cluster.leader_id = 3;
  cluster.processes["c:1"].is_up = false;
  cluster.processes["a:1"].lag = 40;
  options.servers = {"a:1", "b:1"};
  options.json = true;
  bool all_well = true;
  ASSERT_TRUE(GroupStatusCommand(tools, options, &all_well).ok());
  EXPECT_TRUE(Says("\"answered_by\": \"0000000000000002\"")) << Out();
}

TEST_F(GroupCommandsTest, StatusSaysWhatIsWrong) {
  FoundThree();
  cluster.processes["b:1"].is_up = false;
  bool all_well = true;
  ASSERT_TRUE(GroupStatusCommand(tools, options, &all_well).ok());
  EXPECT_FALSE(all_well);
  EXPECT_TRUE(Says("1 member of 3 is not active, no further voter may fail\n")) << Out();
  // A leader that does not answer.
  out.str("");
  options.servers = {"a:1"};
  cluster.leader_id = 2;
  ASSERT_TRUE(GroupStatusCommand(tools, options, &all_well).ok());
  EXPECT_FALSE(all_well);
  EXPECT_TRUE(Says("the leader does not answer")) << Out();
  // The first server is down, the second knows.
  out.str("");
  options.servers = {"b:1", "c:1"};
  cluster.leader_id = 1;
  ASSERT_TRUE(GroupStatusCommand(tools, options, &all_well).ok());
  EXPECT_TRUE(Says("led by m-a")) << Out();
}

TEST_F(GroupCommandsTest, StatusOfNobodyAndOfNoGroup) {
  options.servers = {"x:1", "y:1"};
  bool all_well = true;
  const Status status = GroupStatusCommand(tools, options, &all_well);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find("x:1: connection refused; y:1: connection refused"),
            std::string::npos);
  cluster.Add("a:1", false);
  options.servers = {"a:1", "x:1"};
  ASSERT_TRUE(GroupStatusCommand(tools, options, &all_well).ok());
  EXPECT_FALSE(all_well);
  EXPECT_TRUE(Says("found one with `brazierctl metastore found a:1")) << Out();
  options.json = true;
  out.str("");
  ASSERT_TRUE(GroupStatusCommand(tools, options, &all_well).ok());
  EXPECT_TRUE(Says("\"group_id\": null")) << Out();
}

TEST_F(GroupCommandsTest, FoundWaitsForALeader) {
  for (const char* address : {"a:1", "b:1", "c:1"}) cluster.Add(address, false);
  options.members = {"a:1", "b:1", "c:1"};
  ASSERT_TRUE(GroupFound(tools, options).ok());
  EXPECT_TRUE(Says("founded group 0000000000000abc of 3 members\n")) << Out();
  EXPECT_TRUE(Says("led by m-c"));
  EXPECT_FALSE(Says("note"));
}

TEST_F(GroupCommandsTest, FoundRefusesAndAdvises) {
  options.members = {"a:1", "b:1", "a:1"};
  EXPECT_EQ(GroupFound(tools, options).code(), Code::kInvalidArgument);
  options.members = {};
  EXPECT_EQ(GroupFound(tools, options).code(), Code::kInvalidArgument);
  cluster.Add("a:1", false);
  options.members = {"a:1", "b:1"};
  const Status status = GroupFound(tools, options);
  EXPECT_NE(status.message().find("b:1 does not answer"), std::string::npos);
  EXPECT_EQ(Out(), "");
  cluster.Add("b:1", false);
  ASSERT_TRUE(GroupFound(tools, options).ok());
  EXPECT_TRUE(Says("note: 2 voters, 0 may fail, as with 1")) << Out();
}

TEST_F(GroupCommandsTest, AddWaitsUntilTheLearnerHasCaughtUp) {
  FoundThree();
  cluster.Add("d:1", false);
  cluster.processes["d:1"].lag = 300;
  on_sleep = [&] { cluster.processes["d:1"].lag -= 100; };
  options.member = "d:1";
  const Status status = GroupAdd(tools, options);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(cluster.calls, (std::vector<std::string>{"add d:1", "promote 4"}));
  EXPECT_TRUE(Says("added m-d (0000000000000004) at d:1 as a learner\n")) << Out();
  EXPECT_TRUE(Says("m-d (0000000000000004) is a voter; the group has 4 voters, 1 may fail\n"));
  EXPECT_TRUE(Says("note: an even number"));
  EXPECT_NE(progress.str().find("it lacks 200 entries"), std::string::npos) << progress.str();
  EXPECT_TRUE(progress.str().ends_with("\r")) << "the line is removed";
}

TEST_F(GroupCommandsTest, AddThatTakesTooLongLeavesALearner) {
  FoundThree();
  cluster.Add("d:1", false);
  cluster.processes["d:1"].lag = 300;
  options.member = "d:1";
  options.wait_ns = 5 * kNsPerSecond;
  const Status status = GroupAdd(tools, options);
  EXPECT_EQ(status.code(), Code::kDeadlineExceeded);
  EXPECT_NE(status.message().find("`brazierctl metastore promote 0000000000000004`"),
            std::string::npos);
  cluster.processes["d:1"].lag = 0;
  options.member = "m-d";
  EXPECT_TRUE(GroupPromote(tools, options).ok());
  EXPECT_EQ(cluster.calls.back(), "promote 4");
}

TEST_F(GroupCommandsTest, AddCanLeaveALearner) {
  FoundThree();
  cluster.Add("d:1", false);
  options.member = "d:1";
  options.learner = true;
  ASSERT_TRUE(GroupAdd(tools, options).ok());
  EXPECT_EQ(cluster.calls, std::vector<std::string>{"add d:1"});
  // One that does not answer is the leader's error, untouched.
  options.member = "z:1";
  EXPECT_EQ(GroupAdd(tools, options).message(), "z:1 does not answer");
}

TEST_F(GroupCommandsTest, AddUnderTheAddressOfALostDiskReplacesIt) {
  FoundThree();
  cluster.processes["c:1"].in_group = cluster.processes["c:1"].is_voter = false;
  cluster.processes["c:1"].lost_id = 77;
  options.member = "c:1";
  ASSERT_TRUE(GroupAdd(tools, options).ok());
  EXPECT_TRUE(Says("it replaces m-old (000000000000004d), which is removed when it becomes a voter\n")) << Out();
  EXPECT_TRUE(Says("the group has 3 voters, 1 may fail\n"));
  EXPECT_FALSE(Says("note"));
}

TEST_F(GroupCommandsTest, RemoveAsksWhereTheGroupGetsWeaker) {
  FoundThree();
  options.member = "m-b";
  const Status status = GroupRemove(tools, options);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.reason(), "needs_yes");
  EXPECT_NE(status.message().find("removing m-b (0000000000000002) leaves 2 voters, of which none may fail"),
            std::string::npos)
      << status.message();
  EXPECT_EQ(cluster.calls, std::vector<std::string>{});
  options.yes = true;
  ASSERT_TRUE(GroupRemove(tools, options).ok());
  EXPECT_EQ(cluster.calls, std::vector<std::string>{"remove 2"});
  EXPECT_TRUE(Says("removed m-b (0000000000000002); the group has 2 voters, 0 may fail\n")) << Out();
}

TEST_F(GroupCommandsTest, TheLeaderIsRemovedOnceTheNextKnowsTheOthers) {
  FoundThree();
  cluster.Add("d:1", true);
  cluster.leader_hears_after = 20;
  options.member = "m-a";
  const Status status = GroupRemove(tools, options);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(cluster.calls, (std::vector<std::string>{"transfer 0", "remove 1"}));
  EXPECT_TRUE(Says("removed m-a (0000000000000001); the group has 3 voters, 1 may fail\n")) << Out();
}

TEST_F(GroupCommandsTest, RemovingAgainIsDoneAlready) {
  FoundThree();
  cluster.Add("d:1", true);
  options.member = "d:1";
  ASSERT_TRUE(GroupRemove(tools, options).ok()) << "three of four are as good";
  options.member = "0000000000000004";
  EXPECT_TRUE(GroupRemove(tools, options).ok());
  EXPECT_TRUE(Says("0000000000000004 is no member of group 0000000000000abc\n")) << Out();
  EXPECT_EQ(cluster.calls, std::vector<std::string>{"remove 4"});
  options.member = "m-d";
  EXPECT_EQ(GroupRemove(tools, options).code(), Code::kNotFound) << "a name may be a typing error";
}

TEST_F(GroupCommandsTest, TransferAndStepDownNameTheNewLeader) {
  FoundThree();
  options.member = "c:1";
  ASSERT_TRUE(GroupTransfer(tools, options).ok());
  EXPECT_EQ(Out(), "m-c (0000000000000003) leads\n");
  ASSERT_TRUE(GroupTransfer(tools, options).ok());
  EXPECT_TRUE(Says("m-c (0000000000000003) leads already\n"));
  EXPECT_EQ(cluster.calls, std::vector<std::string>{"transfer 3"});
  out.str("");
  ASSERT_TRUE(GroupStepDown(tools, options).ok());
  EXPECT_EQ(Out(), "m-a (0000000000000001) leads\n");
  EXPECT_EQ(cluster.calls.back(), "transfer 0");
  cluster.processes["b:1"].is_voter = false;
  options.member = "m-b";
  EXPECT_EQ(GroupTransfer(tools, options).code(), Code::kFailedPrecondition);
}

TEST_F(GroupCommandsTest, ChangesNeedAGroup) {
  cluster.Add("a:1", false);
  options.servers = {"a:1"};
  options.member = "b:1";
  for (const auto command : {GroupAdd, GroupPromote, GroupRemove, GroupTransfer, GroupStepDown}) {
    const Status status = command(tools, options);
    EXPECT_EQ(status.code(), Code::kFailedPrecondition);
    EXPECT_NE(status.message().find("a:1 belongs to no group yet: found one with"), std::string::npos);
  }
}

TEST_F(GroupCommandsTest, SnapshotOfTheFirstThatAnswers) {
  FoundThree();
  options.servers = {"x:1", "b:1"};
  ASSERT_TRUE(GroupTakeSnapshot(tools, options).ok());
  EXPECT_EQ(Out(),
            "metastore/snapshot-1\n"
            "of b:1 up to entry 1000, 2.00KiB, taken 2023-11-14T22:13:20Z\n");
}

}  // namespace
}  // namespace brazier::ctl
