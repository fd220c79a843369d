#include "server/metastore/lifecycle/lifecycle_service.h"

#include "common/model/selector.h"
#include "common/model/tenant.h"
#include "server/metastore/lifecycle/janitor.h"
#include "store/index/index_limits.h"

namespace brazier::metastore {
namespace {

using contract::DeletionView;
using contract::RequestContext;

constexpr size_t kReleasedPerCall = 10'000;

DeletionView ViewOf(const index::Deletion& deletion) {
  return {.id = deletion.id,
          .filter = deletion.filter,
          .created_ns = deletion.created_ns,
          .blocks = deletion.blocks,
          .blocks_to_rewrite = deletion.blocks_to_rewrite,
          .objects_to_delete = deletion.objects_to_delete,
          .confirmed_ns = deletion.confirmed_ns};
}

}  // namespace

Status CheckDeletion(const Ulid& id, const DataFilter& filter) {
  if (id == Ulid()) return InvalidArgument("the deletion has no id");
  if (!CheckTenant(filter.tenant).ok()) return InvalidArgument("\"" + filter.tenant + "\" is no tenant");
  if (filter.service.size() > index::kServiceBytesMax) {
    return InvalidArgument("a service of " + std::to_string(filter.service.size()) + " bytes, the limit is " +
                           std::to_string(index::kServiceBytesMax));
  }
  if (filter.selector.size() > index::kSelectorBytesMax) {
    return InvalidArgument("a selector of " + std::to_string(filter.selector.size()) + " bytes, the limit is " +
                           std::to_string(index::kSelectorBytesMax));
  }
  if (!filter.selector.empty()) {
    if (const auto selector = Selector::Parse(filter.selector); !selector.ok()) return selector.status();
  }
  if (filter.start_ns < 0 || filter.start_ns > filter.end_ns) {
    return InvalidArgument("the range from " + std::to_string(filter.start_ns) + " to " + std::to_string(filter.end_ns) +
                           " ns is none");
  }
  return Status::Ok();
}

Result<CompactionControl*> LifecycleService::Compaction() const {
  RETURN_IF_ERROR(CheckLeads());
  CompactionControl* compaction = compaction_ ? compaction_() : nullptr;
  if (compaction == nullptr) return Status(Code::kUnimplemented, "no compaction is scheduled here").WithReason("no_compaction");
  return compaction;
}

Result<contract::CompactionOverview> LifecycleService::GetCompaction(const RequestContext& context) {
  ASSIGN_OR_RETURN(CompactionControl * compaction, Compaction());
  ASSIGN_OR_RETURN(contract::CompactionOverview overview, compaction->GetCompaction(context));
  ASSIGN_OR_RETURN(const auto view, index_.View(context.deadline_ns));
  ASSIGN_OR_RETURN(const Janitor::Figures figures, Janitor::Count(*view, nullptr));
  overview.tombstones = figures.tombstones;
  overview.tombstone_bytes = figures.bytes;
  overview.quarantined = figures.quarantined;
  return overview;
}

Status LifecycleService::SetCompactionPaused(const RequestContext& context, bool is_paused) {
  ASSIGN_OR_RETURN(CompactionControl * compaction, Compaction());
  return compaction->SetCompactionPaused(context, is_paused);
}

Status LifecycleService::ForceCompaction(const RequestContext& context, const std::vector<uint32_t>& levels,
                                         const std::string& tenant) {
  ASSIGN_OR_RETURN(CompactionControl * compaction, Compaction());
  return compaction->ForceCompaction(context, levels, tenant);
}

Result<uint64_t> LifecycleService::RetryFailed(const RequestContext& context, const std::vector<Ulid>& ids) {
  ASSIGN_OR_RETURN(CompactionControl * compaction, Compaction());
  return compaction->RetryFailed(context, ids);
}

Result<DeletionView> LifecycleService::Delete(const RequestContext& context, const Ulid& id, const DataFilter& filter) {
  RETURN_IF_ERROR(CheckLeads());
  RETURN_IF_ERROR(CheckDeletion(id, filter));
  RETURN_IF_ERROR(index_.DeleteData(id, filter, context.deadline_ns).status());
  ASSIGN_OR_RETURN(const auto view, index_.View(context.deadline_ns));
  ASSIGN_OR_RETURN(const auto deletion, view->ReadDeletion(id));
  if (!deletion.has_value()) return Internal("deletion " + id.ToString() + " is not in the index");
  return ViewOf(*deletion);
}

Result<std::vector<DeletionView>> LifecycleService::ListDeletions(const RequestContext& context, const std::string& tenant) {
  RETURN_IF_ERROR(CheckLeads());
  ASSIGN_OR_RETURN(const auto view, index_.View(context.deadline_ns));
  ASSIGN_OR_RETURN(const auto deletions, view->ListDeletions(tenant, kDeletionsMax));
  std::vector<DeletionView> views;
  for (const index::Deletion& deletion : deletions) views.push_back(ViewOf(deletion));
  return views;
}

Result<std::vector<contract::QuarantinedBlockView>> LifecycleService::ListQuarantined(const RequestContext& context) {
  RETURN_IF_ERROR(CheckLeads());
  ASSIGN_OR_RETURN(const auto view, index_.View(context.deadline_ns));
  ASSIGN_OR_RETURN(const auto blocks, view->ListQuarantined(std::nullopt, kQuarantinedMax));
  std::vector<contract::QuarantinedBlockView> views;
  for (const index::QuarantinedBlock& block : blocks) {
    const auto entry = view->ReadBlock(block.id);
    views.push_back({.id = block.id,
                     .object_key = entry.ok() ? entry->ObjectKey() : "",
                     .reason = block.reason,
                     .since_ns = block.since_ns});
  }
  return views;
}

Result<uint64_t> LifecycleService::ReleaseQuarantined(const RequestContext& context, const std::vector<Ulid>& ids) {
  RETURN_IF_ERROR(CheckLeads());
  if (ids.size() > kReleasedPerCall) {
    return InvalidArgument(std::to_string(ids.size()) + " blocks, the limit is " + std::to_string(kReleasedPerCall));
  }
  uint64_t released = 0;
  for (size_t begin = 0; begin < ids.size(); begin += kLifecycleBatch) {
    const size_t end = std::min(ids.size(), begin + kLifecycleBatch);
    const std::vector<Ulid> some(ids.begin() + static_cast<ptrdiff_t>(begin), ids.begin() + static_cast<ptrdiff_t>(end));
    ASSIGN_OR_RETURN(const uint64_t count, index_.ReleaseBlocks(some, context.deadline_ns));
    released += count;
  }
  return released;
}

Status LifecycleService::StartScrub(const RequestContext& context, bool repairs) {
  RETURN_IF_ERROR(CheckLeads());
  if (scrub_ == nullptr) return Status(Code::kUnimplemented, "this metastore has no object store");
  return scrub_->Start(repairs);
}

Result<contract::ScrubReport> LifecycleService::GetScrub(const RequestContext& context) {
  RETURN_IF_ERROR(CheckLeads());
  if (scrub_ == nullptr) return Status(Code::kUnimplemented, "this metastore has no object store");
  return scrub_->Report();
}

}  // namespace brazier::metastore
