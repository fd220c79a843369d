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
        memory_bytes(r.GetGauge("brazier_query_backend_memory_bytes", "Memory of the queries that run, without the cache.")),
        given_up(r.GetCounter("brazier_query_backend_given_up_total",
                              "Plans given up because all together needed more than query.backend-memory-bytes-max.")),
        parts_here(Parts(r, "here")),
        parts_at_peers(Parts(r, "peer")),
        part_failures(r.GetCounter("brazier_query_backend_part_failures_total",
                                   "Parts of plans that a peer did not do: it failed, was busy or gone.")),
        part_hedges(r.GetCounter("brazier_query_backend_part_hedges_total",
                                 "Parts of plans given to a second backend because the first was slow.")),
        parts_overtaken(r.GetCounter("brazier_query_backend_parts_overtaken_total",
                                     "Parts of plans given up at one backend because another was faster.")),
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
  Gauge& memory_bytes;
  Counter& given_up;
  Counter& parts_here;
  Counter& parts_at_peers;
  Counter& part_failures;
  Counter& part_hedges;
  Counter& parts_overtaken;
  Histogram& seconds;

 private:
  static Counter& Parts(MetricsRegistry& r, const char* where) {
    return r.GetCounter("brazier_query_backend_parts_total", "Parts of plans that were shared out, by where they were begun.",
                        {{"where", where}});
  }
};

}  // namespace brazier::query_backend
