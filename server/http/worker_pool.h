// WorkerPool: a fixed number of threads and a bounded queue, for handlers that block (queries). Thread-safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace brazier::http {

class WorkerPool {
 public:
  WorkerPool(size_t threads, size_t queue_max);
  ~WorkerPool();

  // False when the queue is full or the pool is stopping; the work is then dropped.
  bool Submit(std::function<void()> work);
  // Drops what waits, finishes what runs, joins. Idempotent.
  void Stop();

 private:
  void Run();

  const size_t queue_max_;
  std::mutex mu_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;  // guarded by mu_
  bool stopping_ = false;                    // guarded by mu_
  std::vector<std::thread> threads_;
};

}  // namespace brazier::http
