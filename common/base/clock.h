// Clock: the seam for time. Cores take times as parameters; shells take a Clock.
#pragma once

#include <cstdint>

namespace brazier {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time, ns since the epoch. May jump. Thread-safe.
  virtual int64_t NowNs() const = 0;
  // Monotonic time, ns since an arbitrary start. Thread-safe.
  virtual int64_t MonotonicNs() const = 0;
};

// The machine's clock. Lives for the whole process.
const Clock& SystemClock();

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kNsPerSecond = 1'000'000'000;

}  // namespace brazier
