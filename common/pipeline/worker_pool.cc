#include "common/pipeline/worker_pool.h"

#include <pthread.h>

namespace brazier::pipeline {

WorkerPool::WorkerPool(std::string name, size_t threads, size_t queue_bytes_max)
    : name_(std::move(name)), queue_bytes_max_(queue_bytes_max) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

WorkerPool::~WorkerPool() { Stop(); }

Status WorkerPool::Post(size_t bytes, Task& task) { return Enqueue(bytes, false, task); }

Status WorkerPool::PostIfIdle(size_t bytes, Task& task) { return Enqueue(bytes, true, task); }

Status WorkerPool::Refuse(size_t bytes, bool must_be_idle) const {
  if (stopping_) return Unavailable(name_ + " is stopping");
  if (must_be_idle && running_ + queue_.size() >= threads_.size()) {
    return ResourceExhausted("all " + std::to_string(threads_.size()) + " threads of " + name_ + " are at work");
  }
  if (!queue_.empty() && queue_bytes_ + bytes > queue_bytes_max_) {
    return ResourceExhausted("the queue of " + name_ +
                             " is full: " + std::to_string(queue_bytes_) +
                             " bytes wait, the limit is " + std::to_string(queue_bytes_max_));
  }
  return Status::Ok();
}

Status WorkerPool::Enqueue(size_t bytes, bool must_be_idle, Task& task) {
  {
    std::lock_guard lock(mu_);
    RETURN_IF_ERROR(Refuse(bytes, must_be_idle));
    queue_.emplace_back(bytes, std::move(task));
    queue_bytes_ += bytes;
  }
  changed_.notify_one();
  return Status::Ok();
}

void WorkerPool::Stop() {
  std::deque<std::pair<size_t, Task>>
      dropped;  // destroyed without the lock: destructors answer requests
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
    dropped.swap(queue_);
    queue_bytes_ = 0;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

size_t WorkerPool::queue_bytes() const {
  std::lock_guard lock(mu_);
  return queue_bytes_;
}

void WorkerPool::Run() {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mu_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      queue_bytes_ -= queue_.front().first;
      task = std::move(queue_.front().second);
      queue_.pop_front();
      ++running_;
    }
    task();
    // What it owns ends before the thread counts as free.
    task = Task();
    std::lock_guard lock(mu_);
    --running_;
  }
}

}  // namespace brazier::pipeline
