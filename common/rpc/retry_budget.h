// RetryBudget: keeps repeats a small share of all calls, so that a struggling peer is not buried by them. Thread-safe.
#pragma once

#include <algorithm>
#include <mutex>

namespace brazier::rpc {

class RetryBudget {
 public:
  // At most `size` repeats in a row without a success; every success earns a tenth of one.
  explicit RetryBudget(int size) : max_(size * kPerRetry), tokens_(max_) {}

  void Earn() {
    std::lock_guard lock(mu_);
    tokens_ = std::min(max_, tokens_ + 1);
  }
  bool Spend() {
    std::lock_guard lock(mu_);
    if (tokens_ < kPerRetry) return false;
    tokens_ -= kPerRetry;
    return true;
  }

 private:
  static constexpr int kPerRetry = 10;
  const int max_;
  std::mutex mu_;
  int tokens_;  // guarded by mu_
};

}  // namespace brazier::rpc
