#include "server/metastore/lifecycle/lifecycle_keeper.h"

namespace brazier::metastore {

LifecycleKeeper::LifecycleKeeper(const LifecycleOptions& options, std::unique_ptr<LifecycleIndex> index,
                                 object::ObjectStore* objects, std::function<CompactionControl*()> compaction,
                                 const Clock& clock, MetricsRegistry& registry)
    : index_(std::move(index)),
      metrics_(registry),
      retention_(options.retention, *index_, options.overrides, options.free_bytes, clock, metrics_) {
  // What a step says in its status it has logged.
  retention_loop_ = std::make_unique<StepLoop>("retention", options.retention.interval_ns,
                                               [this] { (void)retention_.RunOnce(); });
  if (objects != nullptr) {
    janitor_ = std::make_unique<Janitor>(options.janitor, *index_, *objects, options.free_bytes, clock, metrics_,
                                         [this](int64_t ns) { return janitor_loop_->signal().Sleep(ns); });
    janitor_loop_ = std::make_unique<StepLoop>("janitor", Janitor::kPauseNs, [this] { (void)janitor_->RunOnce(); });
    scrub_ = std::make_unique<Scrub>(
        options.scrub, *index_, *objects, clock, metrics_, [this](int64_t ns) { return scrub_loop_->signal().Sleep(ns); },
        [this] { scrub_loop_->signal().Wake(); });
    scrub_loop_ = std::make_unique<StepLoop>("scrub", Scrub::kPauseNs, [this] { scrub_->RunOnce(); });
    suspects_ = std::make_unique<Suspects>(
        options.scrub.bytes_per_second, *index_, *objects, clock, metrics_,
        [this](int64_t ns) { return suspects_loop_->signal().Sleep(ns); }, [this] { suspects_loop_->signal().Wake(); });
    suspects_loop_ = std::make_unique<StepLoop>("suspects", Suspects::kPauseNs, [this] { suspects_->RunOnce(); });
  }
  service_ = std::make_unique<LifecycleService>(*index_, scrub_.get(), std::move(compaction), clock);
}

LifecycleKeeper::~LifecycleKeeper() { Stop(); }

void LifecycleKeeper::Start() {
  for (StepLoop* loop : {retention_loop_.get(), janitor_loop_.get(), scrub_loop_.get(), suspects_loop_.get()}) {
    if (loop != nullptr) loop->Start();
  }
}

void LifecycleKeeper::RequestStop() {
  for (StepLoop* loop : {retention_loop_.get(), janitor_loop_.get(), scrub_loop_.get(), suspects_loop_.get()}) {
    if (loop != nullptr) loop->RequestStop();
  }
}

void LifecycleKeeper::Stop() {
  for (StepLoop* loop : {retention_loop_.get(), janitor_loop_.get(), scrub_loop_.get(), suspects_loop_.get()}) {
    if (loop != nullptr) loop->Stop();
  }
}

}  // namespace brazier::metastore
