// JobControl: what a job's runner and its worker tell each other: how far it is, and that it shall stop. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace brazier::compaction {

class JobControl {
 public:
  virtual ~JobControl() = default;

  // The job is another worker's now, or this worker stops. Ends a Sleep().
  void Stop() {
    std::lock_guard lock(mu_);
    stopped_ = true;
    changed_.notify_all();
  }
  bool is_stopped() const { return stopped_; }

  // Between two tries of something. False: stopped.
  virtual bool Sleep(int64_t ns) {
    std::unique_lock lock(mu_);
    return !changed_.wait_for(lock, std::chrono::nanoseconds(ns), [this] { return stopped_.load(); });
  }

  std::atomic<uint64_t> bytes_done{0};
  std::atomic<uint64_t> bytes_total{0};

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  std::atomic<bool> stopped_{false};
};

}  // namespace brazier::compaction
