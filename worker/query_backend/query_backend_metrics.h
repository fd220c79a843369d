// Metrics of the query-backend.
#pragma once

#include "common/observe/metrics.h"

namespace brazier::query_backend {

struct QueryBackendMetrics {
  explicit QueryBackendMetrics(MetricsRegistry& r)
      : executions(r.GetCounter("brazier_query_backend_executions_total", "Plans executed.")),
        failures(r.GetCounter("brazier_query_backend_failures_total", "Plans that failed.")),
        blocks(r.GetCounter("brazier_query_backend_blocks_read_total", "Blocks read.")),
        bytes(r.GetCounter("brazier_query_backend_read_bytes_total", "Bytes read from the object store.")),
        cache_hits(r.GetCounter("brazier_query_backend_cache_hits_total",
                                "Datasets that were in the cache of decoded samples.")),
        cache_misses(r.GetCounter("brazier_query_backend_cache_misses_total",
                                  "Datasets that were looked for there and had to be read.")),
        cache_evictions(r.GetCounter("brazier_query_backend_cache_evictions_total",
                                     "Dictionaries (tenant, service, profile type) dropped from the cache.")),
        cache_bytes(r.GetGauge("brazier_query_backend_cache_bytes", "Memory of the cache.")),
        seconds(r.GetHistogram("brazier_query_backend_execute_seconds", "Executing one plan.",
                               LatencyBounds())) {}
  Counter& executions;
  Counter& failures;
  Counter& blocks;
  Counter& bytes;
  Counter& cache_hits;
  Counter& cache_misses;
  Counter& cache_evictions;
  Gauge& cache_bytes;
  Histogram& seconds;
};

}  // namespace brazier::query_backend
