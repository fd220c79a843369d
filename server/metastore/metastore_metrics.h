// The metrics of the metastore. References into the registry, which outlives them. Thread-safe.
#pragma once

#include <string_view>

#include "common/base/status.h"
#include "common/observe/metrics.h"

namespace brazier::metastore {

// Requests of one kind: how many by outcome, and how long they took.
class RequestMetrics {
 public:
  RequestMetrics(MetricsRegistry& registry, std::string_view method)
      : registry_(registry),
        method_(method),
        duration_seconds_(registry.GetHistogram("brazier_metastore_request_duration_seconds",
                                                "Time to answer a request to the metastore.",
                                                LatencyBounds(), {{"method", method_}})),
        ok_(Requests(Code::kOk)) {}

  void Observe(const Status& status, int64_t duration_ns) {
    duration_seconds_.Observe(static_cast<double>(duration_ns) * 1e-9);
    if (status.ok()) return ok_.Add();
    Requests(status.code()).Add();
  }

 private:
  Counter& Requests(Code code) {
    return registry_.GetCounter("brazier_metastore_requests_total",
                                "Requests to the metastore by method and outcome.",
                                {{"method", method_}, {"code", std::string(CodeName(code))}});
  }

  MetricsRegistry& registry_;
  const std::string method_;
  Histogram& duration_seconds_;
  Counter& ok_;
};

struct MetastoreMetrics {
  explicit MetastoreMetrics(MetricsRegistry& registry)
      : add_blocks(registry, "add_blocks"),
        replace_blocks(registry, "replace_blocks"),
        purge_tombstones(registry, "purge_tombstones"),
        placement(registry, "placement"),
        blocks_added_total(registry.GetCounter("brazier_metastore_blocks_added_total",
                                               "Blocks registered, repeats of an id not counted.")),
        blocks_repeated_total(
            registry.GetCounter("brazier_metastore_blocks_repeated_total",
                                "Blocks that were registered again and changed nothing.")),
        profiles_hidden_total(
            registry.GetCounter("brazier_metastore_profiles_hidden_total",
                                "Profiles hidden because their identity was known.")),
        members_count(registry.GetGauge("brazier_metastore_members_count",
                                        "Processes whose heartbeats arrive.")) {}

  RequestMetrics add_blocks, replace_blocks, purge_tombstones, placement;
  Counter& blocks_added_total;
  Counter& blocks_repeated_total;
  Counter& profiles_hidden_total;
  Gauge& members_count;
};

// Of the state machine.
struct IndexMetrics {
  explicit IndexMetrics(MetricsRegistry& registry)
      : apply_duration_seconds(registry.GetHistogram(
            "brazier_metastore_apply_duration_seconds",
            "CPU and store time to apply one command of the index.",
            {0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.1})),
        dedup_window_bytes(registry.GetGauge("brazier_metastore_dedup_window_bytes",
                                             "Identities remembered to recognise repeats.")) {}

  Histogram& apply_duration_seconds;
  Gauge& dedup_window_bytes;
};

}  // namespace brazier::metastore
