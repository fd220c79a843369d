// CompactionService: the scheduler of compaction in a metastore member. It works while this member leads its group: reads what waits
// from the index, hears what changes, proposes what the scheduler decides, answers workers; elsewhere it refuses with "not_leader".
//
// One thread drives it: it sleeps until something is heard or becomes due. No call but those that say so waits for consensus. State
// is lost with leadership and read anew: what must survive is in the index.
//
// Borrows store, clock and registry; consensus from Start() on. The observer must be the index's before consensus starts. Stop()
// before consensus ends; the object must outlive consensus' thread. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/contract/compaction.h"
#include "common/contract/lifecycle.h"
#include "common/observe/metrics.h"
#include "server/metastore/compaction/compaction_metrics.h"
#include "server/metastore/compaction/compaction_scheduler.h"
#include "server/metastore/compaction/scheduler_inbox.h"
#include "store/consensus/consensus.h"
#include "store/kv/key_value_store.h"

namespace brazier::metastore {

class CompactionService final : public contract::CompactionJobs {
 public:
  static constexpr int64_t kIdlePollNs = 250 * kNsPerMs;      // looks whether this member leads now
  static constexpr int64_t kActivePollNs = kNsPerSecond;      // whether it still does
  static constexpr int64_t kProposalNs = 5 * kNsPerSecond;    // deadline of a proposal of its own
  static constexpr int64_t kRetryNs = kNsPerSecond;           // after a failure to read the index
  static constexpr int64_t kReconcileNs = 30 * kNsPerSecond;  // compares the jobs that it knows with the index
  static constexpr int64_t kFiguresNs = 2 * kNsPerSecond;     // sets the gauges
  static constexpr int64_t kPullMarginNs = 400 * kNsPerMs;    // answers pulls so long before their deadline
  static constexpr size_t kFailedInOverviewMax = 1'000;

  CompactionService(const CompactionPolicy& policy, const kv::KeyValueStore& store, const Clock& clock,
                    MetricsRegistry& registry);
  ~CompactionService() override;  // stops

  index::QueueObserver& observer() { return *inbox_; }
  // Once, when consensus is there. Begin() for tests, which call RunOnce() themselves. begins_to_lead is called on the service's
  // thread whenever this member has become the leader and knows the queues.
  void Begin(consensus::Consensus& consensus, std::function<void()> begins_to_lead = {});
  void Start(consensus::Consensus& consensus, std::function<void()> begins_to_lead = {});
  // Refuses what waits and what comes. Idempotent.
  void Stop();
  // Does what is to be done now; answers how long the thread may sleep.
  int64_t RunOnce();

  // contract::CompactionJobs
  void PullJobs(const contract::RequestContext& context, const std::string& worker, size_t credits,
                std::function<void(Result<std::vector<contract::CompactionJob>>)> done) override;
  Result<std::vector<uint64_t>> Heartbeat(const contract::RequestContext& context, const std::string& worker,
                                          const std::vector<contract::JobProgress>& jobs) override;
  void FinishJob(const contract::RequestContext& context, contract::FinishedJob job, std::function<void(Status)> done) override;
  void ReturnJob(const contract::RequestContext& context, uint64_t id, uint64_t token, contract::ReturnReason reason,
                 const std::string& error, std::function<void(Status)> done) override;

  // For contract::Lifecycle; as it says. Tombstones and quarantine are not this one's to tell: those fields stay 0.
  Result<contract::CompactionOverview> Overview(const contract::RequestContext& context);
  Status SetPaused(const contract::RequestContext& context, bool is_paused);  // waits for consensus
  Status Force(const contract::RequestContext& context, const std::vector<uint32_t>& levels, const std::string& tenant);
  Result<uint64_t> RetryFailed(const contract::RequestContext& context, const std::vector<Ulid>& ids);  // waits for consensus

 private:
  using PullDone = std::function<void(Result<std::vector<contract::CompactionJob>>)>;
  struct Pull {
    contract::RequestContext context;
    PullDone done;
  };

  int64_t NowNs() const;
  // The refusal of who does not lead, or does not know the queues yet.
  Status NotActive() const;
  bool IsActive() const;
  Status Activate(uint64_t term);
  void Deactivate();
  Status Reload(bool is_new_leader);
  void TakeIn(std::vector<SchedulerInbox::Item> items);
  void Reconcile();
  void Execute(Decisions decisions);
  void ProposeLease(LeaseProposal lease);
  void ProposeReturn(const JobReturn& job);
  void AnswerPull(PullAnswer answer);
  void OnFinished(const contract::FinishedJob& job, uint64_t bytes_written);
  void SetFigures();
  void Run();
  // Waits for the answer. REQUIRES: not on the consensus thread.
  Result<uint64_t> ProposeCount(const contract::RequestContext& context, std::string command);

  const CompactionPolicy policy_;
  const kv::KeyValueStore& store_;
  const Clock& clock_;
  CompactionMetrics metrics_;
  const int64_t wall_offset_ns_;  // scheduler's time less the monotonic one
  const std::shared_ptr<SchedulerInbox> inbox_;
  std::atomic<consensus::Consensus*> consensus_{nullptr};  // set once
  std::function<void()> begins_to_lead_;                   // set before it

  mutable std::mutex mu_;
  CompactionScheduler scheduler_;       // guarded by mu_
  bool is_active_ = false;              // guarded by mu_
  bool stopping_ = false;               // guarded by mu_
  std::map<uint64_t, Pull> pulls_;      // guarded by mu_
  uint64_t next_pull_ = 1;              // guarded by mu_
  contract::CompactionOverview totals_;  // jobs and bytes since it leads; guarded by mu_

  // Of the thread.
  uint64_t term_ = 0;
  int64_t retry_at_ns_ = 0;
  int64_t reconcile_at_ns_ = 0;
  int64_t figures_at_ns_ = 0;
  std::thread thread_;
};

}  // namespace brazier::metastore
