// CompactionScheduler: which blocks become jobs and when, who gets them, and when a job counts as lost. The decisions of the
// metastore's leader; whoever drives it (CompactionService) proposes the commands and carries messages.
//
// It is told what happens (blocks queued and taken, pulls, heartbeats, answers to its proposals) and asked what is to be done
// (Decide). The state machine is the truth: what it refuses was not so, and what is unknown after a lost answer is read anew
// (Decisions::reload). Between a proposal and its answer the blocks of it belong to it, so that no block is ever in two.
//
// Times are of one clock that never goes back and is near the wall clock. Pure, deterministic. Thread-compatible. Bounded by
// policy.blocks_known_max, policy.pulls_max, and the jobs that workers have asked for.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "common/contract/compaction.h"
#include "common/contract/lifecycle.h"
#include "server/metastore/compaction/block_pool.h"
#include "server/metastore/compaction/compaction_policy.h"
#include "store/index/job_command.h"
#include "store/index/jobs.h"

namespace brazier::metastore {

// LeaseJobs to be proposed; its answer goes to Leased() with the number.
struct LeaseProposal {
  uint64_t number = 0;
  std::vector<index::JobLease> jobs;
};
// Jobs for a worker that pulled; none: its time is over.
struct PullAnswer {
  uint64_t pull = 0;
  std::vector<contract::CompactionJob> jobs;
};
// ReturnJob to be proposed; its answer goes to Returned().
struct JobReturn {
  uint64_t id = 0;
  uint64_t token = 0;
  int64_t not_before_ns = 0;
  bool counts = false;
  std::string error;
};
struct Decisions {
  std::vector<LeaseProposal> leases;
  std::vector<PullAnswer> answers;
  std::vector<JobReturn> returns;
  bool reload = false;  // read free blocks and jobs anew: Reload(), LoadJobs(), LoadFree() ...
};

// What became of jobs, for figures. Since the last TakeEvents().
struct SchedulerEvents {
  std::map<uint32_t, uint64_t> failed;   // by the level of the outputs
  std::map<uint32_t, uint64_t> retried;  // leases given anew
  uint64_t leases_expired = 0;
};

class CompactionScheduler {
 public:
  struct LiveJob {
    uint64_t id = 0;
    uint64_t token = 0;
    index::QueueName queue;
    uint32_t output_level = 0;
    std::map<Ulid, WaitingBlock> inputs;
    std::string worker;
    int64_t started_ns = 0;
    uint32_t attempts = 0;
    uint64_t bytes = 0;       // of the inputs; 0: not known
    uint64_t bytes_done = 0;
    int64_t spoken_ns = 0;    // when a worker last spoke of it
    enum class State : uint8_t { kLeased, kInProposal, kReturning } state = State::kLeased;
  };

  explicit CompactionScheduler(const CompactionPolicy& policy) : policy_(policy), pool_(policy) {}

  // Everything is forgotten but workers: this process begins to lead.
  void Begin(bool is_paused);
  // Free blocks are forgotten, to be loaded again; jobs, pulls and proposals stay. Then LoadJobs(), then LoadFree() for each.
  void Reload();
  // The jobs that there are, all of them; those not known yet get a fresh lease time.
  void LoadJobs(const std::vector<index::Job>& jobs, int64_t now_ns);
  // Its age counts from when it was made, so that a new leader does not put off what waits for a day.
  void LoadFree(const index::FreeBlock& block, int64_t now_ns);

  // As index::QueueObserver. The age of a block that is heard of counts from now: late ones gather, too.
  void BlockQueued(const index::QueueName& queue, const index::QueuedBlock& block, uint32_t failures, int64_t not_before_ns,
                   int64_t now_ns);
  void BlockTaken(const index::QueueName& queue, const Ulid& id, int64_t now_ns);
  void BlockMustBeRewritten(const index::QueueName& queue, const Ulid& id, int64_t now_ns);

  // Takes the place of an earlier pull of the same worker, which is answered with none. No credits: only that. `number` ascends.
  // False when too many wait.
  bool Pull(uint64_t number, const std::string& worker, size_t credits, int64_t until_ns, int64_t now_ns);
  // The ids of those that the worker may stop.
  std::vector<uint64_t> Heartbeat(const std::string& worker, const std::vector<contract::JobProgress>& jobs, int64_t now_ns);
  // How a worker's return is to be proposed.
  JobReturn PlanReturn(uint64_t id, uint64_t token, contract::ReturnReason reason, const std::string& error, int64_t now_ns);

  // Answers to what Decide() asked for, and to workers' returns. An error that is not a plain refusal leaves open whether the command is applied.
  void Leased(uint64_t number, const Result<std::vector<index::LeasedJob>>& answer, int64_t now_ns);
  void Returned(uint64_t id, uint64_t token, bool counts, const Status& status, int64_t now_ns);
  // FinishJob was applied. What is known of the job; none: nothing.
  std::optional<LiveJob> Finished(uint64_t id, uint64_t token);
  void SetPaused(bool is_paused) { is_paused_ = is_paused; }
  bool is_paused() const { return is_paused_; }
  void Force(const std::vector<uint32_t>& levels, const std::string& tenant, int64_t now_ns) {
    pool_.Force(levels, tenant, now_ns);
  }

  Decisions Decide(int64_t now_ns);
  // When to Decide() again if nothing else happens; INT64_MAX: never.
  int64_t NextNs(int64_t now_ns) const;

  const std::map<uint64_t, LiveJob>& jobs() const { return jobs_; }
  size_t blocks_known() const { return pool_.size(); }
  uint64_t WorkersHeardOf(int64_t now_ns) const;
  std::vector<contract::LevelOverview> Levels(int64_t now_ns) const { return pool_.Overview(now_ns); }
  SchedulerEvents TakeEvents() { return std::exchange(events_, {}); }

 private:
  static constexpr int64_t kAfterErrorNs = kNsPerSecond;  // before a proposal is made again
  static constexpr size_t kWorkersMax = 10'000;

  struct WaitingPull {
    std::string worker;
    size_t credits = 0;
    int64_t until_ns = 0;
  };
  // One job of a proposal: a new batch, or a job (id > 0) whose lease ran out.
  struct ProposedJob {
    uint64_t id = 0;
    Batch batch;
  };
  struct Proposal {
    uint64_t pull = 0;
    WaitingPull from;
    std::vector<ProposedJob> jobs;
  };
  // Whose a block is that is not free.
  struct Owner {
    bool is_job = false;
    uint64_t number = 0;  // of the job or the proposal
  };
  struct UlidHash {
    size_t operator()(const Ulid& id) const { return MixHash(id.bits.high, id.bits.low); }
  };

  WaitingBlock* BlockOf(const Owner& owner, const Ulid& id);
  void Hear(const std::string& worker, int64_t now_ns);
  bool IsSilent(const std::string& worker, int64_t now_ns) const;
  bool IsExpired(const LiveJob& job, int64_t now_ns) const {
    return job.state == LiveJob::State::kLeased && now_ns - job.spoken_ns >= policy_.lease_ns;
  }
  void EraseJob(std::map<uint64_t, LiveJob>::iterator it);
  void GiveBack(const Batch& batch, int64_t now_ns);
  contract::CompactionJob DescriptionOf(const LiveJob& job) const;
  void ReturnLost(Decisions& decisions, int64_t now_ns);
  void AnswerPulls(Decisions& decisions, int64_t now_ns);
  void Lease(Decisions& decisions, int64_t now_ns);
  std::vector<ProposedJob> Choose(size_t credits, int64_t now_ns);

  const CompactionPolicy policy_;
  BlockPool pool_;
  std::map<uint64_t, LiveJob> jobs_;
  std::map<uint64_t, Proposal> proposals_;
  std::unordered_map<Ulid, Owner, UlidHash> owners_;  // of blocks in jobs and proposals
  std::map<uint64_t, WaitingPull> pulls_;             // oldest first
  std::map<std::string, int64_t> workers_;            // last heard of
  std::vector<PullAnswer> answers_;                   // for the next Decide()
  uint64_t next_proposal_ = 1;
  int64_t no_proposals_before_ns_ = 0;
  uint32_t unavailable_in_a_row_ = 0;
  bool is_paused_ = false;
  bool reload_ = false;
  SchedulerEvents events_;
};

}  // namespace brazier::metastore
