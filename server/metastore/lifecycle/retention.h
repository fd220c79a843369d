// Retention: removes from the index what the limits of age, bytes and free disk no longer allow. RunOnce() is a step; who leads
// does something in it, others nothing. The objects follow after the delay of deletions (janitor.h).
//
// Borrows everything. RunOnce by one thread.
#pragma once

#include <functional>

#include "common/base/clock.h"
#include "common/config/overrides.h"
#include "server/metastore/lifecycle/lifecycle_index.h"
#include "server/metastore/lifecycle/lifecycle_metrics.h"
#include "server/metastore/lifecycle/retention_plan.h"

namespace brazier::metastore {

// Free bytes where objects are written; empty: not known, or unlimited.
using FreeBytesFunction = std::function<Result<uint64_t>()>;

struct RetentionOptions {
  RetentionPolicy policy;  // of tenants that have none of their own
  uint64_t total_bytes_max = 0;
  uint64_t free_bytes_min = 0;
  int64_t interval_ns = 60 * kNsPerSecond;
};

class Retention {
 public:
  // `overrides` may be null.
  Retention(const RetentionOptions& options, LifecycleIndex& index, const config::TenantOverrides* overrides,
            FreeBytesFunction free_bytes, const Clock& clock, LifecycleMetrics& metrics)
      : options_(options),
        index_(index),
        overrides_(overrides),
        free_bytes_(std::move(free_bytes)),
        clock_(clock),
        metrics_(metrics) {}

  // Until nothing is over a limit, at most kPlansPerRun plans.
  Status RunOnce();

  static constexpr int kPlansPerRun = 20;

 private:
  Result<RetentionPlan> Plan();
  Result<uint64_t> BytesToFree(const IndexView& view);
  // What the index refuses as a whole is tried in halves: a block that is gone by now must not keep the others.
  Status Remove(const std::vector<RetentionRemoval>& removals);

  const RetentionOptions options_;
  LifecycleIndex& index_;
  const config::TenantOverrides* const overrides_;
  const FreeBytesFunction free_bytes_;
  const Clock& clock_;
  LifecycleMetrics& metrics_;
};

}  // namespace brazier::metastore
