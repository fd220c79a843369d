// Members that fell behind the log catch up by a snapshot: groups of three on a simulated network, one thread, no clock.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <set>

#include "store/consensus/raft_node.h"
#include "tests/store/consensus/recording_machine.h"
#include "tests/store/consensus/simulated_wire.h"

namespace brazier::consensus {
namespace {

class Group {
 public:
  struct Member {
    std::unique_ptr<FaultyStore> store = std::make_unique<FaultyStore>();
    std::unique_ptr<Network> network;
    std::unique_ptr<RecordingMachine> machine;
    std::unique_ptr<RaftNode> node;
    int restores = 0;  // of earlier machines
  };

  explicit Group(uint64_t seed, RaftNode::Options options = SmallOptions())
      : random_(seed), options_(options) {
    options_.voters = {1, 2, 3};
    options_.seed = seed;
    for (uint64_t id = 1; id <= 3; ++id) {
      members_[id].network = std::make_unique<Network>(id, wire_);
    }
  }

  // A log and chunks so short that little data takes many steps.
  static RaftNode::Options SmallOptions() {
    RaftNode::Options options;
    options.truncate_entries = 20;
    options.keep_entries = 5;
    options.snapshot_chunk_bytes = 100;
    return options;
  }

  Member& at(uint64_t id) { return members_[id]; }
  std::mt19937_64& random() { return random_; }
  std::deque<Envelope>& wire() { return wire_; }

  void StartAll() {
    for (uint64_t id = 1; id <= 3; ++id) Start(id);
  }
  void Start(uint64_t id) {
    Member& member = members_[id];
    member.machine = std::make_unique<RecordingMachine>(*member.store);
    options_.node_id = id;
    auto node = RaftNode::Open(options_, *member.store, *member.machine, *member.network);
    ASSERT_TRUE(node.ok()) << node.status().ToString();
    member.node = std::move(node).value();
  }
  void Stop(uint64_t id) {
    Member& member = members_[id];
    if (member.node == nullptr) return;
    member.node.reset();
    member.restores += member.machine->restores();
    member.machine.reset();
  }
  // Power is cut: any number of the last unsynced writes is lost.
  void Crash(uint64_t id) {
    Stop(id);
    FaultyStore& store = *members_[id].store;
    store.SetFailing(false);
    store.CutPower(random_() % (store.unsynced() + 1));
  }
  int RestoresOf(uint64_t id) {
    return members_[id].restores + (members_[id].machine ? members_[id].machine->restores() : 0);
  }

  void DriveAll() {
    for (auto& [id, member] : members_) Drive(member);
  }
  void Drive(Member& member) {
    for (int round = 0; member.node != nullptr; ++round) {
      ASSERT_LT(round, 1000) << "a member never comes to rest";
      Result<RaftNode::Round> done = member.node->RunRound();
      if (member.node->snapshot_bytes() > held_max) held_max = member.node->snapshot_bytes();
      if (!done.ok()) {
        ASSERT_TRUE(member.node->broken().ok()) << member.node->broken().ToString();
        return;  // the disk fails: again next time
      }
      if (!done->worked) return;
      for (const RaftNode::Answer& answer : done->answers) {
        const auto it = proposed_.find({answer.index, answer.term});
        if (it != proposed_.end()) acknowledged.insert(it->second);
      }
    }
  }
  void TickAll() {
    for (auto& [id, member] : members_) {
      if (member.node == nullptr || member.node->blocked()) continue;
      ASSERT_TRUE(member.node->Tick().ok());
    }
    DriveAll();
  }
  void Deliver(size_t place, bool keep = false) {
    const Envelope envelope = wire_[place];
    if (!keep) wire_.erase(wire_.begin() + place);
    if (cut_off.contains(envelope.from) || cut_off.contains(envelope.to)) return;
    Member& to = members_[envelope.to];
    if (to.node == nullptr || to.node->blocked()) return;
    static_cast<void>(to.node->Receive(envelope.message));
    Drive(to);
  }
  // Ticks, each followed by the delivery of all there is.
  void Spin(int ticks) {
    for (int i = 0; i < ticks; ++i) {
      TickAll();
      for (int messages = 0; !wire_.empty() && messages < 20'000; ++messages) {
        Deliver(0);
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }

  uint64_t Leader() {
    uint64_t leader = 0, term = 0;
    for (auto& [id, member] : members_) {
      if (member.node == nullptr || cut_off.contains(id)) continue;
      const RaftNode::CoreStatus status = member.node->GetStatus();
      if (status.is_leader && status.term > term) leader = id, term = status.term;
    }
    return leader;
  }
  // False when nobody leads.
  bool Propose(size_t bytes) {
    const uint64_t leader = Leader();
    if (leader == 0 || members_[leader].node->blocked()) return false;
    std::string command = "command " + std::to_string(++last_command_) + " ";
    command.resize(std::max(command.size(), bytes), 'x');
    const std::string_view view = command;
    const Result<uint64_t> index = members_[leader].node->Propose(std::span(&view, 1));
    if (!index.ok()) return false;
    proposed_[{*index, members_[leader].node->GetStatus().term}] = command;
    return true;
  }
  void ProposeMany(int count, size_t bytes) {
    for (int i = 0; i < count; ++i) {
      for (int tries = 0; tries < 500 && !Propose(bytes); ++tries) Spin(1);
      Spin(1);
    }
  }

  // All of the state family: what replicas must agree on to the byte.
  std::vector<std::pair<std::string, std::string>> Dump(uint64_t id) {
    std::vector<std::pair<std::string, std::string>> found;
    EXPECT_TRUE(members_[id]
                    .store
                    ->Scan(kv::Family::kState, "", "",
                           [&](std::string_view key, std::string_view value) {
                             found.emplace_back(key, value);
                             return true;
                           })
                    .ok());
    return found;
  }
  // Ends all faults, then expects agreement.
  void ExpectAgreement() {
    cut_off.clear();
    for (auto& [id, member] : members_) {
      member.store->SetFailing(false);
      if (member.node == nullptr) Start(id);
    }
    for (int i = 0; i < 60; ++i) {
      Spin(10);
      if (testing::Test::HasFatalFailure()) return;
      if (i > 5 && Dump(1) == Dump(2) && Dump(1) == Dump(3)) break;
    }
    const auto dump = Dump(1);
    EXPECT_EQ(dump.size(), Dump(3).size());
    ASSERT_TRUE(dump == Dump(2)) << "states differ";
    ASSERT_TRUE(dump == Dump(3)) << "states differ";
    const std::vector<std::string> commands = members_[1].machine->Commands();
    const std::set<std::string> distinct(commands.begin(), commands.end());
    EXPECT_EQ(distinct.size(), commands.size()) << "a command was applied twice";
    EXPECT_TRUE(std::includes(distinct.begin(), distinct.end(), acknowledged.begin(),
                              acknowledged.end()))
        << "an acknowledged command is lost";
    for (auto& [id, member] : members_) {
      size_t staged = 0;
      EXPECT_TRUE(member.store
                      ->Scan(kv::Family::kStaging, "", "",
                             [&](auto, auto) { return ++staged > 0; })
                      .ok());
      EXPECT_EQ(staged, 0u) << "member " << id << " keeps what it does not need";
      EXPECT_EQ(member.node->snapshot_bytes(), 0u);
    }
  }

  std::set<uint64_t> cut_off;
  std::set<std::string> acknowledged;
  size_t held_max = 0;

 private:
  std::mt19937_64 random_;
  RaftNode::Options options_;
  std::map<uint64_t, Member> members_;
  std::deque<Envelope> wire_;
  uint64_t last_command_ = 0;
  std::map<std::pair<uint64_t, uint64_t>, std::string> proposed_;  // by (index, term)
};

// Three members of whom `lagging` needs entries that nobody has any more; nothing was sent to it yet.
void MakeLagging(Group& group, uint64_t lagging, int commands, size_t bytes) {
  group.StartAll();
  group.Spin(40);
  group.ProposeMany(3, 10);
  group.cut_off = {lagging};
  group.Spin(40);
  group.ProposeMany(commands, bytes);
  ASSERT_NE(group.Leader(), 0u);
  ASSERT_GT(group.at(group.Leader()).node->GetStatus().first_index,
            group.at(lagging).node->GetStatus().last_index + 1);
  group.wire().clear();
  group.cut_off.clear();
}

TEST(RaftSnapshotTest, ALaggingMemberGetsAStateOfManyChunksWhileWritesGoOn) {
  RaftNode::Options options = Group::SmallOptions();
  options.snapshot_chunk_bytes = 256 << 10;
  options.truncate_entries = 120;
  Group group(1, options);
  MakeLagging(group, 3, 300, 30'000);
  for (int i = 0; i < 400; ++i) {  // more than the log would keep
    group.Propose(20);
    group.TickAll();
    for (int messages = 0; messages < 8 && !group.wire().empty(); ++messages) group.Deliver(0);
  }
  group.ExpectAgreement();
  // The log was held for it: one snapshot was enough.
  EXPECT_EQ(group.RestoresOf(3), 1);
  EXPECT_EQ(group.RestoresOf(1) + group.RestoresOf(2), 0);
  EXPECT_GT(group.held_max, 3u * (200 << 10));
  EXPECT_LE(group.held_max, 4u * ((256 << 10) + 100));
  EXPECT_GT(group.acknowledged.size(), 600u);
}

TEST(RaftSnapshotTest, AnEmptyMemberGetsTheState) {
  Group group(2);
  group.Start(1);
  group.Start(2);
  group.Spin(40);
  group.ProposeMany(60, 50);
  group.Start(3);
  group.ExpectAgreement();
  EXPECT_EQ(group.RestoresOf(3), 1);
}

// The leader still counts on what the member had acknowledged before.
TEST(RaftSnapshotTest, AMemberWhoseDiskWasLostDoesNotVoteUntilItHasTheStateAgain) {
  Group group(3);
  group.StartAll();
  group.Spin(40);
  group.ProposeMany(60, 50);
  const uint64_t leader = group.Leader();
  const uint64_t lost = leader % 3 + 1;
  const uint64_t other = lost % 3 + 1;
  group.Stop(lost);
  group.at(lost).store = std::make_unique<FaultyStore>();
  group.Start(lost);
  // One heartbeat tells it.
  for (bool told = false; !told;) {
    if (group.wire().empty()) group.TickAll();
    if (group.wire().empty()) continue;
    const Envelope& next = group.wire().front();
    told = next.from == leader && next.to == lost;
    group.Deliver(0);
  }
  ASSERT_TRUE(group.at(lost).node->broken().ok());
  // Alone with a member that would take its vote, or its candidacy, it helps nobody to lead.
  group.cut_off = {leader};
  for (int i = 0; i < 40; ++i) {
    group.Spin(5);
    ASSERT_FALSE(group.at(lost).node->GetStatus().is_leader);
    ASSERT_FALSE(group.at(other).node->GetStatus().is_leader);
  }
  group.cut_off.clear();
  group.Spin(40);
  group.ProposeMany(5, 50);
  group.ExpectAgreement();
  EXPECT_EQ(group.RestoresOf(lost), 1);
  // Now it votes.
  group.cut_off = {group.Leader()};
  group.Spin(60);
  EXPECT_NE(group.Leader(), 0u);
}

TEST(RaftSnapshotTest, AMemberWhoseDiskWasLostNeedsNoNewWritesToGetTheState) {
  for (uint64_t seed = 20; seed < 40; ++seed) {
    Group group(seed);
    group.StartAll();
    group.Spin(40);
    group.ProposeMany(60, 50);
    group.Spin(10);
    const uint64_t lost = group.Leader() % 3 + 1;
    group.Stop(lost);
    group.at(lost).store = std::make_unique<FaultyStore>();
    group.ExpectAgreement();
    ASSERT_FALSE(testing::Test::HasFatalFailure());
    EXPECT_EQ(group.RestoresOf(lost), 1);
  }
}

// A state that fits the members, one by one, whatever a crash left.
TEST(RaftSnapshotTest, CrashesAtEveryStepAreRecoveredFrom) {
  int restores = 0, crashes = 0;
  for (const bool receiver : {true, false}) {
    for (int step = 0; step < 120; ++step) {
      SCOPED_TRACE((receiver ? "receiver, message " : "sender, message ") + std::to_string(step));
      Group group(100 + step);
      MakeLagging(group, 3, 45, 40);
      if (testing::Test::HasFatalFailure()) return;
      const size_t old_size = group.Dump(3).size();
      const auto whole = group.Dump(group.Leader());
      int delivered = 0;
      while (delivered < step && group.RestoresOf(3) == 0) {
        if (group.wire().empty()) group.TickAll();
        if (group.wire().empty()) continue;
        group.Deliver(0);
        ++delivered;
        if (testing::Test::HasFatalFailure()) return;
        // Readers see the old state or all of the new one.
        const size_t size = group.Dump(3).size();
        ASSERT_TRUE(size == old_size || size >= whole.size()) << size;
      }
      const uint64_t victim = receiver ? 3 : group.Leader();
      if (victim == 0) continue;
      group.Crash(victim);
      ++crashes;
      const size_t left = group.Dump(3).size();
      ASSERT_TRUE(left <= old_size || left >= whole.size()) << left;  // unsynced writes may be lost
      group.ExpectAgreement();
      if (testing::Test::HasFatalFailure()) return;
      ASSERT_GE(group.RestoresOf(3), 1);
      restores += group.RestoresOf(3);
    }
  }
  EXPECT_GT(crashes, 200);
  EXPECT_GT(restores, 200);
}

TEST(RaftSnapshotTest, ADiskThatIsFullInTheMiddleDelaysIt) {
  for (int step = 0; step < 60; ++step) {
    Group group(300 + step);
    MakeLagging(group, 3, 45, 40);
    for (int i = 0; i < step; ++i) {
      if (group.wire().empty()) group.TickAll();
      if (!group.wire().empty()) group.Deliver(0);
    }
    group.at(3).store->SetFailing(true);
    for (int i = 0; i < 100; ++i) {
      group.TickAll();
      if (!group.wire().empty()) group.Deliver(0);
    }
    ASSERT_FALSE(testing::Test::HasFatalFailure());
    group.ExpectAgreement();
    ASSERT_EQ(group.RestoresOf(3), 1);
  }
}

TEST(RaftSnapshotTest, ANewLeaderBeginsAnew) {
  int moved = 0;
  for (int step = 5; step < 40; ++step) {
    Group group(500 + step);
    MakeLagging(group, 3, 45, 40);
    const uint64_t old_leader = group.Leader();
    for (int i = 0; i < step; ++i) {
      if (group.wire().empty()) group.TickAll();
      if (!group.wire().empty()) group.Deliver(0);
    }
    static_cast<void>(group.at(old_leader).node->TransferLeader(3 - old_leader));
    group.DriveAll();
    group.Spin(10);
    moved += group.Leader() == 3 - old_leader ? 1 : 0;
    group.ExpectAgreement();
    ASSERT_FALSE(testing::Test::HasFatalFailure());
    ASSERT_GE(group.RestoresOf(3), 1);
  }
  EXPECT_GT(moved, 20);
}

TEST(RaftSnapshotTest, ASenderThatIsCutOffLetsGo) {
  Group group(7);
  MakeLagging(group, 3, 45, 40);
  const uint64_t leader = group.Leader();
  while (group.at(leader).node->snapshot_bytes() == 0) {
    group.TickAll();
    if (!group.wire().empty()) group.Deliver(0);
  }
  group.cut_off = {3};
  group.Spin(200);
  EXPECT_EQ(group.at(leader).node->snapshot_bytes(), 0u);
  group.ExpectAgreement();
  EXPECT_EQ(group.RestoresOf(3), 1);
}

TEST(RaftSnapshotTest, FaultsOfEveryKindEndInAgreement) {
  int restores = 0;
  uint64_t acknowledged = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Group group(seed);
    group.StartAll();
    std::mt19937_64& random = group.random();
    for (int step = 0; step < 6000; ++step) {
      const uint64_t id = 1 + random() % 3;
      const uint64_t dice = random() % 1000;
      if (dice < 2) {
        group.Crash(id);
      } else if (dice < 8) {
        if (group.at(id).node == nullptr) group.Start(id);
      } else if (dice < 12) {
        group.cut_off.clear();
        if (random() % 3 != 0) group.cut_off = {id};
      } else if (dice < 15) {
        group.at(id).store->SetFailing(random() % 3 == 0);
      } else if (dice < 100) {
        group.TickAll();
      } else if (dice < 200) {
        group.Propose(30);
        group.DriveAll();
      } else if (!group.wire().empty()) {
        const size_t place = random() % std::min<size_t>(group.wire().size(), 4);
        const uint64_t luck = random() % 40;
        if (luck == 0) {
          group.wire().erase(group.wire().begin() + place);
        } else {
          group.Deliver(place, /*keep=*/luck == 1);
        }
        while (group.wire().size() > 300) group.wire().pop_front();
      }
      if (testing::Test::HasFatalFailure()) return;
    }
    group.ExpectAgreement();
    if (testing::Test::HasFatalFailure()) return;
    for (uint64_t id = 1; id <= 3; ++id) restores += group.RestoresOf(id);
    acknowledged += group.acknowledged.size();
  }
  // The dice must have made snapshots necessary, and left room for work.
  EXPECT_GT(restores, 40);
  EXPECT_GT(acknowledged, 2000u);
  RecordProperty("restores", restores);
}

// Frames that no honest member sends.
TEST(RaftSnapshotTest, HostileFramesHaveNoEffect) {
  Group group(9);
  group.StartAll();
  group.Spin(40);
  group.ProposeMany(5, 20);
  const uint64_t leader = group.Leader();
  const uint64_t id = leader % 3 + 1;
  RaftNode& node = *group.at(id).node;
  const auto before = group.Dump(id);
  const uint64_t term = node.GetStatus().term;
  SnapshotFrame head{.from = leader, .to = id, .term = term, .transfer = 1, .index = 1000};
  const auto receive = [&](SnapshotFrame frame) {
    static_cast<void>(node.Receive(EncodeSnapshotFrame(frame)));
    group.Drive(group.at(id));
    ASSERT_TRUE(node.broken().ok()) << node.broken().ToString();
    ASSERT_TRUE(group.Dump(id) == before);
  };
  const auto records_of = [](std::vector<std::string> keys) {
    std::string records;
    for (const std::string& key : keys) AppendSnapshotRecord(key, "value", records);
    return records;
  };
  // Members, terms and indexes that the core would choke on, at the end of a whole transfer.
  for (const std::string& members : {std::string(), std::string("\xff\xff"), std::string("\x08\x00", 2),
                                     std::string("\x08\x01\x08\x01", 4)}) {
    for (uint64_t index_term : {uint64_t{0}, term, term + 1}) {
      ++head.transfer;
      SnapshotFrame frame = head;
      frame.index_term = index_term;
      frame.members = members;
      receive(frame);
      frame = head;
      frame.kind = SnapshotFrameKind::kEnd;
      frame.number = 1;
      receive(frame);
    }
  }
  // Records that are none, do not ascend, or are not the state machine's.
  for (const std::string& records :
       {std::string(), std::string("abc"), records_of({"b", "a"}), records_of({"a", "a"}),
        records_of({std::string(kAppliedKey)})}) {
    ++head.transfer;
    SnapshotFrame frame = head;
    frame.index_term = term;
    frame.members = "\x08\x01\x08\x02";
    receive(frame);
    frame.kind = SnapshotFrameKind::kData;
    frame.number = 1;
    frame.records = records;
    receive(frame);
  }
  // An end that does not fit what came.
  ++head.transfer;
  SnapshotFrame frame = head;
  frame.index_term = term;
  frame.members = "\x08\x01\x08\x02";
  receive(frame);
  frame.kind = SnapshotFrameKind::kEnd;
  frame.number = 1;
  frame.records_count = 1;
  receive(frame);
  // Anything at all.
  for (int i = 0; i < 5000; ++i) {
    SnapshotFrame any{.kind = static_cast<SnapshotFrameKind>(group.random()() % 5),
                      .from = group.random()() % 5,
                      .to = group.random()() % 4,
                      .term = group.random()() % (term + 1),
                      .transfer = group.random()() % 5,
                      .index = group.random()() % 20,
                      .number = static_cast<uint32_t>(group.random()() % 3)};
    any.answer = static_cast<SnapshotAnswer>(group.random()() % 4);
    any.index_term = group.random()() % 5;
    any.members = "junk";
    receive(any);
    if (testing::Test::HasFatalFailure()) return;
  }
  group.wire().clear();
  group.ProposeMany(5, 20);
  group.ExpectAgreement();
}

}  // namespace
}  // namespace brazier::consensus
