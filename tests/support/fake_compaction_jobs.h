// FakeCompactionJobs: a leader that gives the jobs that the test put there, and remembers what it was told. Pulls wait until there is
// a job or Refuse() was called. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/contract/compaction.h"

namespace brazier::testing {

class FakeCompactionJobs final : public contract::CompactionJobs {
 public:
  using PullDone = std::function<void(Result<std::vector<contract::CompactionJob>>)>;
  struct Returned {
    uint64_t id = 0;
    uint64_t token = 0;
    contract::ReturnReason reason = contract::ReturnReason::kFailed;
    std::string error;
  };

  void PullJobs(const contract::RequestContext&, const std::string& worker, size_t credits, PullDone done) override {
    std::vector<PullDone> over;
    Status refusal;
    {
      std::lock_guard lock(mu_);
      ++pulls_;
      worker_ = worker;
      credits_ = credits;
      if (waiting_) over.push_back(std::exchange(waiting_, nullptr));
      refusal = refusal_;
      if (refusal.ok() && credits > 0) waiting_ = std::move(done);
      changed_.notify_all();
    }
    for (PullDone& old : over) old(std::vector<contract::CompactionJob>{});
    if (!refusal.ok()) return done(refusal);
    if (credits == 0) return done(std::vector<contract::CompactionJob>{});
    Serve();
  }
  Result<std::vector<uint64_t>> Heartbeat(const contract::RequestContext&, const std::string& worker,
                                          const std::vector<contract::JobProgress>& jobs) override {
    std::lock_guard lock(mu_);
    ++heartbeats_;
    worker_ = worker;
    progress_ = jobs;
    changed_.notify_all();
    if (!refusal_.ok()) return refusal_;
    std::vector<uint64_t> stop;
    for (const auto& job : jobs) {
      if (lost_.contains(job.id)) stop.push_back(job.id);
    }
    return stop;
  }
  void FinishJob(const contract::RequestContext&, contract::FinishedJob job, std::function<void(Status)> done) override {
    Status status;
    {
      std::lock_guard lock(mu_);
      if (!finish_statuses_.empty()) {
        status = finish_statuses_.front();
        finish_statuses_.pop_front();
      }
      if (status.ok()) finished_.push_back(std::move(job));
      changed_.notify_all();
    }
    done(status);
  }
  void ReturnJob(const contract::RequestContext&, uint64_t id, uint64_t token, contract::ReturnReason reason,
                 const std::string& error, std::function<void(Status)> done) override {
    Status status;
    {
      std::lock_guard lock(mu_);
      returned_.push_back({id, token, reason, error});
      status = refusal_;
      changed_.notify_all();
    }
    done(status);
  }

  void Give(contract::CompactionJob job) {
    {
      std::lock_guard lock(mu_);
      jobs_.push_back(std::move(job));
    }
    Serve();
  }
  // What every pull and heartbeat is answered from now on; OK: no refusal.
  void Refuse(Status status) {
    PullDone waiting;
    {
      std::lock_guard lock(mu_);
      refusal_ = status;
      if (!status.ok()) waiting = std::exchange(waiting_, nullptr);
    }
    if (waiting) waiting(status);
  }
  void LoseLease(uint64_t id) {
    std::lock_guard lock(mu_);
    lost_.insert(id);
  }
  void AnswerFinish(Status status) {
    std::lock_guard lock(mu_);
    finish_statuses_.push_back(std::move(status));
  }
  // False after ten seconds.
  template <typename Condition>
  bool Await(Condition condition) {
    std::unique_lock lock(mu_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return condition(*this); });
  }
  // Inside Await's condition.
  const std::vector<contract::FinishedJob>& finished() const { return finished_; }
  const std::vector<Returned>& returned() const { return returned_; }
  const std::vector<contract::JobProgress>& progress() const { return progress_; }
  const std::string& worker() const { return worker_; }
  size_t credits() const { return credits_; }
  int pulls() const { return pulls_; }
  int heartbeats() const { return heartbeats_; }

 private:
  void Serve() {
    PullDone done;
    std::vector<contract::CompactionJob> jobs;
    {
      std::lock_guard lock(mu_);
      if (!waiting_ || jobs_.empty()) return;
      while (!jobs_.empty() && jobs.size() < credits_) {
        jobs.push_back(std::move(jobs_.front()));
        jobs_.pop_front();
      }
      done = std::exchange(waiting_, nullptr);
    }
    done(std::move(jobs));
  }

  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<contract::CompactionJob> jobs_;
  PullDone waiting_;
  Status refusal_;
  std::set<uint64_t> lost_;
  std::deque<Status> finish_statuses_;
  std::vector<contract::FinishedJob> finished_;
  std::vector<Returned> returned_;
  std::vector<contract::JobProgress> progress_;
  std::string worker_;
  size_t credits_ = 0;
  int pulls_ = 0;
  int heartbeats_ = 0;
};

}  // namespace brazier::testing
