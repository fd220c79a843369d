// Options that all Thrift clients share. Values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/rpc/rpc_limits.h"

namespace brazier::rpc {

struct ClientOptions {
  // "host:port" of members that can answer the same calls; an attempt that fails moves on to the next one, or to where a
  // member that does not lead redirects. What it moved on to is asked first by later calls.
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
  // Where there is another address to ask: an attempt ends after so long without an answer, after twice as long when one
  // of this call already did, and so on; then the call moves on. So a member that hangs costs a call this and not its
  // deadline, and what does take long gets its time. 0: an attempt may take the whole deadline.
  int64_t first_attempt_ms = 0;
  // False: a redirect is answered to the caller like any other kUnavailable.
  bool follow_redirects = true;
  // kUnavailable with one of these reasons is not repeated: the caller knows better when to.
  std::vector<std::string> final_reasons;

  // Threads that run asynchronous calls, and the bytes of calls that may wait for one; beyond it a call fails at
  // once with kResourceExhausted.
  size_t threads = 4;
  size_t queue_bytes_max = 128u << 20;
};

// For calls to the metastore: they outlive the seconds in which its group has no leader, or one that hangs.
ClientOptions MetastoreClientOptions(std::vector<std::string> addresses);

// The parts of a comma-separated list of addresses, without blanks around them; empty parts are left out.
std::vector<std::string> SplitAddresses(std::string_view text);

}  // namespace brazier::rpc
