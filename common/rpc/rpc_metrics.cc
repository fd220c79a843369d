#include "common/rpc/rpc_metrics.h"

namespace brazier::rpc {

ServerMetrics::ServerMetrics(MetricsRegistry& registry)
    : connections_accepted(registry.GetCounter("brazier_rpc_server_connections_accepted_total",
                                               "Thrift connections accepted.")),
      connections_refused(registry.GetCounter("brazier_rpc_server_connections_refused_total",
                                              "Thrift connections closed at once: too many.")),
      connections_broken(registry.GetCounter(
          "brazier_rpc_server_connections_broken_total",
          "Thrift connections closed for what they sent: oversized, malformed or too slow.")),
      accept_failures(registry.GetCounter("brazier_rpc_server_accept_failures_total",
                                          "Failures to accept a Thrift connection.")) {}

CallMetrics::CallMetrics(MetricsRegistry& registry, std::string service, Side side)
    : registry_(registry), service_(std::move(service)), side_(side) {}

void CallMetrics::Count(std::string_view method, Code code, double seconds) {
  Method& found = Find(method);
  found.seconds.Observe(seconds);
  std::atomic<Counter*>& calls = found.calls[static_cast<size_t>(code)];
  Counter* counter = calls.load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter = &CallsOf(method, code);  // the same one for whoever else asks now
    calls.store(counter, std::memory_order_release);
  }
  counter->Add();
}

CallMetrics::Method& CallMetrics::Find(std::string_view method) {
  {
    std::shared_lock lock(mu_);
    const auto found = methods_.find(method);
    if (found != methods_.end()) return found->second;
  }
  Histogram& seconds =
      side_ == Side::kServer
          ? registry_.GetHistogram("brazier_rpc_server_call_duration_seconds", "Duration of answered Thrift calls.",
                                   LatencyBounds(), {{"service", service_}, {"method", std::string(method)}})
          : registry_.GetHistogram("brazier_rpc_client_call_duration_seconds",
                                   "Duration of Thrift calls to other processes, with retries.", LatencyBounds(),
                                   {{"service", service_}, {"method", std::string(method)}});
  std::unique_lock lock(mu_);
  return methods_.try_emplace(std::string(method), seconds).first->second;
}

Counter& CallMetrics::CallsOf(std::string_view method, Code code) {
  const MetricLabels labels = {
      {"service", service_}, {"method", std::string(method)}, {"code", std::string(CodeName(code))}};
  if (side_ == Side::kServer) {
    return registry_.GetCounter("brazier_rpc_server_calls_total", "Answered Thrift calls.", labels);
  }
  return registry_.GetCounter("brazier_rpc_client_calls_total", "Thrift calls to other processes.", labels);
}

void CountPeerFailure(MetricsRegistry& registry, std::string_view peer, std::string_view reason) {
  registry
      .GetCounter("brazier_rpc_client_peer_failures_total",
                  "Failed attempts of Thrift calls, by peer and reason.",
                  {{"peer", std::string(peer)}, {"reason", std::string(reason)}})
      .Add();
}

Counter& ClientRetries(MetricsRegistry& registry, std::string_view service) {
  return registry.GetCounter("brazier_rpc_client_retries_total",
                             "Attempts of Thrift calls after the first one.",
                             {{"service", std::string(service)}});
}

Gauge& ClientQueueBytes(MetricsRegistry& registry, std::string_view service) {
  return registry.GetGauge("brazier_rpc_client_queue_bytes",
                           "Bytes of asynchronous Thrift calls that wait for a thread.",
                           {{"service", std::string(service)}});
}

}  // namespace brazier::rpc
