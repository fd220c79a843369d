// The metrics of a compaction worker; those of the scheduler are in server/metastore/compaction. Levels are those of outputs.
// References into the registry, which outlives them. Thread-safe.
#pragma once

#include <string>

#include "common/observe/metrics.h"

namespace brazier::compaction {

struct CompactionWorkerMetrics {
  explicit CompactionWorkerMetrics(MetricsRegistry& r)
      : registry(r),
        running(r.GetGauge("brazier_compaction_worker_running_jobs", "Jobs that this worker has.")),
        bad_blocks(r.GetCounter("brazier_compaction_worker_bad_blocks_total", "Inputs that could not be read, twice.")),
        call_failures(r.GetCounter("brazier_compaction_worker_call_failures_total",
                                   "Pulls and heartbeats that the metastore did not answer.")),
        memory_peak_bytes(r.GetGauge("brazier_compaction_worker_memory_peak_bytes",
                                     "The most that the merge of the last job held, as accounted.")) {}

  // Outcome: "finished", "failed", "unavailable", "stopped", "lost".
  Counter& Jobs(uint32_t level, const char* outcome) {
    return registry.GetCounter("brazier_compaction_worker_jobs_total", "Jobs by level and what became of them.",
                               {{"level", std::to_string(level)}, {"outcome", outcome}});
  }
  Counter& BytesRead(uint32_t level) {
    return registry.GetCounter("brazier_compaction_worker_read_bytes_total", "Bytes of inputs read by finished merges.",
                               {{"level", std::to_string(level)}});
  }
  Counter& BytesWritten(uint32_t level) {
    return registry.GetCounter("brazier_compaction_worker_written_bytes_total", "Bytes of outputs stored by finished merges.",
                               {{"level", std::to_string(level)}});
  }
  Counter& Profiles(uint32_t level) {
    return registry.GetCounter("brazier_compaction_worker_profiles_total", "Profiles in the outputs of finished merges.",
                               {{"level", std::to_string(level)}});
  }
  Histogram& JobSeconds(uint32_t level) {
    return registry.GetHistogram("brazier_compaction_worker_job_seconds", "From taking a job to the metastore's answer.",
                                 LatencyBounds(), {{"level", std::to_string(level)}});
  }
  Histogram& JobCpuSeconds(uint32_t level) {
    return registry.GetHistogram("brazier_compaction_worker_job_cpu_seconds", "CPU time of the merges of finished jobs.",
                                 LatencyBounds(), {{"level", std::to_string(level)}});
  }

  MetricsRegistry& registry;
  Gauge& running;
  Counter& bad_blocks;
  Counter& call_failures;
  Gauge& memory_peak_bytes;
};

}  // namespace brazier::compaction
