// LifecycleKeeper: retention, janitor, scrub and the check of suspects of one member, each with a thread of its own, and the service over them. The loops do
// something only while their member leads.
//
// Owned by MetastoreRole. To stop: RequestStop(), then consensus, then Stop(). Borrows everything it is given.
// Thread-safe.
#pragma once

#include <memory>

#include "common/contract/lifecycle.h"
#include "server/metastore/lifecycle/janitor.h"
#include "server/metastore/lifecycle/lifecycle_service.h"
#include "server/metastore/lifecycle/retention.h"
#include "server/metastore/lifecycle/scrub.h"
#include "server/metastore/lifecycle/step_loop.h"
#include "server/metastore/lifecycle/suspects.h"

namespace brazier::metastore {

struct LifecycleOptions {
  RetentionOptions retention;
  JanitorOptions janitor;
  ScrubOptions scrub;
  const config::TenantOverrides* overrides = nullptr;  // null: none
  FreeBytesFunction free_bytes;                        // empty: not looked at
};

class LifecycleKeeper {
 public:
  // `objects` may be null: then only retention runs. `compaction` as of LifecycleService.
  LifecycleKeeper(const LifecycleOptions& options, std::unique_ptr<LifecycleIndex> index, object::ObjectStore* objects,
                  std::function<CompactionControl*()> compaction, const Clock& clock, MetricsRegistry& registry);
  ~LifecycleKeeper();  // stops

  void Start();
  // Begins to stop, without waiting: a step that runs may wait for consensus, which is stopped next and fails it.
  void RequestStop();
  void Stop();
  contract::Lifecycle& service() { return *service_; }
  // Somebody failed to read the block. As Suspects::Report; OK, and nothing, without an object store.
  Status ReportSuspect(const Ulid& id) { return suspects_ ? suspects_->Report(id) : Status::Ok(); }

 private:
  const std::unique_ptr<LifecycleIndex> index_;
  LifecycleMetrics metrics_;
  Retention retention_;
  std::unique_ptr<Janitor> janitor_;
  std::unique_ptr<Scrub> scrub_;
  std::unique_ptr<Suspects> suspects_;
  std::unique_ptr<LifecycleService> service_;
  std::unique_ptr<StepLoop> retention_loop_, janitor_loop_, scrub_loop_, suspects_loop_;
};

}  // namespace brazier::metastore
