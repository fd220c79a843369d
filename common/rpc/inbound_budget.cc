#include "common/rpc/inbound_budget.h"

#include <chrono>

#include "common/base/check.h"

namespace brazier::rpc {

bool InboundBudget::Acquire(uint64_t bytes, int64_t deadline_ns) {
  if (bytes > bytes_max_) return false;
  std::unique_lock lock(mu_);
  while (!closed_ && used_ + bytes > bytes_max_) {
    const int64_t left_ns = deadline_ns - clock_.MonotonicNs();
    if (left_ns <= 0) return false;
    changed_.wait_for(lock, std::chrono::nanoseconds(left_ns));
  }
  if (closed_) return false;
  used_ += bytes;
  return true;
}

bool InboundBudget::TryAcquire(uint64_t bytes) {
  std::lock_guard lock(mu_);
  if (closed_ || bytes > bytes_max_ || used_ + bytes > bytes_max_) return false;
  used_ += bytes;
  return true;
}

void InboundBudget::Release(uint64_t bytes) {
  if (bytes == 0) return;
  {
    std::lock_guard lock(mu_);
    CHECK(bytes <= used_);
    used_ -= bytes;
  }
  changed_.notify_all();
}

void InboundBudget::Close() {
  {
    std::lock_guard lock(mu_);
    closed_ = true;
  }
  changed_.notify_all();
}

uint64_t InboundBudget::used() const {
  std::lock_guard lock(mu_);
  return used_;
}

}  // namespace brazier::rpc
