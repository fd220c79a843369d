// InboundBudget: how many bytes of requests a server holds at once, over all its connections. A reader reserves a
// frame's bytes before it allocates them and waits while the budget is spent, which pushes back on the sender through
// TCP. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "common/base/clock.h"

namespace brazier::rpc {

class InboundBudget {
 public:
  InboundBudget(uint64_t bytes_max, const Clock& clock) : bytes_max_(bytes_max), clock_(clock) {}

  // False when the bytes were not free before the deadline, never can be, or the budget was closed.
  bool Acquire(uint64_t bytes, int64_t deadline_ns);
  // The same without waiting.
  bool TryAcquire(uint64_t bytes);
  void Release(uint64_t bytes);
  // Fails all who wait now or later.
  void Close();
  uint64_t used() const;

 private:
  const uint64_t bytes_max_;
  const Clock& clock_;
  mutable std::mutex mu_;
  std::condition_variable changed_;
  uint64_t used_ = 0;    // guarded by mu_
  bool closed_ = false;  // guarded by mu_
};

}  // namespace brazier::rpc
