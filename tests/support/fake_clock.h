// FakeClock: time that moves only when the test says so. Both clocks move together. Thread-safe.
#pragma once

#include <atomic>

#include "common/base/clock.h"

namespace brazier::testing {

// 2023-11-14, a whole second.
inline constexpr int64_t kTestNowNs = int64_t{1'700'000'000} * kNsPerSecond;

class FakeClock final : public Clock {
 public:
  int64_t NowNs() const override { return now_ns_.load(); }
  int64_t MonotonicNs() const override { return now_ns_.load() - kTestNowNs + kNsPerSecond; }
  void Advance(int64_t ns) { now_ns_.fetch_add(ns); }

 private:
  std::atomic<int64_t> now_ns_{kTestNowNs};
};

}  // namespace brazier::testing
