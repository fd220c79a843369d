// Options that all Thrift clients share. Values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/rpc/rpc_limits.h"

namespace brazier::rpc {

struct ClientOptions {
  // "host:port" of members that can answer the same calls; an attempt that fails moves on to the next one.
  std::vector<std::string> addresses;
  // A client trusts its own servers with larger answers than they trust it with requests.
  FrameLimits frame = {.frame_bytes_max = 64u << 20, .elements_max = 32u << 20};
  int64_t connect_timeout_ms = 2'000;
  // For calls that have no deadline of their own, such as Ready().
  int64_t default_timeout_ms = 2'000;
  // Connections kept open while idle; more are made when more calls run at once.
  size_t idle_connections_max = 8;

  // Repeating a call, which every method allows: at most so often, after pauses that double from the first one, and
  // while the budget of repeats (a tenth of the successful calls, and this many at the start) lasts.
  int attempts_max = 6;
  int64_t first_backoff_ms = 25;
  int64_t last_backoff_ms = 400;
  int retry_budget = 20;

  // Threads that run asynchronous calls, and the bytes of calls that may wait for one; beyond it a call fails at
  // once with kResourceExhausted.
  size_t threads = 4;
  size_t queue_bytes_max = 128u << 20;
};

}  // namespace brazier::rpc
