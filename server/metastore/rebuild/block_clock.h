// BlockClock: the clock of a metastore that takes in blocks of the past: it is always the time at which the block in hand
// was made, so that the dedup window forgets what it forgot then. Monotonic time is the base clock's.
// Borrows the base clock. Thread-safe.
#pragma once

#include <algorithm>
#include <atomic>

#include "common/base/clock.h"
#include "common/base/ulid.h"

namespace brazier::metastore {

class BlockClock final : public Clock {
 public:
  explicit BlockClock(const Clock& base) : base_(base), now_ns_(base.NowNs()) {}

  int64_t NowNs() const override { return now_ns_.load(std::memory_order_relaxed); }
  int64_t MonotonicNs() const override { return base_.MonotonicNs(); }

  // It is now the time of the block's id, but never later than it really is: an id of the far future would keep every
  // identity that comes after it in the window.
  void SetTo(const Ulid& block) {
    const int64_t real_ms = base_.NowNs() / kNsPerMs;
    now_ns_.store(std::min(block.TimeMs(), real_ms) * kNsPerMs, std::memory_order_relaxed);
  }

 private:
  const Clock& base_;
  std::atomic<int64_t> now_ns_;
};

}  // namespace brazier::metastore
