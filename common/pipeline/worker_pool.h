// WorkerPool: a few named threads and a queue bounded in bytes, for work that may block.
// A task that the pool refuses or never runs is destroyed, which lets the Responder it owns answer.
// Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "common/pipeline/task.h"

namespace brazier::pipeline {

class WorkerPool {
 public:
  WorkerPool(std::string name, size_t threads, size_t queue_bytes_max);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // kResourceExhausted when the queue is full, kUnavailable after Stop(); `task` is left untouched
  // then.
  Status Post(size_t bytes, Task& task);
  // Only if a thread takes it at once: else kResourceExhausted, and `task` is left untouched.
  Status PostIfIdle(size_t bytes, Task& task);
  // Drops what waits and joins what runs. Idempotent; one caller.
  void Stop();
  size_t queue_bytes() const;

 private:
  void Run();
  Status Refuse(size_t bytes, bool must_be_idle) const;  // REQUIRES: mu_ held
  Status Enqueue(size_t bytes, bool must_be_idle, Task& task);

  const std::string name_;
  const size_t queue_bytes_max_;
  mutable std::mutex mu_;
  std::condition_variable changed_;
  std::deque<std::pair<size_t, Task>> queue_;  // guarded by mu_
  size_t queue_bytes_ = 0;                     // guarded by mu_
  size_t running_ = 0;                         // guarded by mu_; threads at work
  bool stopping_ = false;                      // guarded by mu_
  std::vector<std::thread> threads_;
};

}  // namespace brazier::pipeline
