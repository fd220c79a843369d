// RequestContext: what travels with every request between roles: its id for logs and its deadline. Value type.
#pragma once

#include <cstdint>
#include <string>

namespace brazier::contract {

struct RequestContext {
  std::string request_id;
  int64_t deadline_ns = 0;  // Clock::MonotonicNs of this process; always set. On wires: the remaining time.
};

}  // namespace brazier::contract
