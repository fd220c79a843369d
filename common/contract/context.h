// RequestContext: what travels with every request between roles: its id for logs, its deadline, and whether its answer is
// still wanted. Value type; copies share the cancellation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/contract/cancellation.h"

namespace brazier::contract {

struct RequestContext {
  std::string request_id;
  int64_t deadline_ns = 0;  // Clock::MonotonicNs of this process; always set. On wires: the remaining time.
  // Null: cannot be cancelled. Whoever works on a query asks between two steps and answers kCancelled; pushes are finished
  // in any case. On the execute pipeline: a cancel frame.
  std::shared_ptr<const Cancellation> cancellation = nullptr;

  bool IsCancelled() const { return cancellation != nullptr && cancellation->IsCancelled(); }
};

}  // namespace brazier::contract
