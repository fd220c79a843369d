// SimulatedMember: one metastore member: the real RaftNode over the real index, on its simulated disk and network. Around
// the node it does what RaftConsensus does with a thread: an inbox, batches, deadlines, shared read confirmations,
// repeated writes. It is stopped in a write while its disk stalls, and may be stopped for good anywhere by Crash().
//
// Callbacks run inside the member's step: they must not call it back before they return, other than through events.
// After a crash they never come. Thread-hostile.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/observe/metrics.h"
#include "server/metastore/index_state_machine.h"
#include "store/consensus/raft_node.h"
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
};

class SimulatedMember {
 public:
  struct World {
    VirtualClock& clock;
    EventQueue& events;
    testing::FakeRandom& random;
    SimulatedNetwork& network;
    HistoryChecker& checker;
  };
  struct Options {
    uint64_t id = 1;
    std::vector<uint64_t> voters;
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
  ~SimulatedMember();

  // Starts from what the disk holds. kUnavailable when the disk cannot be written.
  Status Start();
  void Crash();
  bool is_up() const { return node_ != nullptr; }

  void AddBlocks(const std::vector<BlockMeta>& blocks, int64_t deadline_ns, Answered done);
  void ReadBarrier(Barrier done);
  void Receive(const std::string& message);
  void TransferLeader(uint64_t to);
  // REQUIRES: is_up()
  consensus::RaftNode::CoreStatus GetStatus() const { return node_->GetStatus(); }

  uint64_t id() const { return options_.id; }
  SimulatedStore& store() { return store_; }
  SkewedClock& clock() { return clock_; }

 private:
  struct Proposal {
    std::string command;
    int64_t deadline_ns = 0;
    Answered done;
    uint64_t index = 0;
    uint64_t term = 0;
  };
  struct ReadGroup {
    std::vector<Barrier> waiting;
    uint64_t request = 0;
    uint64_t asked_tick = 0;
    uint64_t index = 0;  // 0: not confirmed
  };
  class CheckedMachine;

  // Runs `action` unless the member was crashed meanwhile.
  void After(int64_t delay_ns, void (SimulatedMember::*action)());
  void Tick();
  void Wake();  // a step soon, if none is scheduled
  void Step();
  void Expire(std::deque<Proposal>& proposals);
  void ProposeBatch();
  void AskForReads();
  void RunRounds();
  void FinishRound(consensus::RaftNode::Round round);
  void FailAll(const Status& status);

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
  std::deque<std::string> received_;
  std::deque<Proposal> waiting_;
  std::deque<Proposal> in_flight_;
  ReadGroup reading_;                 // nobody waiting: none
  std::vector<Barrier> next_readers_;
  uint64_t last_request_ = 0;
  uint64_t ticks_ = 0;
  bool tick_is_due_ = false;
  bool is_woken_ = false;
};

}  // namespace brazier::simulation
