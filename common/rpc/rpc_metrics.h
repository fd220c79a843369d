// The metrics of Thrift servers and clients, declared in one place. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <shared_mutex>
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

// The calls of one service: counts each by code, and its duration. On the server's side answered calls, on the client's side calls
// as the caller saw them, retries included. Looks the metrics of a method up once: their names and labels cost more than the rest.
class CallMetrics {
 public:
  enum class Side { kServer, kClient };
  CallMetrics(MetricsRegistry& registry, std::string service, Side side);
  // `method`: one of the service's, so there are few.
  void Count(std::string_view method, Code code, double seconds);

 private:
  struct Method {
    explicit Method(Histogram& seconds) : seconds(seconds) {}
    Histogram& seconds;
    std::array<std::atomic<Counter*>, static_cast<size_t>(Code::kInternal) + 1> calls = {};  // null until the first one
  };
  Method& Find(std::string_view method);
  Counter& CallsOf(std::string_view method, Code code);

  MetricsRegistry& registry_;
  const std::string service_;
  const Side side_;
  std::shared_mutex mu_;
  std::map<std::string, Method, std::less<>> methods_;  // guarded by mu_; entries stay where they are
};

// One failed attempt. reason: "connect", "lost", "timeout", "protocol", "refused".
void CountPeerFailure(MetricsRegistry& registry, std::string_view peer, std::string_view reason);
Counter& ClientRetries(MetricsRegistry& registry, std::string_view service);
Gauge& ClientQueueBytes(MetricsRegistry& registry, std::string_view service);

}  // namespace brazier::rpc
