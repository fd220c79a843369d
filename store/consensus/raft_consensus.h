// RaftConsensus: Consensus on a RaftNode with one thread of its own ("consensus"), which owns the node.
//
// Proposals wait in an inbox bounded in bytes. Each pass of the thread takes what waits, proposes it together and makes
// it durable with one synced write, so the write's time is shared by all (group commit). A group of one elects itself
// at once; proposals and read barriers made while no leader is known wait, up to their deadlines.
//
// When the log cannot be written (full disk), everything that waits fails with kUnavailable and the cause, new
// proposals are refused, and the write is repeated every write_retry_ms until it succeeds. Commands that failed this
// way, or by deadline, may still be applied later: once or not at all.
//
// Owned by app/wiring; borrows store, machine, clock, transport and registry, which outlive it. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "common/base/clock.h"
#include "store/consensus/consensus.h"
#include "store/consensus/consensus_metrics.h"
#include "store/consensus/raft_node.h"

namespace brazier::consensus {

// Counters since Open, for metrics.
struct ConsensusFigures {
  uint64_t proposals_accepted = 0;
  uint64_t proposals_refused = 0;   // full, too large, not leading, failing, stopping
  uint64_t proposals_expired = 0;
  uint64_t rounds = 0;              // group commits
  uint64_t round_ns_total = 0;
  uint64_t round_ns_max = 0;
  uint64_t write_failures = 0;
  uint64_t queue_bytes = 0;         // now, with what is in flight
};

class RaftConsensus final : public Consensus {
 public:
  struct Options {
    RaftNode::Options node;
    int64_t tick_ms = 50;                  // one heartbeat; an election timeout is 6 to 12 of them
    size_t queue_bytes_max = 32 << 20;     // of proposals that wait or are in flight
    size_t received_bytes_max = 16 << 20;  // of members' messages that wait; more are dropped
    size_t batch_bytes_max = 4 << 20;      // proposed together
    int64_t write_retry_ms = 100;
    int64_t write_stall_ms = 2000;         // CanCommit is false while a round takes longer than this
    Transport* transport = nullptr;        // null: a group of one
    MetricsRegistry* registry = nullptr;   // null: metrics that nobody reads
  };

  // Reads the log and starts the thread, which replays what is not applied yet.
  static Result<std::unique_ptr<Consensus>> Open(const Options& options, kv::KeyValueStore& store,
                                                 StateMachine& machine, const Clock& clock);
  // The same, for callers that need more than Consensus.
  static Result<std::unique_ptr<RaftConsensus>> OpenRaft(const Options& options,
                                                         kv::KeyValueStore& store,
                                                         StateMachine& machine,
                                                         const Clock& clock);
  ~RaftConsensus() override;
  RaftConsensus(const RaftConsensus&) = delete;
  RaftConsensus& operator=(const RaftConsensus&) = delete;

  void Propose(std::string command, int64_t deadline_ns,
               std::function<void(Result<std::string>)> done) override;
  Status ReadBarrier(int64_t deadline_ns) override;
  bool CanCommit() const override;
  ConsensusStatus GetStatus() const override;
  void Stop() override;

  // A message that another member's Transport sent here. Dropped when too many wait: Raft repeats it.
  void Receive(std::string message);
  ConsensusFigures GetFigures() const;
  // OK, or why nothing can commit now: a failing write or a broken core.
  Status GetFailure() const;

 private:
  struct Proposal {
    std::string command;
    int64_t deadline_ns = 0;
    std::function<void(Result<std::string>)> done;
    int64_t accepted_ns = 0;
    uint64_t index = 0;  // when proposed
    uint64_t term = 0;
  };
  // The callers of ReadBarrier that share one confirmation.
  struct ReadGroup {
    bool done = false;
    Status status;
    uint64_t request = 0;  // 0: not asked yet
    uint64_t index = 0;    // 0: not confirmed yet
    uint64_t asked_tick = 0;
  };

  RaftConsensus(const Options& options, kv::KeyValueStore& store, const Clock& clock);

  // On the consensus thread, without the lock.
  void Loop();
  bool RunOnce();
  void WaitForWork();
  void TakeInputs();
  void TickWhenDue();
  void ProposeBatch();
  void AskForReads();
  void RunRounds();
  void FinishRound(RaftNode::Round round);
  void FinishReads(uint64_t applied_index);
  void ExpireProposals();
  void FailAll(const Status& status);
  void Finish(Proposal& proposal, Result<std::string> result);
  void FinishReadGroup(std::shared_ptr<ReadGroup>& group, const Status& status);
  void Publish();
  bool NeedsTicks() const;

  const Options options_;
  const Clock& clock_;
  NullTransport no_transport_;
  MetricsRegistry no_registry_;
  ConsensusMetrics metrics_;
  MeasuredStore store_;
  std::atomic<bool> can_commit_ = false;
  std::atomic<int64_t> round_started_ns_ = 0;  // 0: no round runs

  // Of the consensus thread.
  std::unique_ptr<RaftNode> node_;
  RaftNode::CoreStatus core_status_;
  RaftNode::SnapshotFigures counted_snapshots_;  // as the metrics have them
  std::deque<Proposal> waiting_;    // taken from the inbox, not proposed yet
  std::deque<Proposal> in_flight_;  // proposed, ascending by index
  std::deque<std::string> to_receive_;
  std::shared_ptr<ReadGroup> reading_;
  uint64_t last_request_ = 0;
  uint64_t ticks_ = 0;
  int64_t next_tick_ns_ = 0;
  Status failure_;

  mutable std::mutex mu_;  // guards what follows
  std::condition_variable work_;
  std::condition_variable reads_done_;
  std::deque<Proposal> inbox_;
  std::deque<std::string> received_;
  size_t received_bytes_ = 0;
  std::shared_ptr<ReadGroup> next_reads_;
  ConsensusStatus status_;
  ConsensusFigures figures_;
  Status published_failure_;
  bool stopping_ = false;

  std::mutex stop_mu_;  // orders concurrent Stop()s
  std::thread thread_;
};

}  // namespace brazier::consensus
