// Founding, growing and shrinking groups of RaftNodes with their RaftMembers, on one thread: no clock, a run is a function
// of its seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>

#include "store/consensus/group_founding.h"
#include "store/consensus/raft_member.h"
#include "tests/store/consensus/recording_machine.h"
#include "tests/store/consensus/simulated_wire.h"

namespace brazier::consensus {
namespace {

GroupMember MemberOf(uint64_t id) {
  return {.node_id = id,
          .name = "member-" + std::to_string(id),
          .rpc_address = "host-" + std::to_string(id) + ":4040",
          .raft_address = "tcp://host-" + std::to_string(id) + ":4044"};
}

// A transport that remembers whom it was told of.
class MemberWire final : public Transport {
 public:
  MemberWire(uint64_t from, std::deque<Envelope>& wire) : network_(from, wire) {}
  void Send(uint64_t to, std::string message) override { network_.Send(to, std::move(message)); }
  void SetMembers(const std::vector<GroupMember>& members) override { members_ = members; }
  const std::vector<GroupMember>& members() const { return members_; }

 private:
  Network network_;
  std::vector<GroupMember> members_;
};

class Group {
 public:
  struct Process : RaftMember::Watcher {
    FaultyStore store;
    std::unique_ptr<MemberWire> wire;
    std::unique_ptr<RecordingMachine> machine;
    std::unique_ptr<RaftNode> node;
    std::unique_ptr<RaftMember> member;
  };

  void Found(const std::vector<uint64_t>& ids) {
    std::vector<GroupMember> founders;
    for (uint64_t id : ids) founders.push_back(MemberOf(id));
    group_id_ = GroupIdOf(founders);
    for (uint64_t id : ids) Begin(id, founders);
  }
  // A process with an empty disk that is to be added.
  void Join(uint64_t id) { Begin(id, {}); }

  void Start(uint64_t id) {
    Process& process = *processes_.at(id);
    process.wire = std::make_unique<MemberWire>(id, wire_);
    process.machine = std::make_unique<RecordingMachine>(process.store);
    RaftNode::Options options;
    options.node_id = id;
    options.seed = id;
    options.truncate_entries = truncate_entries;
    options.keep_entries = 2;
    auto node = RaftNode::Open(options, process.store, *process.machine, *process.wire);
    ASSERT_TRUE(node.ok()) << node.status().ToString();
    process.node = std::move(node).value();
    process.member = std::make_unique<RaftMember>(RaftMember::Options{}, *process.node, process);
  }
  void Crash(uint64_t id) {
    Process& process = *processes_.at(id);
    process.member.reset();
    process.node.reset();
    process.store.CutPower(0);
  }
  void Lose(uint64_t id) { processes_.erase(id); }

  void Run(int ticks) {
    for (int i = 0; i < ticks; ++i) {
      for (auto& [id, process] : processes_) Step(*process, true);
      for (int round = 0; round < 20 && !wire_.empty(); ++round) Deliver();
    }
  }
  void Deliver() {
    std::deque<Envelope> under_way = std::exchange(wire_, {});
    for (Envelope& envelope : under_way) {
      const auto to = processes_.find(envelope.to);
      if (to == processes_.end() || to->second->node == nullptr) continue;
      to->second->member->Receive(std::move(envelope.message));
    }
    for (auto& [id, process] : processes_) Step(*process, false);
  }
  bool RunUntil(const std::function<bool()>& reached) {
    for (int i = 0; i < 400; ++i) {
      if (reached()) return true;
      Run(1);
    }
    return reached();
  }

  uint64_t Leader() {
    uint64_t leader = 0, term = 0;
    for (auto& [id, process] : processes_) {
      if (process->node == nullptr) continue;
      const auto status = process->node->GetStatus();
      if (status.is_leader && status.committed_in_term && status.term > term) {
        leader = id;
        term = status.term;
      }
    }
    return leader;
  }
  uint64_t AwaitLeader() {
    EXPECT_TRUE(RunUntil([&] { return Leader() != 0; }));
    return Leader();
  }
  Status Propose(std::string command, std::optional<MemberChange> change = {}) {
    Status answer = Unavailable("unanswered");
    const uint64_t leader = AwaitLeader();
    bool answered = false;
    processes_.at(leader)->member->Propose({.command = std::move(command),
                                            .change = std::move(change),
                                            .deadline_ns = INT64_MAX,
                                            .done = [&](const Result<std::string>& result) {
                                              answer = result.status();
                                              answered = true;
                                            }});
    EXPECT_TRUE(RunUntil([&] { return answered; }));
    return answer;
  }
  Status Change(MemberChange::Kind kind, uint64_t id) { return Propose("", MemberChange{kind, MemberOf(id)}); }

  Process& At(uint64_t id) { return *processes_.at(id); }
  std::vector<std::string> AppliedBy(uint64_t id) { return At(id).machine->Commands(); }
  std::vector<uint64_t> VotersBy(uint64_t id) {
    std::vector<uint64_t> voters;
    for (const auto& progress : At(id).node->GetProgress()) {
      if (progress.is_voter) voters.push_back(progress.node_id);
    }
    return voters;
  }
  uint64_t truncate_entries = 10'000;

 private:
  void Begin(uint64_t id, const std::vector<GroupMember>& founders) {
    processes_[id] = std::make_unique<Process>();
    const Status founded = FoundStore(processes_[id]->store, {id, group_id_}, founders);
    ASSERT_TRUE(founded.ok()) << founded.ToString();
    Start(id);
  }
  void Step(Process& process, bool tick) {
    if (process.node == nullptr) return;
    const Status status = process.member->Step(0, tick);
    ASSERT_TRUE(process.node->broken().ok()) << process.node->broken().ToString();
  }

  uint64_t group_id_ = 0;
  std::deque<Envelope> wire_;
  std::map<uint64_t, std::unique_ptr<Process>> processes_;
};

using Kind = MemberChange::Kind;

TEST(RaftMembershipTest, AGroupGrowsFromOneToThreeAndShrinksAgain) {
  Group group;
  group.Found({10});
  ASSERT_TRUE(group.Propose("first").ok());
  for (uint64_t id : {20u, 30u}) {
    group.Join(id);
    ASSERT_TRUE(group.Change(Kind::kAddLearner, id).ok());
    ASSERT_TRUE(group.RunUntil([&] { return group.AppliedBy(id) == group.AppliedBy(10); }));
    ASSERT_TRUE(group.Change(Kind::kAddVoter, id).ok());
  }
  ASSERT_TRUE(group.Propose("second").ok());
  group.Run(5);
  for (uint64_t id : {10u, 20u, 30u}) {
    EXPECT_EQ(group.AppliedBy(id), (std::vector<std::string>{"first", "second"}));
    EXPECT_EQ(group.VotersBy(id), (std::vector<uint64_t>{10, 20, 30}));
    EXPECT_EQ(group.At(id).wire->members(),
              (std::vector<GroupMember>{MemberOf(10), MemberOf(20), MemberOf(30)}));
  }
  ASSERT_TRUE(group.Change(Kind::kRemove, 20).ok());
  ASSERT_TRUE(group.Change(Kind::kRemove, 30).ok());
  group.Lose(20);
  group.Lose(30);
  ASSERT_TRUE(group.Propose("third").ok());
  EXPECT_EQ(group.VotersBy(10), (std::vector<uint64_t>{10}));
}

TEST(RaftMembershipTest, AMemberWhoseDiskWasLostComesBackAsANewOneAndCatchesUp) {
  for (bool truncated : {false, true}) {
    Group group;
    if (truncated) group.truncate_entries = 4;
    group.Found({1, 2, 3});
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(group.Propose("c" + std::to_string(i)).ok());
    const uint64_t lost = group.AwaitLeader();
    group.Lose(lost);
    ASSERT_TRUE(group.Propose("without it").ok());
    group.Join(4);
    ASSERT_TRUE(group.Change(Kind::kAddLearner, 4).ok());
    ASSERT_TRUE(group.RunUntil([&] { return group.AppliedBy(4).size() == 21; }));
    ASSERT_TRUE(group.Change(Kind::kAddVoter, 4).ok());
    ASSERT_TRUE(group.Change(Kind::kRemove, lost).ok());
    ASSERT_TRUE(group.Propose("with the new one").ok());
    group.Run(5);
    EXPECT_EQ(group.AppliedBy(4).size(), 22u);
    EXPECT_EQ(group.VotersBy(4).size(), 3u);
  }
}

TEST(RaftMembershipTest, MembersSurviveARestartAndASnapshot) {
  Group group;
  group.truncate_entries = 4;
  group.Found({1, 2, 3});
  group.Join(4);
  ASSERT_TRUE(group.Change(Kind::kAddLearner, 4).ok());
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(group.Propose("c" + std::to_string(i)).ok());
  group.Run(50);
  for (uint64_t id : {1u, 2u, 3u, 4u}) {
    group.Crash(id);
    group.Start(id);
  }
  ASSERT_TRUE(group.Propose("after").ok());
  group.Run(20);
  for (uint64_t id : {1u, 2u, 3u, 4u}) {
    EXPECT_EQ(group.AppliedBy(id).size(), 31u);
    EXPECT_EQ(group.VotersBy(id), (std::vector<uint64_t>{1, 2, 3}));
    EXPECT_EQ(group.At(id).node->members(),
              (std::vector<GroupMember>{MemberOf(1), MemberOf(2), MemberOf(3), MemberOf(4)}));
  }
}

TEST(RaftMembershipTest, ANewcomerNeverCampaignsByItself) {
  Group group;
  group.Join(7);
  group.Run(200);
  EXPECT_EQ(group.At(7).node->GetStatus().term, 0u);
  EXPECT_FALSE(group.At(7).node->GetStatus().is_leader);
}

TEST(RaftMembershipTest, AMemberThatIsThereGetsItsNewAddresses) {
  Group group;
  group.Found({1, 2, 3});
  GroupMember moved = MemberOf(2);
  moved.rpc_address = "elsewhere:1";
  ASSERT_TRUE(group.Propose("", MemberChange{Kind::kAddVoter, moved}).ok());
  group.Run(5);
  for (uint64_t id : {1u, 2u, 3u}) {
    EXPECT_EQ(group.At(id).wire->members()[1], moved);
    EXPECT_EQ(group.VotersBy(id), (std::vector<uint64_t>{1, 2, 3}));
  }
}

TEST(RaftMembershipTest, LeadershipMovesOnRequest) {
  Group group;
  group.Found({1, 2, 3});
  const uint64_t first = group.AwaitLeader();
  const uint64_t next = first % 3 + 1;
  group.At(first).member->TransferLeader(next);
  EXPECT_TRUE(group.RunUntil([&] { return group.Leader() == next; }));
}

// The core forgets whom it has heard of at every election timeout.
TEST(RaftMembershipTest, AMemberThatIsWellNeverLooksSilentAndOneThatIsGoneDoes) {
  Group group;
  group.Found({1, 2, 3});
  const uint64_t leader = group.AwaitLeader();
  const auto active = [&] {
    size_t count = 0;
    for (const auto& progress : group.At(leader).node->GetProgress()) {
      count += progress.is_active && progress.node_id != leader ? 1 : 0;
    }
    return count;
  };
  group.Run(3);
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(group.At(leader).member->Step(0, true).ok());  // a tick, before anybody can answer
    ASSERT_EQ(active(), 2u) << i;
    group.Run(1);
  }
  group.Lose(leader % 3 + 1);
  group.Run(20);
  EXPECT_EQ(active(), 1u);
}

TEST(RaftMembershipTest, OnlyOneChangeAtATime) {
  Group group;
  group.Found({1, 2, 3});
  const uint64_t leader = group.AwaitLeader();
  std::vector<Status> answers;
  for (uint64_t id : {8u, 9u}) {
    group.At(leader).member->Propose({.change = MemberChange{Kind::kAddLearner, MemberOf(id)},
                                      .deadline_ns = INT64_MAX,
                                      .done = [&](const Result<std::string>& result) {
                                        answers.push_back(result.status());
                                      }});
  }
  ASSERT_TRUE(group.RunUntil([&] { return answers.size() == 2; }));
  // The second one may come after the first one is applied, or be told to wait; it is never lost silently.
  const size_t members = group.At(leader).node->members().size();
  EXPECT_TRUE(answers[0].ok());
  EXPECT_EQ(members, answers[1].ok() ? 5u : 4u);
  if (!answers[1].ok()) {
    EXPECT_EQ(answers[1].reason(), "change_under_way");
  }
}

// Two calls that were both right when they looked, one after the other: the second must not take effect.
TEST(RaftMembershipTest, ChangesThatWouldBreakTheGroupAreRefusedWhenTheyAreProposed) {
  Group group;
  group.Found({1, 2});
  ASSERT_TRUE(group.Propose("before").ok());
  const uint64_t leader = group.AwaitLeader();
  const uint64_t other = 3 - leader;
  EXPECT_EQ(group.Change(Kind::kAddLearner, other).code(), Code::kFailedPrecondition);
  ASSERT_TRUE(group.Change(Kind::kRemove, other).ok());
  EXPECT_EQ(group.Change(Kind::kAddVoter, other).code(), Code::kFailedPrecondition);
  EXPECT_EQ(group.Change(Kind::kRemove, leader).code(), Code::kFailedPrecondition);
  EXPECT_TRUE(group.Propose("after").ok());
  EXPECT_EQ(group.VotersBy(leader), (std::vector<uint64_t>{leader}));
}

// The entry was proposed by a leader that another one followed: the one that it removes.
TEST(RaftMembershipTest, ALeaderThatIsRemovedStepsDown) {
  Group group;
  group.Found({1, 2, 3});
  const uint64_t removed = group.AwaitLeader();
  ASSERT_TRUE(group.Change(Kind::kRemove, removed).ok());
  EXPECT_FALSE(group.At(removed).node->GetStatus().is_leader);
  EXPECT_FALSE(group.At(removed).node->GetStatus().is_alone);
  ASSERT_TRUE(group.RunUntil([&] { return group.Leader() != 0 && group.Leader() != removed; }));
  ASSERT_TRUE(group.Propose("without it").ok());
  EXPECT_EQ(group.VotersBy(group.Leader()).size(), 2u);
}

// The core has the members of a snapshot before the write that installs it.
TEST(RaftMembershipTest, AMemberThatCannotWriteTheStateItGotKnowsTheMembersItHad) {
  Group group;
  group.truncate_entries = 4;
  group.Found({1, 2, 3});
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(group.Propose("c" + std::to_string(i)).ok());
  group.Join(4);
  group.At(4).store.SetFailingSwaps(true);
  ASSERT_TRUE(group.Change(Kind::kAddLearner, 4).ok());
  ASSERT_TRUE(group.RunUntil([&] { return group.At(4).node->blocked(); }));
  EXPECT_EQ(group.At(4).node->GetProgress().size(), 4u);
  EXPECT_TRUE(group.At(4).node->GetMembers().empty());
  group.At(4).store.SetFailingSwaps(false);
  ASSERT_TRUE(group.RunUntil([&] { return group.AppliedBy(4).size() == 20; }));
  EXPECT_EQ(group.At(4).node->GetMembers().size(), 4u);
}

// When a removal is answered, the one that was removed may be switched off for good, and the others crash.
TEST(RaftMembershipTest, AChangeThatWasAnsweredIsDurable) {
  Group group;
  group.Found({1, 2});
  ASSERT_TRUE(group.Propose("before").ok());
  group.Run(5);
  const uint64_t leader = group.AwaitLeader();
  const uint64_t removed = 3 - leader;
  bool answered = false;
  group.At(leader).member->Propose({.change = MemberChange{Kind::kRemove, MemberOf(removed)},
                                    .deadline_ns = INT64_MAX,
                                    .done = [&](const Result<std::string>& result) { answered = result.ok(); }});
  for (int i = 0; i < 20 && !answered; ++i) group.Deliver();
  ASSERT_TRUE(answered);
  group.Lose(removed);
  group.Crash(leader);
  group.Start(leader);
  ASSERT_TRUE(group.RunUntil([&] { return group.Leader() == leader; }));
  EXPECT_TRUE(group.Propose("alone").ok());
}

TEST(GroupFoundingTest, TheSameFoundersFoundTheSameGroup) {
  EXPECT_EQ(GroupIdOf({MemberOf(1), MemberOf(2)}), GroupIdOf({MemberOf(2), MemberOf(1)}));
  EXPECT_NE(GroupIdOf({MemberOf(1), MemberOf(2)}), GroupIdOf({MemberOf(1), MemberOf(3)}));
  EXPECT_NE(GroupIdOf({MemberOf(1)}), GroupIdOf({MemberOf(1), MemberOf(1)}));
}

TEST(GroupFoundingTest, AStoreIsFoundedOnceAndByOneOfTheFounders) {
  FaultyStore store;
  EXPECT_EQ(*ReadIdentity(store), std::nullopt);
  ASSERT_TRUE(WriteIdentity(store, {5, 0}).ok());
  EXPECT_EQ(*ReadIdentity(store), (NodeIdentity{5, 0}));
  EXPECT_FALSE(IsFounded(store).value());
  EXPECT_EQ(FoundStore(store, {5, 9}, {MemberOf(6)}).code(), Code::kFailedPrecondition);
  ASSERT_TRUE(FoundStore(store, {5, 9}, {MemberOf(5), MemberOf(6)}).ok());
  EXPECT_TRUE(IsFounded(store).value());
  EXPECT_EQ(*ReadIdentity(store), (NodeIdentity{5, 9}));
  EXPECT_EQ(FoundStore(store, {5, 9}, {MemberOf(5), MemberOf(6)}).code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace brazier::consensus
