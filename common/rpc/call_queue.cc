#include "common/rpc/call_queue.h"

#include <pthread.h>

#include <utility>

namespace brazier::rpc {

CallQueue::CallQueue(size_t threads, size_t bytes_max, Gauge& queue_bytes, std::string name)
    : bytes_max_(bytes_max), name_(std::move(name)), queue_bytes_(queue_bytes) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

CallQueue::~CallQueue() {
  Stop([] {});
}

void CallQueue::Post(size_t bytes, Call call) {
  Status refused;
  {
    std::lock_guard lock(mu_);
    if (stopped_) {
      refused = Unavailable(name_ + " client is shutting down");
    } else if (bytes_ + bytes > bytes_max_) {
      refused = ResourceExhausted(name_ + " client: " + std::to_string(bytes_) +
                                  " bytes of calls wait already, the limit is " +
                                  std::to_string(bytes_max_))
                    .WithReason("client_queue_full");
    } else {
      bytes_ += bytes;
      queue_bytes_.Add(static_cast<int64_t>(bytes));
      entries_.push_back({bytes, std::move(call)});
    }
  }
  if (!refused.ok()) {
    call(refused);
    return;
  }
  changed_.notify_one();
}

void CallQueue::Work() {
  pthread_setname_np(pthread_self(), "rpc-call");
  for (;;) {
    Entry entry;
    {
      std::unique_lock lock(mu_);
      changed_.wait(lock, [&] { return stopped_ || !entries_.empty(); });
      if (stopped_) return;
      entry = std::move(entries_.front());
      entries_.pop_front();
      bytes_ -= entry.bytes;
      queue_bytes_.Add(-static_cast<int64_t>(entry.bytes));
    }
    entry.call(Status::Ok());
  }
}

void CallQueue::Stop(const std::function<void()>& before_join) {
  std::deque<Entry> never_run;
  {
    std::lock_guard lock(mu_);
    if (std::exchange(stopped_, true)) return;
    never_run.swap(entries_);
    queue_bytes_.Add(-static_cast<int64_t>(bytes_));
    bytes_ = 0;
  }
  changed_.notify_all();
  before_join();
  for (std::thread& thread : threads_) thread.join();
  for (Entry& entry : never_run) entry.call(Unavailable(name_ + " client is shutting down"));
}

}  // namespace brazier::rpc
