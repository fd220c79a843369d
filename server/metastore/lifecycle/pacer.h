// Pacer: a token bucket: how long to wait so that no more than so many units are used in a second. What was not used in the last
// `burst_ns` may be used at once. Pure; Thread-compatible.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

namespace brazier::metastore {

// Waits that long; false when it was told to stop. Tests move a clock instead.
using PauseFunction = std::function<bool(int64_t ns)>;

class Pacer {
 public:
  static constexpr int64_t kBurstNs = 100'000'000;

  // REQUIRES: units_per_second > 0
  explicit Pacer(uint64_t units_per_second, int64_t burst_ns = kBurstNs)
      : units_per_second_(units_per_second), burst_ns_(burst_ns) {}

  // Takes the units, and answers how long to wait before they are used.
  int64_t Take(uint64_t units, int64_t now_ns) {
    free_ns_ = std::max(free_ns_, now_ns - burst_ns_);
    const int64_t wait_ns = std::max<int64_t>(0, free_ns_ - now_ns);
    free_ns_ += static_cast<int64_t>(static_cast<double>(units) * 1e9 / static_cast<double>(units_per_second_));
    return wait_ns;
  }

 private:
  const uint64_t units_per_second_;
  const int64_t burst_ns_;
  int64_t free_ns_ = INT64_MIN / 2;  // when all that was taken is paid for
};

}  // namespace brazier::metastore
