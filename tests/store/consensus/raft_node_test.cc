// RaftNode alone and in groups on a simulated network: one thread, no clock; a run is a function of its seed.
#include "store/consensus/raft_node.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "common/base/hash.h"
#include "store/consensus/raft_core/raft_core.h"
#include "tests/store/consensus/recording_machine.h"
#include "tests/store/consensus/simulated_wire.h"

namespace brazier::consensus {
namespace {

// Three members that crash, lose unsynced writes, are cut off, and lose, delay, repeat and reorder messages.
class Group {
 public:
  static constexpr uint64_t kMembers = 3;

  explicit Group(uint64_t seed) : random_(seed), seed_(seed) {
    for (uint64_t id = 1; id <= kMembers; ++id) {
      Member& member = members_[id];
      member.store = std::make_unique<FaultyStore>();
      member.network = std::make_unique<Network>(id, wire_);
      Start(id);
    }
  }

  void Run(int steps, bool faults) {
    for (int step = 0; step < steps; ++step) {
      Step(faults);
      Check();
    }
  }

  // Ends all faults and runs until every member applied the same.
  bool Settle() {
    cut_off_ = 0;
    for (uint64_t id = 1; id <= kMembers; ++id) {
      members_[id].store->SetFailing(false);
      if (members_[id].node == nullptr) Start(id);
    }
    for (int step = 0; step < 3000; ++step) {
      Step(false);
      Check();
      const size_t longest = AppliedBy(1).size();
      if (wire_.size() < 20 && longest > 0 && AppliedBy(2).size() == longest &&
          AppliedBy(3).size() == longest && acknowledged_.size() > 0 && step > 500) {
        return true;
      }
    }
    return false;
  }

  std::vector<std::string> AppliedBy(uint64_t id) { return members_[id].machine->Commands(); }
  const std::vector<std::string>& acknowledged() const { return acknowledged_; }
  uint64_t trace() const { return trace_; }
  uint64_t leaders() const { return leaders_.size(); }
  uint64_t crashes() const { return crashes_; }

 private:
  struct Member {
    std::unique_ptr<FaultyStore> store;
    std::unique_ptr<Network> network;
    std::unique_ptr<RecordingMachine> machine;
    std::unique_ptr<RaftNode> node;
    std::map<std::pair<uint64_t, uint64_t>, std::string> proposed;  // by (index, term)
    size_t checked = 0;
  };

  void Start(uint64_t id) {
    Member& member = members_[id];
    member.machine = std::make_unique<RecordingMachine>(*member.store);
    RaftNode::Options options;
    options.node_id = id;
    options.voters = {1, 2, 3};
    options.seed = seed_;
    auto node = RaftNode::Open(options, *member.store, *member.machine, *member.network);
    ASSERT_TRUE(node.ok()) << node.status().ToString();
    member.node = std::move(node).value();
    member.checked = 0;
  }

  void Crash(uint64_t id) {
    Member& member = members_[id];
    member.node.reset();
    member.proposed.clear();
    member.store->SetFailing(false);
    member.store->CutPower(random_() % (member.store->unsynced() + 1));
    ++crashes_;
  }

  void Step(bool faults) {
    const uint64_t id = 1 + random_() % kMembers;
    Member& member = members_[id];
    const uint64_t dice = random_() % 1000;
    if (faults && dice < 6) {
      if (member.node != nullptr) Crash(id);
    } else if (faults && dice < 10) {
      cut_off_ = random_() % (kMembers + 1);  // 0: nobody
    } else if (faults && dice < 16) {
      member.store->SetFailing(random_() % 2 == 0);
    } else if (dice < 120) {
      if (member.node == nullptr) {
        if (random_() % 4 == 0) Start(id);
      } else if (!member.node->blocked()) {
        ASSERT_TRUE(member.node->Tick().ok());
      }
    } else if (dice < 220) {
      Propose(member);
    } else {
      Deliver(faults);
    }
    for (auto& [other, each] : members_) Drive(other, each);
  }

  void Propose(Member& member) {
    if (member.node == nullptr || member.node->blocked()) return;
    std::vector<std::string> commands;
    for (uint64_t i = 0; i <= random_() % 3; ++i) {
      commands.push_back("command " + std::to_string(++last_command_));
    }
    const std::vector<std::string_view> views(commands.begin(), commands.end());
    const Result<uint64_t> first = member.node->Propose(views);
    if (!first.ok()) return;
    const uint64_t term = member.node->GetStatus().term;
    for (size_t i = 0; i < commands.size(); ++i) {
      member.proposed[{*first + i, term}] = commands[i];
    }
  }

  void Deliver(bool faults) {
    if (wire_.empty()) return;
    const size_t at = faults ? random_() % std::min<size_t>(wire_.size(), 4) : 0;
    const Envelope envelope = wire_[at];
    if (!faults || random_() % 20 != 0) wire_.erase(wire_.begin() + at);  // else it comes again
    if (wire_.size() > 500) wire_.pop_front();
    if (faults && random_() % 20 == 0) return;
    if (cut_off_ != 0 && (envelope.from == cut_off_ || envelope.to == cut_off_)) return;
    trace_ = MixHash(trace_, Hash64(envelope.message, envelope.to));
    Member& to = members_[envelope.to];
    if (to.node == nullptr || to.node->blocked()) return;
    static_cast<void>(to.node->Receive(envelope.message));
  }

  void Drive(uint64_t id, Member& member) {
    if (member.node == nullptr) return;
    for (int round = 0; round < 100; ++round) {
      Result<RaftNode::Round> done = member.node->RunRound();
      if (!done.ok()) {
        ASSERT_TRUE(member.node->broken().ok()) << member.node->broken().ToString();
        return;  // the disk fails: again next time
      }
      if (!done->worked) return;
      const RaftNode::CoreStatus status = member.node->GetStatus();
      if (status.is_leader) {
        const auto [it, is_new] = leaders_.emplace(status.term, id);
        ASSERT_TRUE(is_new || it->second == id) << "two leaders in term " << status.term;
      }
      for (const RaftNode::Answer& answer : done->answers) {
        const auto it = member.proposed.find({answer.index, answer.term});
        if (it != member.proposed.end()) acknowledged_.push_back(it->second);
      }
    }
    FAIL() << "a member never comes to rest";
  }

  // What any member applied is a prefix of what all apply.
  void Check() {
    if (++checks_ % 50 != 0) return;
    for (uint64_t id = 1; id <= kMembers; ++id) {
      const std::vector<std::string> applied = AppliedBy(id);
      const size_t common = std::min(applied.size(), order_.size());
      ASSERT_TRUE(std::equal(applied.begin(), applied.begin() + common, order_.begin()))
          << "members applied different commands";
      order_.insert(order_.end(), applied.begin() + common, applied.end());
    }
  }

  std::mt19937_64 random_;
  const uint64_t seed_;
  std::map<uint64_t, Member> members_;
  std::deque<Envelope> wire_;
  uint64_t cut_off_ = 0;
  uint64_t last_command_ = 0;
  uint64_t crashes_ = 0;
  uint64_t checks_ = 0;
  uint64_t trace_ = 0;
  std::map<uint64_t, uint64_t> leaders_;  // by term
  std::vector<std::string> acknowledged_;
  std::vector<std::string> order_;
};

TEST(RaftNodeGroupTest, FaultsNeverLoseOrReorderWhatWasAcknowledged) {
  uint64_t crashes = 0, leaders = 0, acknowledged = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Group group(seed);
    group.Run(4000, true);
    if (HasFatalFailure()) return;
    ASSERT_TRUE(group.Settle()) << "the group does not come to an agreement";
    const std::vector<std::string> applied = group.AppliedBy(1);
    EXPECT_EQ(applied, group.AppliedBy(2));
    EXPECT_EQ(applied, group.AppliedBy(3));
    const std::set<std::string> distinct(applied.begin(), applied.end());
    EXPECT_EQ(distinct.size(), applied.size()) << "a command was applied twice";
    for (const std::string& command : group.acknowledged()) {
      ASSERT_TRUE(distinct.contains(command)) << command << " was acknowledged and lost";
    }
    crashes += group.crashes();
    leaders += group.leaders();
    acknowledged += group.acknowledged().size();
  }
  // The faults must not have kept the group from working, nor the luck of the dice the faults away.
  EXPECT_GT(crashes, 60u);
  EXPECT_GT(leaders, 24u);
  EXPECT_GT(acknowledged, 500u);
}

TEST(RaftNodeGroupTest, TheSameSeedGivesTheSameRun) {
  const auto run = [](uint64_t seed) {
    Group group(seed);
    group.Run(3000, true);
    return std::pair(group.trace(), group.AppliedBy(1));
  };
  const auto first = run(42);
  EXPECT_EQ(first, run(42));
  EXPECT_NE(first.first, run(43).first);
}

// Three members whose messages the test delivers.
class ReadIndexTest : public testing::Test {
 protected:
  void SetUp() override {
    for (uint64_t id = 1; id <= 3; ++id) Start(id);
    ASSERT_TRUE(members_[1].node->Campaign().ok());
    Deliver();
    Propose("first");
  }
  void Start(uint64_t id) {
    Member& member = members_[id];
    member.node.reset();
    if (member.network == nullptr) member.network = std::make_unique<Network>(id, wire_);
    member.machine = std::make_unique<RecordingMachine>(member.store);
    RaftNode::Options options;
    options.node_id = id;
    options.voters = {1, 2, 3};
    options.seed = ++starts_;
    auto node = RaftNode::Open(options, member.store, *member.machine, *member.network);
    ASSERT_TRUE(node.ok()) << node.status().ToString();
    member.node = std::move(node).value();
  }
  void Propose(std::string_view command) {
    ASSERT_TRUE(members_[1].node->Propose(std::span(&command, 1)).ok());
    Deliver();
  }
  // Until nothing is under way; what goes to `held_for_` is kept in `held_`.
  void Deliver() {
    bool worked = true;
    while (worked) {
      worked = !wire_.empty();
      for (auto& [id, member] : members_) {
        for (;;) {
          Result<RaftNode::Round> round = member.node->RunRound();
          ASSERT_TRUE(round.ok());
          if (!round->worked) break;
          worked = true;
          member.reads.insert(member.reads.end(), round->reads.begin(), round->reads.end());
        }
      }
      std::deque<Envelope> wire;
      std::swap(wire, wire_);
      for (Envelope& envelope : wire) {
        seen_.push_back(envelope);
        if (envelope.to == held_for_) {
          held_.push_back(std::move(envelope));
        } else {
          static_cast<void>(members_[envelope.to].node->Receive(envelope.message));
        }
      }
    }
  }

  struct Member {
    FaultyStore store;
    std::unique_ptr<Network> network;
    std::unique_ptr<RecordingMachine> machine;
    std::unique_ptr<RaftNode> node;
    std::vector<RaftNode::ConfirmedRead> reads;
  };
  std::deque<Envelope> wire_;
  std::map<uint64_t, Member> members_;
  uint64_t starts_ = 0;
  uint64_t held_for_ = 0;
  std::deque<Envelope> held_;
  std::vector<Envelope> seen_;
};

TEST_F(ReadIndexTest, AnAnswerToAnEarlierIncarnationConfirmsNothing) {
  held_for_ = 2;
  ASSERT_TRUE(members_[2].node->RequestRead(1).ok());
  Deliver();
  const std::deque<Envelope> late = std::move(held_);
  held_for_ = 0;
  Start(2);
  Propose("second");
  ASSERT_TRUE(members_[1].node->Tick().ok());
  Deliver();
  ASSERT_EQ(members_[2].node->GetStatus().leader_id, 1u);
  const uint64_t committed = members_[1].node->GetStatus().commit_index;

  wire_ = late;
  ASSERT_TRUE(members_[2].node->RequestRead(1).ok());
  Deliver();
  bool is_confirmed = false;
  for (const RaftNode::ConfirmedRead& read : members_[2].reads) {
    if (read.request != 1) continue;
    is_confirmed = true;
    EXPECT_GE(read.index, committed) << "the read would miss a command that was committed before it";
  }
  EXPECT_TRUE(is_confirmed);
}

TEST_F(ReadIndexTest, MembersThatAskUnderOneNumberAreAllAnswered) {
  for (auto& [id, member] : members_) ASSERT_TRUE(member.node->RequestRead(7).ok());
  Deliver();
  for (auto& [id, member] : members_) {
    ASSERT_EQ(member.reads.size(), 1u) << "member " << id;
    EXPECT_EQ(member.reads[0].request, 7u);
  }
}

TEST_F(ReadIndexTest, MessagesThatComeTwiceConfirmNoNewRead) {
  seen_.clear();
  ASSERT_TRUE(members_[2].node->RequestRead(1).ok());
  Deliver();
  ASSERT_EQ(members_[2].reads.size(), 1u);

  // Nobody hears the leader any more; it hears the old messages again.
  ASSERT_TRUE(members_[1].node->RequestRead(5).ok());
  for (const Envelope& envelope : seen_) {
    if (envelope.to == 1) static_cast<void>(members_[1].node->Receive(envelope.message));
  }
  for (int i = 0; i < 10; ++i) {
    const Result<RaftNode::Round> round = members_[1].node->RunRound();
    ASSERT_TRUE(round.ok());
    EXPECT_TRUE(round->reads.empty()) << "a read was confirmed by nobody";
  }
}

class RaftNodeTest : public testing::Test {
 protected:
  void Open(RaftNode::Options options = {}) {
    node_.reset();
    machine_ = std::make_unique<RecordingMachine>(store_);
    auto node = RaftNode::Open(options, store_, *machine_, transport_);
    ASSERT_TRUE(node.ok()) << node.status().ToString();
    node_ = std::move(node).value();
    ASSERT_TRUE(node_->Campaign().ok());
  }
  std::vector<RaftNode::Answer> Drive() {
    std::vector<RaftNode::Answer> answers;
    for (int i = 0; i < 1000; ++i) {
      Result<RaftNode::Round> round = node_->RunRound();
      EXPECT_TRUE(round.ok()) << round.status().ToString();
      if (!round.ok() || !round->worked) break;
      std::move(round->answers.begin(), round->answers.end(), std::back_inserter(answers));
    }
    return answers;
  }
  void ProposeOne(std::string_view command) {
    ASSERT_TRUE(node_->Propose(std::span(&command, 1)).ok());
  }

  FaultyStore store_;
  NullTransport transport_;
  std::unique_ptr<RecordingMachine> machine_;
  std::unique_ptr<RaftNode> node_;
};

TEST_F(RaftNodeTest, AGroupOfOneLeadsWithoutATick) {
  Open();
  Drive();
  const RaftNode::CoreStatus status = node_->GetStatus();
  EXPECT_TRUE(status.is_leader);
  EXPECT_TRUE(status.committed_in_term);
  EXPECT_TRUE(status.is_alone);
  EXPECT_EQ(status.applied_index, status.last_index);
}

TEST_F(RaftNodeTest, ManyProposalsShareOneSyncedWrite) {
  Open();
  Drive();
  const int syncs = store_.syncs();
  const std::vector<std::string_view> commands(500, "c");
  const Result<uint64_t> first = node_->Propose(commands);
  ASSERT_TRUE(first.ok());
  const std::vector<RaftNode::Answer> answers = Drive();
  EXPECT_EQ(store_.syncs(), syncs + 1);
  ASSERT_EQ(answers.size(), 500u);
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].index, *first + i);
    EXPECT_EQ(answers[i].value, std::to_string(i));
  }
}

TEST_F(RaftNodeTest, AFailedWriteIsRepeatedAndAppliesOnce) {
  Open();
  Drive();
  store_.SetFailing(true);
  ProposeOne("c");
  for (int i = 0; i < 3; ++i) {
    const Result<RaftNode::Round> round = node_->RunRound();
    ASSERT_FALSE(round.ok());
    EXPECT_EQ(round.status().reason(), "disk_full");
    EXPECT_TRUE(node_->blocked());
  }
  store_.SetFailing(false);
  EXPECT_EQ(Drive().size(), 1u);
  EXPECT_FALSE(node_->blocked());
  EXPECT_EQ(machine_->Commands(), std::vector<std::string>{"c"});
}

// The log is synced, the state is not: whatever part of the state's writes survives, replay completes it.
TEST_F(RaftNodeTest, StateBehindTheLogIsReplayed) {
  for (size_t kept = 0; kept < 12; ++kept) {
    SCOPED_TRACE("unsynced writes kept: " + std::to_string(kept));
    Open();
    Drive();
    const size_t before = machine_->Commands().size();
    for (int i = 0; i < 5; ++i) {
      ProposeOne("c" + std::to_string(before + i));
      Drive();
    }
    node_.reset();
    store_.CutPower(kept);
    Open();
    Drive();
    const std::vector<std::string> commands = machine_->Commands();
    ASSERT_EQ(commands.size(), before + 5);
    for (size_t i = 0; i < commands.size(); ++i) EXPECT_EQ(commands[i], "c" + std::to_string(i));
  }
}

TEST_F(RaftNodeTest, TruncatesTheLogAndRestartsFromTheRest) {
  RaftNode::Options options;
  options.truncate_entries = 100;
  options.keep_entries = 10;
  Open(options);
  Drive();
  for (int i = 0; i < 1000; ++i) {
    ProposeOne("c" + std::to_string(i));
    Drive();
    const RaftNode::CoreStatus status = node_->GetStatus();
    ASSERT_LE(status.last_index - status.first_index, 112u);
  }
  EXPECT_GT(node_->GetStatus().first_index, 880u);
  size_t entries = 0;
  ASSERT_TRUE(store_.Scan(kv::Family::kLog, "", kEntriesEnd, [&](auto, auto) {
                      return ++entries > 0;
                    }).ok());
  EXPECT_LT(entries, 112u);

  node_.reset();
  store_.CutPower(0);
  Open(options);
  Drive();
  ProposeOne("last");
  Drive();
  EXPECT_EQ(machine_->Commands().size(), 1001u);
  EXPECT_EQ(machine_->Commands().back(), "last");
}

TEST_F(RaftNodeTest, TruncatesByBytesToo) {
  RaftNode::Options options;
  options.truncate_bytes = 1 << 20;
  Open(options);
  Drive();
  const std::string command(64 << 10, 'x');
  for (int i = 0; i < 100; ++i) {
    ProposeOne(command);
    Drive();
    const RaftNode::CoreStatus status = node_->GetStatus();
    ASSERT_LE(status.last_index - status.first_index, 18u);
  }
  EXPECT_EQ(machine_->Commands().size(), 100u);
}

TEST_F(RaftNodeTest, ReplayIsBoundedInBytesPerRound) {
  RaftNode::Options options;
  options.round_bytes_max = 10'000;
  Open(options);
  Drive();
  for (int i = 0; i < 40; ++i) ProposeOne(std::string(1000, 'x'));
  Drive();
  node_.reset();
  store_.CutPower(0);
  Open(options);
  size_t total = 0, largest = 0;
  for (;;) {
    Result<RaftNode::Round> round = node_->RunRound();
    ASSERT_TRUE(round.ok());
    if (!round->worked) break;
    total += round->answers.size();
    largest = std::max(largest, round->answers.size());
  }
  EXPECT_EQ(total, 41u);  // the first of them is the leader's own empty entry
  EXPECT_LE(largest, 20u);
}

TEST_F(RaftNodeTest, RefusesAnotherNodesStore) {
  Open();
  Drive();
  node_.reset();
  RaftNode::Options options;
  options.node_id = 2;
  const auto other = RaftNode::Open(options, store_, *machine_, transport_);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.status().code(), Code::kFailedPrecondition);
}

TEST_F(RaftNodeTest, NamesWhatIsWrongWithItsRecords) {
  Open();
  Drive();
  for (int i = 0; i < 3; ++i) ProposeOne("c");
  Drive();
  const uint64_t last = node_->GetStatus().last_index;
  node_.reset();
  const auto open_after = [&](const kv::WriteBatch& damage) {
    EXPECT_TRUE(store_.Write(damage, false).ok());
    const auto node = RaftNode::Open({}, store_, *machine_, transport_);
    EXPECT_FALSE(node.ok());
    return node.status();
  };
  const std::string entry = *store_.Get(kv::Family::kLog, EntryKey(last - 1));
  kv::WriteBatch batch;
  batch.Put(kv::Family::kLog, EntryKey(last - 1), entry.substr(0, entry.size() - 1));
  Status status = open_after(batch);
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_NE(status.message().find("entry " + std::to_string(last - 1)), std::string::npos);

  batch.Clear();
  batch.Delete(kv::Family::kLog, EntryKey(last - 1));
  EXPECT_NE(open_after(batch).message().find("gap"), std::string::npos);

  batch.Clear();
  batch.Delete(kv::Family::kLog, EntryKey(last));
  EXPECT_NE(open_after(batch).message().find("do not fit"), std::string::npos);

  batch.Clear();
  batch.Delete(kv::Family::kState, std::string(kAppliedKey));
  EXPECT_NE(open_after(batch).message().find("missing"), std::string::npos);
}

TEST_F(RaftNodeTest, BadMessagesHaveNoEffect) {
  Open();
  Drive();
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string message(random() % 40, '\0');
    for (char& c : message) c = static_cast<char>(random());
    static_cast<void>(node_->Receive(message));
    ASSERT_TRUE(node_->broken().ok());
    Drive();
  }
  EXPECT_EQ(node_->Receive("\x08\x07").code(), Code::kUnimplemented);  // a snapshot
  EXPECT_EQ(node_->Receive("\xff").code(), Code::kInvalidArgument);
  // An append whose header is well-formed and whose entry is not, and one that ends inside an entry.
  EXPECT_EQ(node_->Receive("\x08\x03\x10\x01\x18\x02\x20\x05\x3a\x02\xff\xff").code(), Code::kInvalidArgument);
  EXPECT_EQ(node_->Receive("\x08\x03\x10\x01\x18\x02\x20\x05\x3a\x7f\x08").code(), Code::kInvalidArgument);
  ProposeOne("c");
  EXPECT_EQ(Drive().size(), 1u);
}

// Straight on the C ABI: what no caller of RaftNode can provoke.
TEST(RaftCoreTest, APanicPoisonsTheCoreAndGoesNoFurther) {
  const uint64_t voter = 1;
  uint8_t conf_state[16];
  const size_t size = raft_core_encode_conf_state(&voter, 1, conf_state, sizeof conf_state);
  ASSERT_GT(size, 0u);
  EXPECT_EQ(raft_core_encode_conf_state(&voter, 1, conf_state, 1), 0u);
  uint64_t last_index = 0;
  raft_core_storage storage = {};
  storage.owner = &last_index;
  storage.first_index = [](void*) -> uint64_t { return 1; };
  storage.last_index = [](void* owner) { return *static_cast<uint64_t*>(owner); };
  storage.term = [](void*, uint64_t index, uint64_t* term) -> int32_t {
    *term = index;
    return RAFT_CORE_STORAGE_OK;
  };
  storage.entries = [](void*, uint64_t, uint64_t, uint64_t, raft_core_entry_sink*) -> int32_t {
    return RAFT_CORE_STORAGE_FAILED;
  };
  raft_core_options options = {};
  options.id = 1;
  options.election_ticks = 6;
  options.heartbeat_ticks = 1;
  options.message_bytes_max = options.committed_bytes_max = options.uncommitted_bytes_max = 1 << 20;
  options.conf_state = {conf_state, size};
  char error[128] = "";
  raft_core* core = raft_core_create(&options, &storage, error, sizeof error);
  ASSERT_NE(core, nullptr) << error;
  EXPECT_EQ(raft_core_tick(core), RAFT_CORE_OK);
  EXPECT_EQ(raft_core_panic_for_test(core), RAFT_CORE_POISONED);
  EXPECT_STREQ(raft_core_last_error(core), "panic: on purpose");
  EXPECT_EQ(raft_core_tick(core), RAFT_CORE_POISONED);
  raft_core_view view;
  uint32_t has_ready = 0;
  EXPECT_EQ(raft_core_ready(core, &view, &has_ready), RAFT_CORE_POISONED);
  raft_core_destroy(core);

  // A log that cannot be read is a panic inside the core: here, on the entry that it must hand out.
  core = raft_core_create(&options, &storage, error, sizeof error);
  ASSERT_NE(core, nullptr) << error;
  EXPECT_EQ(raft_core_campaign(core), RAFT_CORE_OK);
  EXPECT_EQ(raft_core_ready(core, &view, &has_ready), RAFT_CORE_OK);
  EXPECT_EQ(has_ready, 1u);
  EXPECT_EQ(raft_core_tick(core), RAFT_CORE_BUSY);
  last_index = 1;
  EXPECT_EQ(raft_core_advance(core, &view), RAFT_CORE_POISONED);
  raft_core_destroy(core);

  options.id = 0;
  EXPECT_EQ(raft_core_create(&options, &storage, error, sizeof error), nullptr);
  EXPECT_STREQ(error, "the node id is 0");
}

}  // namespace
}  // namespace brazier::consensus
