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

void CountServerCall(MetricsRegistry& registry, std::string_view service, std::string_view method,
                     Code code, double seconds) {
  const MetricLabels labels = {{"service", std::string(service)}, {"method", std::string(method)}};
  registry
      .GetHistogram("brazier_rpc_server_call_duration_seconds", "Duration of answered Thrift calls.",
                    LatencyBounds(), labels)
      .Observe(seconds);
  registry
      .GetCounter("brazier_rpc_server_calls_total", "Answered Thrift calls.",
                  {labels[0], labels[1], {"code", std::string(CodeName(code))}})
      .Add();
}

void CountClientCall(MetricsRegistry& registry, std::string_view service, std::string_view method,
                     Code code, double seconds) {
  const MetricLabels labels = {{"service", std::string(service)}, {"method", std::string(method)}};
  registry
      .GetHistogram("brazier_rpc_client_call_duration_seconds",
                    "Duration of Thrift calls to other processes, with retries.", LatencyBounds(),
                    labels)
      .Observe(seconds);
  registry
      .GetCounter("brazier_rpc_client_calls_total", "Thrift calls to other processes.",
                  {labels[0], labels[1], {"code", std::string(CodeName(code))}})
      .Add();
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
