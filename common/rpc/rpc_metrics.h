// The metrics of Thrift servers and clients, declared in one place. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/observe/metrics.h"

namespace brazier::rpc {

struct ServerMetrics {
  explicit ServerMetrics(MetricsRegistry& registry);
  Counter& connections_accepted;
  Counter& connections_refused;  // over connections_max
  Counter& connections_broken;   // closed by us: a frame too large, garbage, too slow, no memory
  Counter& accept_failures;      // the system gave no descriptor or thread
};

// One answered call: counts it by code, and its duration.
void CountServerCall(MetricsRegistry& registry, std::string_view service, std::string_view method,
                     Code code, double seconds);

// One call as the client's caller saw it, retries included.
void CountClientCall(MetricsRegistry& registry, std::string_view service, std::string_view method,
                     Code code, double seconds);
// One failed attempt. reason: "connect", "lost", "timeout", "protocol", "refused".
void CountPeerFailure(MetricsRegistry& registry, std::string_view peer, std::string_view reason);
Counter& ClientRetries(MetricsRegistry& registry, std::string_view service);
Gauge& ClientQueueBytes(MetricsRegistry& registry, std::string_view service);

}  // namespace brazier::rpc
