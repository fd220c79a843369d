// The metrics of compaction as its scheduler sees it; those of workers are in worker/compaction. Of the process that leads: elsewhere
// the gauges are 0. Levels are those of a job's outputs, but for what waits. References into the registry. Thread-safe.
#pragma once

#include <array>
#include <string>

#include "common/observe/metrics.h"
#include "server/metastore/compaction/compaction_policy.h"

namespace brazier::metastore {

struct CompactionMetrics {
  static constexpr size_t kLevels = CompactionPolicy::kLastLevel + 1;

  struct Level {
    Level(MetricsRegistry& r, const std::string& level)
        : waiting_blocks(r.GetGauge("brazier_compaction_waiting_blocks",
                                    "Blocks that wait to be compacted, by their level; of the last level: all.",
                                    {{"level", level}})),
          waiting_bytes(r.GetGauge("brazier_compaction_waiting_bytes", "Bytes of the blocks that wait, by their level.",
                                   {{"level", level}})),
          waiting_queues(r.GetGauge("brazier_compaction_waiting_queues", "Queues that have blocks, by level.",
                                    {{"level", level}})),
          oldest_wait_seconds(r.GetGauge("brazier_compaction_oldest_wait_seconds",
                                         "How long the block has waited that waits longest, by level.", {{"level", level}})),
          jobs_running(r.GetGauge("brazier_compaction_leased_jobs", "Jobs that workers have, by the level of their outputs.",
                                  {{"level", level}})),
          jobs_finished(r.GetCounter("brazier_compaction_jobs_finished_total", "Jobs whose outputs replaced their inputs.",
                                     {{"level", level}})),
          jobs_failed(r.GetCounter("brazier_compaction_jobs_failed_total", "Jobs that ended without a result, by an error.",
                                   {{"level", level}})),
          jobs_retried(r.GetCounter("brazier_compaction_jobs_retried_total",
                                    "Jobs that were given to another worker because theirs fell silent.", {{"level", level}})),
          bytes_read(r.GetCounter("brazier_compaction_replaced_bytes_total", "Bytes of objects that finished jobs read.",
                                  {{"level", level}})),
          bytes_written(r.GetCounter("brazier_compaction_output_bytes_total", "Bytes of objects that finished jobs wrote.",
                                     {{"level", level}})),
          job_seconds(r.GetHistogram("brazier_compaction_job_seconds", "Time of a finished job on its worker.", LatencyBounds(),
                                     {{"level", level}})) {}
    Gauge& waiting_blocks;
    Gauge& waiting_bytes;
    Gauge& waiting_queues;
    Gauge& oldest_wait_seconds;
    Gauge& jobs_running;
    Counter& jobs_finished;
    Counter& jobs_failed;
    Counter& jobs_retried;
    Counter& bytes_read;
    Counter& bytes_written;
    Histogram& job_seconds;
  };

  explicit CompactionMetrics(MetricsRegistry& r)
      : levels{{{r, "0"}, {r, "1"}, {r, "2"}, {r, "3"}, {r, "4"}}},
        first_compaction_seconds(r.GetHistogram("brazier_compaction_first_compaction_seconds",
                                                "From when a segment was made to when its compaction was applied.",
                                                {0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60, 120, 300, 900, 3600})),
        leases_expired(r.GetCounter("brazier_compaction_leases_expired_total", "Leases of which no worker spoke in time.")),
        blocks_quarantined(r.GetCounter("brazier_compaction_blocks_quarantined_total",
                                        "Blocks that were quarantined because they could not be compacted.")),
        reloads(r.GetCounter("brazier_compaction_reloads_total", "Times that the scheduler read all queues of the index.")),
        workers(r.GetGauge("brazier_compaction_workers_count", "Workers heard of within a lease.")),
        paused(r.GetGauge("brazier_compaction_paused_info", "1 while compaction is paused.")) {}
  static_assert(kLevels == 5);

  Level& Of(uint32_t level) { return levels[level < kLevels ? level : kLevels - 1]; }

  std::array<Level, kLevels> levels;
  Histogram& first_compaction_seconds;
  Counter& leases_expired;
  Counter& blocks_quarantined;
  Counter& reloads;
  Gauge& workers;
  Gauge& paused;
};

}  // namespace brazier::metastore
