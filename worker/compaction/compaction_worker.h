// CompactionWorker: pulls jobs from the metastore's leader, as many as it has free threads, does them (JobRunner), and tells what
// became of them. Stateless: it can be started, stopped and killed at any time, in any number.
//
// One thread pulls and sends heartbeats; `concurrency` threads merge. A job whose lease is another's is stopped at the merge's next
// step; what this worker would still say of it changes nothing (fencing tokens). Stop() returns what is not done, without holding it
// against anybody. Borrows everything. Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/compaction.h"
#include "common/contract/metastore.h"
#include "worker/compaction/compaction_worker_metrics.h"
#include "worker/compaction/job_runner.h"

namespace brazier::compaction {

class CompactionWorker {
 public:
  struct Options {
    std::string name;        // of the process; each life of it gets a suffix of its own
    size_t concurrency = 1;  // jobs at a time, at least 1
    int64_t pull_ns = 10 * kNsPerSecond;  // how long one pull may wait for a job
    int64_t heartbeat_ns = contract::CompactionJobs::kHeartbeatMs * kNsPerMs;
    int64_t call_ns = 3 * kNsPerSecond;     // deadline of a heartbeat, and of a return while it stops
    int64_t finish_ns = 30 * kNsPerSecond;  // how long it goes on telling what became of a job
  };

  CompactionWorker(Options options, contract::CompactionJobs& jobs, contract::Metastore& metastore, object::ObjectStore& store,
                   const Clock& clock, Random& random, MetricsRegistry& registry, MergeFunction merge = &block::MergeBlocks);
  ~CompactionWorker();  // stops

  void Start();
  // Takes nothing new, ends what runs at its next step, returns it. Some seconds when the metastore does not answer.
  void Stop();
  // OK when the metastore's leader has answered within a lease.
  Status Ready() const;

 private:
  struct Running {
    contract::CompactionJob job;
    std::shared_ptr<JobControl> control;
    bool is_lost = false;  // guarded by mu_
    double cpu_s = 0;      // of the runner's thread, over the merge
  };
  using RunningPtr = std::shared_ptr<Running>;
  // Where the answer of a pull goes; outlives the worker if it must.
  struct PullBox {
    std::mutex mu;
    std::vector<contract::CompactionJob> jobs;  // not taken yet
    Status status;
    bool is_pending = false;
    CompactionWorker* worker = nullptr;  // null: gone
  };

  void ControlLoop();
  void RunnerLoop();
  void Pull(size_t credits, int64_t wait_ns);
  // Takes what the last pull brought, and notes when to pull again.
  void TakePulled();
  void SendHeartbeat();
  void Do(Running& running);
  void Finish(Running& running, JobOutcome& outcome, int64_t start_ns);
  void Return(Running& running, contract::ReturnReason reason, const std::string& error);
  void Heard(const Status& status);
  contract::RequestContext MakeContext(int64_t wait_ns);
  bool is_stopping() const;

  const Options options_;
  const std::string name_;
  contract::CompactionJobs& jobs_;
  const Clock& clock_;
  Random& random_;
  CompactionWorkerMetrics metrics_;
  const JobRunner runner_;
  const std::shared_ptr<PullBox> pull_box_;

  mutable std::mutex mu_;
  std::condition_variable changed_;
  std::deque<RunningPtr> waiting_;                                  // for a thread; guarded by mu_
  std::map<std::pair<uint64_t, uint64_t>, RunningPtr> running_;     // by id and token, waiting ones too; guarded by mu_
  bool stopping_ = false;                                           // guarded by mu_
  bool pulled_ = false;                                             // an answer is in pull_box_; guarded by mu_
  int64_t heard_ns_ = INT64_MIN / 2;                                // guarded by mu_
  std::string last_error_ = "it has not been asked yet";            // guarded by mu_

  // Of the control thread.
  int64_t next_pull_ns_ = INT64_MIN;
  int64_t pull_pause_ns_ = 0;

  std::thread control_thread_;
  std::vector<std::thread> runner_threads_;
};

}  // namespace brazier::compaction
