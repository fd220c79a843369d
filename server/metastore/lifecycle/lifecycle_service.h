// LifecycleService: contract::Lifecycle of a metastore's leader. Compaction is the scheduler's (compaction_control.h), scrub the
// Scrub's, deletions and quarantine the index's. Members that do not lead answer kUnavailable, reason "not_leader".
//
// Limits: those of the contract; one deletion as of job_command.h. Borrows everything. Thread-safe.
#pragma once

#include <functional>

#include "common/base/clock.h"
#include "common/contract/lifecycle.h"
#include "server/metastore/lifecycle/compaction_control.h"
#include "server/metastore/lifecycle/lifecycle_index.h"
#include "server/metastore/lifecycle/scrub.h"

namespace brazier::metastore {

class LifecycleService final : public contract::Lifecycle {
 public:
  static constexpr size_t kDeletionsMax = 1'000;
  static constexpr size_t kQuarantinedMax = 10'000;

  // `scrub` may be null: then there is no object store. `compaction` answers null while there is no scheduler.
  LifecycleService(LifecycleIndex& index, Scrub* scrub, std::function<CompactionControl*()> compaction, const Clock& clock)
      : index_(index), scrub_(scrub), compaction_(std::move(compaction)), clock_(clock) {}

  Result<contract::CompactionOverview> GetCompaction(const contract::RequestContext& context) override;
  Status SetCompactionPaused(const contract::RequestContext& context, bool is_paused) override;
  Status ForceCompaction(const contract::RequestContext& context, const std::vector<uint32_t>& levels,
                         const std::string& tenant) override;
  Result<uint64_t> RetryFailed(const contract::RequestContext& context, const std::vector<Ulid>& ids) override;
  Result<contract::DeletionView> Delete(const contract::RequestContext& context, const Ulid& id,
                                        const DataFilter& filter) override;
  Result<std::vector<contract::DeletionView>> ListDeletions(const contract::RequestContext& context,
                                                            const std::string& tenant) override;
  Result<std::vector<contract::QuarantinedBlockView>> ListQuarantined(const contract::RequestContext& context) override;
  Result<uint64_t> ReleaseQuarantined(const contract::RequestContext& context, const std::vector<Ulid>& ids) override;
  Status StartScrub(const contract::RequestContext& context, bool repairs) override;
  Result<contract::ScrubReport> GetScrub(const contract::RequestContext& context) override;

 private:
  Status CheckLeads() const { return index_.Leads() ? Status::Ok() : index_.NotLeader(); }
  Result<CompactionControl*> Compaction() const;

  LifecycleIndex& index_;
  Scrub* const scrub_;
  const std::function<CompactionControl*()> compaction_;
  const Clock& clock_;
};

// kInvalidArgument for a filter that no deletion may have. Pure.
Status CheckDeletion(const Ulid& id, const DataFilter& filter);

}  // namespace brazier::metastore
