#include "server/http/worker_pool.h"

#include <pthread.h>

#include <system_error>
#include <utility>

namespace brazier::http {

WorkerPool::WorkerPool(size_t threads_max, size_t queue_max) : threads_max_(threads_max), queue_max_(queue_max) {}

WorkerPool::~WorkerPool() { Stop(); }

bool WorkerPool::Submit(std::function<void()> work) {
  {
    std::lock_guard lock(mu_);
    if (stopping_) return false;
    if (queue_.size() >= idle_ && threads_.size() < threads_max_) StartThread();
    if (threads_.empty() || queue_.size() >= idle_ + queue_max_) return false;
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
  return true;
}

void WorkerPool::Stop() {
  std::deque<std::function<void()>> dropped;  // destroyed outside the lock: responders answer there
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
    dropped.swap(queue_);
  }
  wake_.notify_all();
  dropped.clear();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

// The system may have no more threads: then those that there are have to do.
void WorkerPool::StartThread() {
  try {
    threads_.emplace_back([this] { Run(); });
    ++idle_;
  } catch (const std::system_error&) {
  }
}

void WorkerPool::Run() {
  pthread_setname_np(pthread_self(), "http-worker");
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock(mu_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
      --idle_;
    }
    work();
    work = nullptr;  // what it holds goes before the thread counts as idle
    std::lock_guard lock(mu_);
    ++idle_;
  }
}

}  // namespace brazier::http
