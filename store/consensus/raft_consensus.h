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
// A leader of several members whose write fails, or takes nearly as long as an election timeout, or whose thread does not run
// for so long, has sent no heartbeat for so long that another one may lead: from then on, and until it has heard from the others again, it claims nothing
// (GetStatus, CanCommit, CanServe, NotLeader, the gauge), and refuses proposals and reads with reason "disk_stalled" while it is in
// that write.
//
// Owned by app/wiring; borrows store, machine, clock, transport and registry, which outlive it. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "store/consensus/consensus.h"
#include "store/consensus/consensus_metrics.h"
#include "store/consensus/raft_member.h"
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
  uint64_t received_bytes = 0;      // now, of members' messages that wait
};

class RaftConsensus final : public Consensus, private RaftMember::Watcher {
 public:
  struct Options {
    RaftNode::Options node;
    int64_t tick_ms = 50;                  // one heartbeat; an election timeout is 6 to 12 of them
    size_t queue_bytes_max = 32 << 20;     // of proposals that wait or are in flight
    size_t received_bytes_max = 16 << 20;  // of members' messages that wait; more are dropped
    size_t batch_bytes_max = 4 << 20;      // proposed together
    int64_t write_retry_ms = 100;
    // A round that takes longer is a stall; on a leader of several, one that takes longer than LeaseNs().
    int64_t write_stall_ms = 2000;
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
  bool CanServe() const override;
  Status NotLeader() const override;
  ConsensusStatus GetStatus() const override;
  void Stop() override;

  // A message that another member's Transport sent here. Dropped when too many wait: Raft repeats it.
  void Receive(std::string message);
  ConsensusFigures GetFigures() const;
  // OK, or why nothing can commit now: a write that fails or stalls, or a broken core.
  Status GetFailure() const;
  // By node id.
  std::vector<MemberView> GetMembers() const;

  // Blocks until the change is applied here. Leader only; kUnavailable with reason "change_under_way" while another change
  // is. After a deadline it may still be applied. Not from the consensus thread.
  Status ChangeMember(MemberChange change, int64_t deadline_ns);
  // Blocks until another member leads, which may be another than `to`. Leader only.
  Status TransferLeader(uint64_t to, int64_t deadline_ns);

 private:
  // The callers of ReadBarrier that share one confirmation.
  struct ReadGroup {
    bool done = false;
    Status status;
  };

  RaftConsensus(const Options& options, kv::KeyValueStore& store, const Clock& clock);
  void ProposeAny(RaftMember::Proposal proposal);

  // On the consensus thread, without the lock.
  void Loop();
  bool RunOnce();
  void WaitForWork();
  void TakeInputs();
  bool IsTickDue();
  void Failed(const Status& status);
  void Finish(size_t cost, int64_t accepted_ns, const Result<std::string>& result);
  void FinishReadGroup(ReadGroup& group, const Status& status);
  void Publish();
  bool NeedsTicks() const;
  bool IsWriteStalled() const;  // in a write for longer than stall_limit_ns_
  bool IsHeldUp() const;        // it led, and its thread has not run for LeaseNs(): callbacks, or a process that was stopped
  bool IsInDoubt() const;       // it led before it was held up, and has not heard from the others since
  // How long after a heartbeat nobody else can lead: the shortest election timeout, less the tick that the last heartbeat may
  // be old and the one by which the others count ahead.
  int64_t LeaseNs() const;
  void SeenRunning();
  void MayHaveBeenReplaced();
  void RoundBegins() override;
  void RoundEnded(bool worked) override;
  void StatusChanged() override { Publish(); }

  // REQUIRES of these: mu_ is held.
  ConsensusStatus Seen() const;
  Status Failure() const;
  // OK, or why a proposal is refused.
  Status Admit(const RaftMember::Proposal& proposal) const;

  const Options options_;
  const Clock& clock_;
  NullTransport no_transport_;
  MetricsRegistry no_registry_;
  ConsensusMetrics metrics_;
  MeasuredStore store_;
  std::atomic<bool> can_commit_ = false;
  std::atomic<int64_t> round_started_ns_ = 0;  // 0: no round runs
  std::atomic<int64_t> stall_limit_ns_ = 0;
  std::atomic<bool> leads_several_ = false;
  std::atomic<int64_t> ran_ns_ = 0;  // when the thread was last seen to run
  std::atomic<int64_t> doubt_until_ns_ = 0;

  // Of the consensus thread.
  std::unique_ptr<RaftNode> node_;
  std::unique_ptr<RaftMember> member_;
  RaftNode::CoreStatus core_status_;
  RaftNode::SnapshotFigures counted_snapshots_;  // as the metrics have them
  int64_t next_tick_ns_ = 0;
  uint64_t shown_members_ = 0;  // the node's members_version as members_ has it
  int64_t round_began_ns_ = 0;
  Status failure_;

  mutable std::mutex mu_;  // guards what follows
  std::condition_variable work_;
  std::condition_variable answered_;  // reads done, leadership moved
  std::deque<RaftMember::Proposal> inbox_;
  std::optional<uint64_t> transfer_to_;
  std::deque<std::string> received_;
  size_t received_bytes_ = 0;
  std::shared_ptr<ReadGroup> next_reads_;
  ConsensusStatus status_;
  bool is_alone_ = false;
  std::vector<MemberView> members_;
  ConsensusFigures figures_;
  Status published_failure_;
  bool stopping_ = false;

  std::mutex stop_mu_;  // orders concurrent Stop()s
  std::thread thread_;
};

}  // namespace brazier::consensus
