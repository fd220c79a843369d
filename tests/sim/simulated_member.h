// SimulatedMember: one metastore member: the real RaftMember, RaftNode and index, on its simulated disk and network. What
// RaftConsensus does with a thread it does with events: steps, ticks, repeated writes. It is stopped in a write while its
// disk stalls, and may be stopped for good anywhere by Crash().
//
// Callbacks run inside the member's step: they must not call it back before they return, other than through events.
// After a crash they never come. Thread-hostile.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/observe/metrics.h"
#include "server/metastore/index_state_machine.h"
#include "store/consensus/raft_consensus.h"
#include "tests/sim/history_checker.h"
#include "tests/sim/simulated_network.h"
#include "tests/sim/simulated_store.h"

namespace brazier::simulation {

// Planted bugs, which the checks must find.
enum class Canary {
  kNone,
  kUnsyncedLog,       // acknowledges before its log is on disk
  kSkippedCommand,    // loses the writes of the first command that it applies after a restart
  kReadsWithoutBarrier,
  kEmptyDiskOldId,    // a member whose disk was lost comes back under its old node id, and votes
};

class SimulatedMember : private consensus::RaftMember::Watcher {
 public:
  struct World {
    VirtualClock& clock;
    EventQueue& events;
    testing::FakeRandom& random;
    SimulatedNetwork& network;
    HistoryChecker& checker;
  };
  struct Options {
    GroupMember self;
    std::vector<GroupMember> founders;  // none: a newcomer, which takes no part until the leader tells it everything
    uint64_t group_id = 1;
    index::DedupBounds dedup;
    uint64_t truncate_entries = 10'000;  // see RaftNode::Options
    uint64_t keep_entries = 1'000;
    size_t snapshot_chunk_bytes = 256 << 10;
    Canary canary = Canary::kNone;
    int64_t tick_ns = 50 * kMs;
    uint32_t election_ticks = 6;
    int64_t write_retry_ns = 100 * kMs;
    size_t received_max = 4096;  // messages that wait
  };
  using Answered = std::function<void(Result<std::vector<index::AddedBlock>>)>;
  using Barrier = std::function<void(Status)>;

  // `power_went`: called when the power went inside a write; the member is down by then.
  SimulatedMember(const Options& options, const World& world, std::function<void()> power_went);
  ~SimulatedMember() override;

  // Starts from what the disk holds. kUnavailable when the disk cannot be written.
  Status Start();
  void Crash();
  bool is_up() const { return node_ != nullptr; }
  // For good: what its disk held is gone.
  void Lose();
  bool is_lost() const { return is_lost_; }

  void AddBlocks(const std::vector<BlockMeta>& blocks, int64_t deadline_ns, Answered done);
  void ReadBarrier(Barrier done);
  void Receive(const std::string& message);
  void TransferLeader(uint64_t to);
  void ChangeMember(consensus::MemberChange change, int64_t deadline_ns, std::function<void(Status)> done);
  // REQUIRES: is_up()
  consensus::RaftNode::CoreStatus GetStatus() const { return node_->GetStatus(); }
  std::vector<consensus::MemberView> GetMembers() const { return node_->GetMembers(); }

  uint64_t id() const { return options_.self.node_id; }
  const GroupMember& self() const { return options_.self; }
  SimulatedStore& store() { return store_; }
  SkewedClock& clock() { return clock_; }

 private:
  class CheckedMachine;

  // Runs `action` unless the member was crashed meanwhile.
  void After(int64_t delay_ns, void (SimulatedMember::*action)());
  void Tick();
  void Wake();  // a step soon, if none is scheduled
  void Step();
  void StatusChanged() override;
  void ReadAsked(uint64_t request) override;
  void ReadConfirmed(uint64_t request, uint64_t index) override;

  const Options options_;
  const World world_;
  const std::function<void()> power_went_;
  SkewedClock clock_;
  SimulatedStore store_;
  NetworkEnd network_;
  MetricsRegistry registry_;

  // Of this incarnation.
  uint64_t incarnation_ = 0;
  std::unique_ptr<index::MetadataIndex> index_;
  std::unique_ptr<metastore::IndexStateMachine> machine_;
  std::unique_ptr<CheckedMachine> checked_;
  std::unique_ptr<consensus::RaftNode> node_;
  std::unique_ptr<consensus::RaftMember> member_;
  bool tick_is_due_ = false;
  bool is_woken_ = false;
  bool is_lost_ = false;
};

}  // namespace brazier::simulation
