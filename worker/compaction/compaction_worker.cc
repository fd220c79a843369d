#include "worker/compaction/compaction_worker.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <future>

#include <pthread.h>

#include "common/observe/log.h"
#include "common/observe/request_id.h"

namespace brazier::compaction {
namespace {

using contract::CompactionJob;
using contract::JobProgress;
using contract::ReturnReason;

constexpr int64_t kFirstPullPauseNs = 100 * kNsPerMs;
constexpr int64_t kPullPauseMaxNs = 2 * kNsPerSecond;
constexpr int64_t kFinishPauseNs = 500 * kNsPerMs;
constexpr size_t kErrorBytesMax = 500;

// Waits for an answer that is sure to come: the call has a deadline.
template <typename Call>
Status Await(const Call& call) {
  auto promise = std::make_shared<std::promise<Status>>();
  std::future<Status> answered = promise->get_future();
  call([promise](const Status& status) { promise->set_value(status); });
  return answered.get();
}

// Of the calling thread, which reads, merges and stores by itself.
double ThreadCpuSeconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

const char* OutcomeName(ReturnReason reason) {
  switch (reason) {
    case ReturnReason::kFailed:
      return "failed";
    case ReturnReason::kUnavailable:
      return "unavailable";
    case ReturnReason::kStopping:
      return "stopped";
  }
  return "failed";
}

}  // namespace

CompactionWorker::CompactionWorker(Options options, contract::CompactionJobs& jobs, contract::Metastore& metastore,
                                   object::ObjectStore& store, const Clock& clock, Random& random, MetricsRegistry& registry,
                                   MergeFunction merge)
    : options_(std::move(options)),
      name_(options_.name.substr(0, 200) + "#" + MakeRequestId(random)),
      jobs_(jobs),
      clock_(clock),
      random_(random),
      metrics_(registry),
      runner_(metastore, store, clock, std::move(merge)),
      pull_box_(std::make_shared<PullBox>()) {
  pull_box_->worker = this;
}

CompactionWorker::~CompactionWorker() {
  Stop();
  std::lock_guard lock(pull_box_->mu);
  pull_box_->worker = nullptr;
}

void CompactionWorker::Start() {
  for (size_t i = 0; i < std::max<size_t>(1, options_.concurrency); ++i) {
    runner_threads_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "compact");
      RunnerLoop();
    });
  }
  control_thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "compact-control");
    ControlLoop();
  });
}

void CompactionWorker::Stop() {
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
    for (auto& [key, running] : running_) running->control->Stop();
    changed_.notify_all();
  }
  if (control_thread_.joinable()) control_thread_.join();
  for (std::thread& thread : runner_threads_) {
    if (thread.joinable()) thread.join();
  }
  // What the last pull brought after the runners had gone.
  std::deque<RunningPtr> left;
  {
    std::lock_guard lock(mu_);
    left.swap(waiting_);
  }
  for (const RunningPtr& running : left) Do(*running);
}

bool CompactionWorker::is_stopping() const {
  std::lock_guard lock(mu_);
  return stopping_;
}

contract::RequestContext CompactionWorker::MakeContext(int64_t wait_ns) {
  return {MakeRequestId(random_), clock_.MonotonicNs() + wait_ns, nullptr};
}

Status CompactionWorker::Ready() const {
  std::lock_guard lock(mu_);
  if (clock_.MonotonicNs() - heard_ns_ <= contract::CompactionJobs::kLeaseMs * kNsPerMs) return Status::Ok();
  return Unavailable("no metastore member gives jobs: " + last_error_);
}

void CompactionWorker::Heard(const Status& status) {
  std::lock_guard lock(mu_);
  if (status.ok()) {
    heard_ns_ = clock_.MonotonicNs();
    return;
  }
  last_error_ = status.message();
  metrics_.call_failures.Add();
}

void CompactionWorker::Pull(size_t credits, int64_t wait_ns) {
  {
    std::lock_guard lock(pull_box_->mu);
    pull_box_->is_pending = true;
  }
  jobs_.PullJobs(MakeContext(wait_ns), name_, credits, [box = pull_box_](Result<std::vector<CompactionJob>> pulled) {
    std::lock_guard lock(box->mu);
    box->is_pending = false;
    box->status = pulled.status();
    if (pulled.ok()) std::move(pulled->begin(), pulled->end(), std::back_inserter(box->jobs));
    if (box->worker == nullptr) return;
    std::lock_guard worker_lock(box->worker->mu_);
    box->worker->pulled_ = true;
    box->worker->changed_.notify_all();
  });
}

void CompactionWorker::TakePulled() {
  std::vector<CompactionJob> jobs;
  Status status;
  {
    std::lock_guard lock(pull_box_->mu);
    jobs.swap(pull_box_->jobs);
    status = pull_box_->status;
  }
  Heard(status);
  pull_pause_ns_ = status.ok() ? 0 : std::clamp(pull_pause_ns_ * 2, kFirstPullPauseNs, kPullPauseMaxNs);
  next_pull_ns_ = clock_.MonotonicNs() + pull_pause_ns_;
  std::lock_guard lock(mu_);
  for (CompactionJob& job : jobs) {
    auto running = std::make_shared<Running>(Running{.job = std::move(job), .control = std::make_shared<JobControl>()});
    if (stopping_) running->control->Stop();
    if (!running_.emplace(std::pair(running->job.id, running->job.token), running).second) continue;
    waiting_.push_back(running);
  }
  metrics_.running.Set(static_cast<int64_t>(running_.size()));
  changed_.notify_all();
}

void CompactionWorker::SendHeartbeat() {
  std::vector<JobProgress> progress;
  {
    std::lock_guard lock(mu_);
    for (const auto& [key, running] : running_) {
      progress.push_back({.id = key.first,
                          .token = key.second,
                          .bytes_done = running->control->bytes_done,
                          .bytes_total = running->control->bytes_total});
    }
  }
  const Result<std::vector<uint64_t>> stop = jobs_.Heartbeat(MakeContext(options_.call_ns), name_, progress);
  Heard(stop.status());
  if (!stop.ok()) return;
  std::lock_guard lock(mu_);
  for (const JobProgress& said : progress) {
    if (std::find(stop->begin(), stop->end(), said.id) == stop->end()) continue;
    const auto it = running_.find({said.id, said.token});
    if (it == running_.end()) continue;
    it->second->is_lost = true;
    it->second->control->Stop();
  }
}

void CompactionWorker::ControlLoop() {
  int64_t next_heartbeat_ns = clock_.MonotonicNs();
  for (;;) {
    const int64_t now_ns = clock_.MonotonicNs();
    bool pulled = false;
    size_t free = 0;
    {
      std::lock_guard lock(mu_);
      if (stopping_) break;
      pulled = std::exchange(pulled_, false);
    }
    if (pulled) TakePulled();
    {
      std::lock_guard lock(mu_);
      const size_t concurrency = std::max<size_t>(1, options_.concurrency);
      free = concurrency - std::min(concurrency, running_.size());
    }
    bool is_pending = false;
    {
      std::lock_guard lock(pull_box_->mu);
      is_pending = pull_box_->is_pending || !pull_box_->jobs.empty();
    }
    if (free > 0 && !is_pending && now_ns >= next_pull_ns_) {
      next_pull_ns_ = INT64_MAX;  // until it is answered
      Pull(std::min(free, contract::CompactionJobs::kJobsPerPullMax), options_.pull_ns);
    }
    if (now_ns >= next_heartbeat_ns) {
      SendHeartbeat();
      next_heartbeat_ns = clock_.MonotonicNs() + options_.heartbeat_ns;
    }
    const int64_t wake_ns = free > 0 ? std::min(next_heartbeat_ns, next_pull_ns_) : next_heartbeat_ns;
    std::unique_lock lock(mu_);
    if (stopping_ || pulled_) continue;
    changed_.wait_for(lock, std::chrono::nanoseconds(std::max<int64_t>(0, wake_ns - clock_.MonotonicNs())));
  }
  // Takes the pull back, if one waits, so that no job is given to who does not want it.
  auto taken_back = std::make_shared<std::promise<void>>();
  std::future<void> answered = taken_back->get_future();
  jobs_.PullJobs(MakeContext(options_.call_ns), name_, 0,
                 [taken_back](const Result<std::vector<CompactionJob>>&) { taken_back->set_value(); });
  answered.wait();
  TakePulled();
}

void CompactionWorker::RunnerLoop() {
  for (;;) {
    RunningPtr running;
    {
      std::unique_lock lock(mu_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      running = waiting_.front();
      waiting_.pop_front();
    }
    Do(*running);
    std::lock_guard lock(mu_);
    running_.erase({running->job.id, running->job.token});
    metrics_.running.Set(static_cast<int64_t>(running_.size()));
    changed_.notify_all();
  }
}

void CompactionWorker::Do(Running& running) {
  const int64_t start_ns = clock_.MonotonicNs();
  JobOutcome outcome;
  if (running.control->is_stopped()) {
    outcome.is_stopped = true;
    outcome.reason = ReturnReason::kStopping;
  } else {
    const double cpu_s = ThreadCpuSeconds();
    outcome = runner_.Run(running.job, *running.control);
    running.cpu_s = ThreadCpuSeconds() - cpu_s;
  }
  if (outcome.finished.has_value()) return Finish(running, outcome, start_ns);
  Return(running, outcome.reason, outcome.is_stopped ? "the worker stops" : outcome.error);
}

void CompactionWorker::Finish(Running& running, JobOutcome& outcome, int64_t start_ns) {
  const uint32_t level = running.job.level;
  metrics_.bad_blocks.Add(outcome.finished->bad.size());
  metrics_.memory_peak_bytes.Set(static_cast<int64_t>(outcome.figures.memory_bytes_peak));
  const int64_t give_up_ns = clock_.MonotonicNs() + options_.finish_ns;
  Status status;
  for (;;) {
    status = Await([&](std::function<void(Status)> done) {
      jobs_.FinishJob(MakeContext(std::max<int64_t>(options_.call_ns, 10 * kNsPerSecond)), *outcome.finished, std::move(done));
    });
    if (status.ok() || !IsRetryable(status.code()) || clock_.MonotonicNs() >= give_up_ns) break;
    if (!running.control->Sleep(kFinishPauseNs)) break;
  }
  if (status.ok()) {
    metrics_.Jobs(level, "finished").Add();
    metrics_.BytesRead(level).Add(outcome.figures.bytes_read);
    metrics_.BytesWritten(level).Add(outcome.bytes_written);
    metrics_.Profiles(level).Add(outcome.figures.profiles);
    metrics_.JobCpuSeconds(level).Observe(running.cpu_s);
    metrics_.JobSeconds(level).Observe(static_cast<double>(clock_.MonotonicNs() - start_ns) * 1e-9);
    return;
  }
  if (status.reason() == "stale_lease") {
    metrics_.Jobs(level, "lost").Add();
    return;
  }
  // Its inputs are not what they were: as they are now they make another job. An error of any other kind would come again.
  const bool changed = status.code() == Code::kFailedPrecondition || status.code() == Code::kNotFound;
  const bool stopped = running.control->is_stopped();
  Return(running, changed || stopped ? ReturnReason::kStopping
                                     : IsRetryable(status.code()) ? ReturnReason::kUnavailable : ReturnReason::kFailed,
         status.ToString());
}

void CompactionWorker::Return(Running& running, ReturnReason reason, const std::string& error) {
  {
    std::lock_guard lock(mu_);
    if (running.is_lost) {
      metrics_.Jobs(running.job.level, "lost").Add();
      return;
    }
  }
  metrics_.Jobs(running.job.level, OutcomeName(reason)).Add();
  Log(reason == ReturnReason::kStopping ? LogLevel::kInfo : LogLevel::kWarn, "compaction job is returned",
      {{"job", running.job.id}, {"level", running.job.level}, {"tenant", running.job.tenant}, {"why", error}});
  const Status status = Await([&](std::function<void(Status)> done) {
    jobs_.ReturnJob(MakeContext(options_.call_ns), running.job.id, running.job.token, reason, error.substr(0, kErrorBytesMax),
                    std::move(done));
  });
  // Then its lease runs out.
  if (!status.ok()) Log(LogLevel::kWarn, "compaction job could not be returned", {{"job", running.job.id}, {"error", status.message()}});
}

}  // namespace brazier::compaction
