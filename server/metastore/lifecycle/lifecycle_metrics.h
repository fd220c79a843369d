// The metrics of retention, deletion, garbage and scrub. All but the totals are those of the member that leads; 0 elsewhere.
// References into the registry, which outlives them. Thread-safe.
#pragma once

#include <array>

#include "common/observe/metrics.h"
#include "server/metastore/lifecycle/retention_plan.h"

namespace brazier::metastore {

struct LifecycleMetrics {
  explicit LifecycleMetrics(MetricsRegistry& r)
      : registry(r),
        tombstones(registry.GetGauge("brazier_lifecycle_tombstones_count",
                                     "Removed blocks whose objects are not deleted yet.")),
        tombstones_bytes(registry.GetGauge("brazier_lifecycle_tombstones_bytes", "Bytes of their objects.")),
        tombstones_oldest_seconds(registry.GetGauge("brazier_lifecycle_tombstones_oldest_seconds",
                                                    "How long ago the block was removed that waits longest.")),
        objects_deleted_total(registry.GetCounter("brazier_lifecycle_objects_deleted_total",
                                                  "Objects of removed blocks that were deleted.")),
        objects_deleted_bytes_total(registry.GetCounter("brazier_lifecycle_objects_deleted_bytes_total",
                                                        "Bytes of the objects that were deleted.")),
        object_deletes_failed_total(registry.GetCounter(
            "brazier_lifecycle_object_deletes_failed_total", "Deletes that the object store refused; they are repeated.")),
        deletions_pending(registry.GetGauge("brazier_lifecycle_deletions_pending_count",
                                            "Deletions of data that are not confirmed yet.")),
        quarantined(registry.GetGauge("brazier_lifecycle_quarantined_blocks_count",
                                      "Blocks whose objects must not be read.")),
        orphans_condemned_total(registry.GetCounter("brazier_lifecycle_orphans_condemned_total",
                                                    "Objects without a block that were given up for deletion.")),
        retention_duration_seconds(registry.GetHistogram("brazier_lifecycle_retention_duration_seconds",
                                                         "Time to look at retention once.", LatencyBounds())),
        retention_failures_total(registry.GetCounter("brazier_lifecycle_retention_failures_total",
                                                     "Looks at retention that ended with an error.")),
        disk_free_bytes(registry.GetGauge("brazier_lifecycle_disk_free_bytes",
                                          "Free space of a local object store, when it was looked at last.")),
        scrub_timestamp_seconds(registry.GetGauge("brazier_lifecycle_scrub_timestamp_seconds",
                                                  "When the last scrub ended that came to its end; 0: none.")),
        scrub_duration_seconds(
            registry.GetGauge("brazier_lifecycle_scrub_duration_seconds", "How long the last scrub took.")),
        scrub_failures_total(registry.GetCounter("brazier_lifecycle_scrub_failures_total", "Scrubs that ended early.")),
        scrub_corrupt(ScrubFindings(registry, "corrupt")),
        scrub_missing(ScrubFindings(registry, "missing")),
        scrub_different(ScrubFindings(registry, "different")),
        scrub_orphans(ScrubFindings(registry, "orphan")) {
    for (size_t i = 0; i < kRetentionReasons; ++i) {
      const MetricLabels labels = {{"reason", std::string(RetentionReasonName(static_cast<RetentionReason>(i)))}};
      blocks_removed_total[i] = &registry.GetCounter("brazier_lifecycle_retention_blocks_removed_total",
                                                     "Blocks that retention removed, by the limit.", labels);
      bytes_removed_total[i] = &registry.GetCounter("brazier_lifecycle_retention_bytes_removed_total",
                                                    "Bytes of the blocks that retention removed, by the limit.", labels);
    }
  }

  // Outcome: "quarantined", "whole", "gone", "doubted", "refused" (too many wait).
  Counter& Suspects(const char* outcome) {
    return registry.GetCounter("brazier_lifecycle_suspect_blocks_total",
                               "Blocks that somebody failed to read, by what the leader found.", {{"outcome", outcome}});
  }
  static Gauge& ScrubFindings(MetricsRegistry& registry, const char* kind) {
    return registry.GetGauge("brazier_lifecycle_scrub_findings_count", "What the last scrub found, by kind.",
                             {{"kind", kind}});
  }

  MetricsRegistry& registry;
  Gauge& tombstones;
  Gauge& tombstones_bytes;
  Gauge& tombstones_oldest_seconds;
  Counter& objects_deleted_total;
  Counter& objects_deleted_bytes_total;
  Counter& object_deletes_failed_total;
  Gauge& deletions_pending;
  Gauge& quarantined;
  Counter& orphans_condemned_total;
  Histogram& retention_duration_seconds;
  Counter& retention_failures_total;
  Gauge& disk_free_bytes;
  Gauge& scrub_timestamp_seconds;
  Gauge& scrub_duration_seconds;
  Counter& scrub_failures_total;
  Gauge& scrub_corrupt;
  Gauge& scrub_missing;
  Gauge& scrub_different;
  Gauge& scrub_orphans;
  std::array<Counter*, kRetentionReasons> blocks_removed_total{};
  std::array<Counter*, kRetentionReasons> bytes_removed_total{};
};

}  // namespace brazier::metastore
