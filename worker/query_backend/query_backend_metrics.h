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
        seconds(r.GetHistogram("brazier_query_backend_execute_seconds", "Executing one plan.",
                               LatencyBounds())) {}
  Counter& executions;
  Counter& failures;
  Counter& blocks;
  Counter& bytes;
  Histogram& seconds;
};

}  // namespace brazier::query_backend
