// Metrics of the distributor. Names that dashboards of the reference system use are kept.
#pragma once

#include "common/observe/metrics.h"

namespace brazier::distributor {

struct DistributorMetrics {
  explicit DistributorMetrics(MetricsRegistry& registry)
      : registry(registry),
        received_bytes(registry.GetCounter("brazier_distributor_received_compressed_bytes_total",
                                           "Bytes of profiles as clients sent them.")),
        decoded_bytes(registry.GetCounter("brazier_distributor_received_decompressed_bytes_total",
                                          "Bytes of profiles after inflating.")),
        profiles(registry.GetCounter("brazier_distributor_profiles_received_total",
                                     "Profiles that clients sent.")),
        duplicates(registry.GetCounter("brazier_distributor_profiles_duplicate_total",
                                       "Accepted profiles whose identity was known already.")),
        emptied(registry.GetCounter("brazier_distributor_profiles_empty_total",
                                    "Accepted profiles with no sample left after normalising.")),
        retries(registry.GetCounter("brazier_distributor_append_retries_total",
                                    "Batches sent to another segment-writer after a failure.")),
        inflight_bytes(registry.GetGauge("brazier_distributor_inflight_bytes",
                                         "Decoded batches that wait for a segment-writer.")),
        append_seconds(registry.GetHistogram("brazier_distributor_append_seconds",
                                             "From placing a batch to its durable answer.",
                                             LatencyBounds())) {}

  Counter& Discarded(const std::string& reason, const std::string& tenant) {
    return registry.GetCounter("pyroscope_discarded_samples_total",
                               "Profiles that were refused, by reason.",
                               {{"reason", reason}, {"tenant", tenant}});
  }

  MetricsRegistry& registry;
  Counter& received_bytes;
  Counter& decoded_bytes;
  Counter& profiles;
  Counter& duplicates;
  Counter& emptied;
  Counter& retries;
  Gauge& inflight_bytes;
  Histogram& append_seconds;
};

}  // namespace brazier::distributor
