// StepLoop: a thread that runs a step, pauses, and runs it again, until it is stopped; and StopSignal, by which long steps hear of
// the stop and sleep. Steps are functions that tests call without any loop. Thread-safe.
#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace brazier::metastore {

class StopSignal {
 public:
  bool stopped() const {
    std::lock_guard lock(mu_);
    return stopped_;
  }
  // False, at once, when it is stopped. A wake ends it early.
  bool Sleep(int64_t ns) {
    std::unique_lock lock(mu_);
    const uint64_t seen = wakes_;
    changed_.wait_for(lock, std::chrono::nanoseconds(ns), [&] { return stopped_ || wakes_ != seen; });
    return !stopped_;
  }
  void Wake() {
    std::lock_guard lock(mu_);
    ++wakes_;
    changed_.notify_all();
  }
  void Stop() {
    std::lock_guard lock(mu_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  mutable std::mutex mu_;
  std::condition_variable changed_;
  bool stopped_ = false;  // guarded by mu_
  uint64_t wakes_ = 0;    // guarded by mu_
};

class StepLoop {
 public:
  StepLoop(std::string name, int64_t pause_ns, std::function<void()> step)
      : name_(std::move(name)), pause_ns_(pause_ns), step_(std::move(step)) {}
  ~StepLoop() { Stop(); }

  // Sleeps of the step's own; Wake() ends the pause between two steps.
  StopSignal& signal() { return signal_; }
  void Start() {
    thread_ = std::thread([this] {
      do {
        step_();
      } while (signal_.Sleep(pause_ns_));
    });
    pthread_setname_np(thread_.native_handle(), name_.c_str());
  }
  // The loop ends after the step that runs; does not wait for it.
  void RequestStop() { signal_.Stop(); }
  void Stop() {
    signal_.Stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  const std::string name_;  // at most 15 bytes
  const int64_t pause_ns_;
  const std::function<void()> step_;
  StopSignal signal_;
  std::thread thread_;
};

}  // namespace brazier::metastore
