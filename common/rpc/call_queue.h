// CallQueue: runs blocking calls on a few threads for callers that must not block. Bounded in bytes.
// Thread-safe. The destructor stops: waiting calls are told so, running ones are waited for.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "common/observe/metrics.h"

namespace brazier::rpc {

class CallQueue {
 public:
  // Called once: with OK to run, or with the reason why it never will.
  using Call = std::function<void(const Status&)>;

  CallQueue(size_t threads, size_t bytes_max, Gauge& queue_bytes, std::string name);
  ~CallQueue();

  // Never blocks; when the queue is full or stopped, `call` is told so on this thread.
  void Post(size_t bytes, Call call);
  // `before_join` must make running calls end soon. Idempotent.
  void Stop(const std::function<void()>& before_join);

 private:
  struct Entry {
    size_t bytes;
    Call call;
  };
  void Work();

  const size_t bytes_max_;
  const std::string name_;
  Gauge& queue_bytes_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<Entry> entries_;  // guarded by mu_
  size_t bytes_ = 0;           // guarded by mu_; of entries_
  bool stopped_ = false;       // guarded by mu_
  std::vector<std::thread> threads_;
};

}  // namespace brazier::rpc
