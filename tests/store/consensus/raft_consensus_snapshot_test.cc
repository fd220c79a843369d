// Snapshots through everything that is real: three RaftConsensus with their threads, on RocksDB.
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "store/consensus/raft_consensus.h"
#include "tests/store/consensus/recording_machine.h"

namespace brazier::consensus {
namespace {

int64_t In(int64_t ms) { return SystemClock().MonotonicNs() + ms * kNsPerMs; }
constexpr int64_t kLongMs = 20'000;

// Hands messages to the members that are there.
class Switchboard final : public Transport {
 public:
  void Send(uint64_t to, std::string message) override {
    std::lock_guard lock(mu_);
    if (const auto it = members_.find(to); it != members_.end()) it->second->Receive(std::move(message));
  }
  void Connect(uint64_t id, RaftConsensus* member) {
    std::lock_guard lock(mu_);
    if (member != nullptr) {
      members_[id] = member;
    } else {
      members_.erase(id);
    }
  }

 private:
  std::mutex mu_;
  std::map<uint64_t, RaftConsensus*> members_;
};

struct Member {
  TemporaryFolder folder;
  std::unique_ptr<MetricsRegistry> metrics;
  std::unique_ptr<kv::KeyValueStore> store;
  std::unique_ptr<RecordingMachine> machine;
  std::unique_ptr<RaftConsensus> consensus;
};

class RaftConsensusSnapshotTest : public testing::Test {
 protected:
  ~RaftConsensusSnapshotTest() override {
    for (auto& [id, member] : members_) Stop(id);
  }
  void Start(uint64_t id) {
    Member& member = members_[id];
    auto store = kv::OpenRocksKeyValueStore(member.folder.Path());
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    member.store = std::move(store).value();
    member.machine = std::make_unique<RecordingMachine>(*member.store);
    RaftConsensus::Options options;
    options.node.node_id = id;
    options.node.voters = {1, 2, 3};
    options.node.seed = 5;
    options.node.truncate_entries = 100;
    options.node.keep_entries = 10;
    options.tick_ms = 20;
    options.transport = &switchboard_;
    member.metrics = std::make_unique<MetricsRegistry>();
    options.registry = member.metrics.get();
    auto opened = RaftConsensus::OpenRaft(options, *member.store, *member.machine, SystemClock());
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    member.consensus = std::move(opened).value();
    switchboard_.Connect(id, member.consensus.get());
  }
  void Stop(uint64_t id) {
    Member& member = members_[id];
    switchboard_.Connect(id, nullptr);
    member.consensus.reset();
    member.machine.reset();
    member.store.reset();
  }
  // On whichever member leads.
  void Propose(std::string command) {
    const int64_t give_up = In(kLongMs);
    while (SystemClock().MonotonicNs() < give_up) {
      for (auto& [id, member] : members_) {
        if (member.consensus == nullptr || !member.consensus->CanCommit()) continue;
        std::promise<bool> done;
        member.consensus->Propose(command, In(kLongMs), [&](Result<std::string> answer) {
          done.set_value(answer.ok());
        });
        if (done.get_future().get()) return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    FAIL() << "nobody leads";
  }
  // What a member serves behind a barrier.
  std::vector<std::string> Read(uint64_t id) {
    Status status;
    const int64_t give_up = In(kLongMs);
    do {
      status = members_[id].consensus->ReadBarrier(In(kLongMs));
    } while (!status.ok() && SystemClock().MonotonicNs() < give_up);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return members_[id].machine->Commands();
  }

  uint64_t CounterOf(uint64_t id, std::string_view what) {
    const std::string name = "brazier_consensus_snapshots_" + std::string(what) + "_total";
    return members_[id].metrics->GetCounter(name, "").value();
  }

  Switchboard switchboard_;
  std::map<uint64_t, Member> members_;
};

TEST_F(RaftConsensusSnapshotTest, AMemberCatchesUpServesReadsAndRestarts) {
  Start(1);
  Start(2);
  const std::string large(20'000, 'x');
  for (int i = 0; i < 250; ++i) Propose("command " + std::to_string(i) + large);  // 5 MB
  Start(3);
  for (int i = 250; i < 400; ++i) Propose("command " + std::to_string(i));
  const std::vector<std::string> served = Read(3);
  EXPECT_GE(served.size(), 400u);  // one whose leader is lost may be there twice
  EXPECT_GE(members_[3].machine->restores(), 1);
  EXPECT_TRUE(served == Read(1));
  EXPECT_TRUE(served == Read(2));
  EXPECT_GE(CounterOf(3, "installed"), 1u);
  EXPECT_EQ(CounterOf(1, "installed") + CounterOf(2, "installed"), 0u);
  EXPECT_GE(CounterOf(1, "sent") + CounterOf(2, "sent"), 1u);

  Stop(3);
  Start(3);
  EXPECT_TRUE(served == Read(3));
  EXPECT_EQ(members_[3].machine->restores(), 0);

  // Once more behind, by more than the log is held for it, with a state of its own in place: what was the staging family
  // is the state now.
  Stop(3);
  for (int i = 400; i < 1000; ++i) Propose("command " + std::to_string(i));
  Start(3);
  EXPECT_GE(Read(3).size(), 1000u);
  EXPECT_GE(members_[3].machine->restores(), 1);
  Stop(3);
  Start(3);
  EXPECT_TRUE(Read(3) == Read(1));
}

}  // namespace
}  // namespace brazier::consensus
