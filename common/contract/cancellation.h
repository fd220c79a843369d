// Cancellation: nobody waits for the answer of a request any more. One per request, shared by the door that finds out and by
// whoever works on it and asks between two steps. Only a hint: work that goes on does no harm. Never undone. Thread-safe.
#pragma once

#include <atomic>

namespace brazier::contract {

class Cancellation {
 public:
  void Cancel() { is_cancelled_.store(true, std::memory_order_relaxed); }
  bool IsCancelled() const { return is_cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> is_cancelled_{false};
};

}  // namespace brazier::contract
