// WorkerPool: threads and a bounded queue, for handlers that block (queries). A thread is started when work comes and all
// others are busy, up to a limit; none ends before Stop. Thread-safe.
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
  // `queue_max`: work that waits while all threads are busy.
  WorkerPool(size_t threads_max, size_t queue_max);
  ~WorkerPool();

  // False when the queue is full or the pool is stopping; the work is then dropped.
  bool Submit(std::function<void()> work);
  // Drops what waits, finishes what runs, joins. Idempotent.
  void Stop();

 private:
  void Run();
  // REQUIRES: mu_ is held.
  void StartThread();

  const size_t threads_max_;
  const size_t queue_max_;
  std::mutex mu_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;  // guarded by mu_
  size_t idle_ = 0;                          // threads without work, those that begin included; guarded by mu_
  bool stopping_ = false;                    // guarded by mu_
  std::vector<std::thread> threads_;         // guarded by mu_ until stopping_
};

}  // namespace brazier::http
