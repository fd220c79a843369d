#include "server/metastore/lifecycle/retention.h"

#include <algorithm>
#include <set>

#include "common/observe/log.h"

namespace brazier::metastore {
namespace {

constexpr size_t kTenantsPerPage = 10'000;
constexpr size_t kTombstonesPerPage = 10'000;

class ViewSource final : public RetentionSource {
 public:
  explicit ViewSource(const IndexView& view) : view_(view) {}
  Result<std::vector<index::ExpiringBlock>> Oldest(std::string_view tenant, int64_t before_ns, size_t limit) override {
    return view_.ListExpiring(tenant, before_ns, limit);
  }
  Result<std::vector<std::string>> TenantsOfSegment(const Ulid& id) override {
    const Result<BlockMeta> block = view_.ReadBlock(id);
    if (!block.ok()) {
      // A damaged entry is the scrub's to report; what is in the segment nobody knows, so it stays.
      if (block.status().code() == Code::kNotFound || block.status().code() == Code::kCorruption) return std::vector<std::string>();
      return block.status();
    }
    std::set<std::string> tenants;
    for (const DatasetMeta& dataset : block->datasets) tenants.insert(dataset.tenant);
    return std::vector<std::string>(tenants.begin(), tenants.end());
  }

 private:
  const IndexView& view_;
};

bool MayBeInParts(const Status& status) {
  return status.code() == Code::kNotFound || status.code() == Code::kInvalidArgument;
}

}  // namespace

Status Retention::RunOnce() {
  if (!index_.Leads()) return Status::Ok();
  const int64_t start_ns = clock_.MonotonicNs();
  const Status status = [&]() -> Status {
    for (int i = 0; i < kPlansPerRun; ++i) {
      ASSIGN_OR_RETURN(const RetentionPlan plan, Plan());
      RETURN_IF_ERROR(Remove(plan.removals));
      if (plan.is_complete || plan.removals.empty()) break;
    }
    return Status::Ok();
  }();
  metrics_.retention_duration_seconds.Observe(static_cast<double>(clock_.MonotonicNs() - start_ns) * 1e-9);
  if (status.ok() || status.reason() == "not_leader") return status;
  metrics_.retention_failures_total.Add();
  Log(LogLevel::kWarn, "retention was not finished; it goes on with its next step", {{"error", status.ToString()}});
  return status;
}

Result<RetentionPlan> Retention::Plan() {
  ASSIGN_OR_RETURN(const auto view, index_.View(clock_.MonotonicNs() + kLifecycleCallNs));
  RetentionInput input;
  input.now_ns = clock_.NowNs();
  input.total_bytes_max = options_.total_bytes_max;
  for (std::string after;;) {
    ASSIGN_OR_RETURN(const auto page, view->ListTenants(after, kTenantsPerPage));
    for (const auto& [tenant, summary] : page) input.tenant_bytes[tenant] = summary.bytes;
    if (page.size() < kTenantsPerPage) break;
    after = page.back().first;
  }
  const auto overrides = overrides_ == nullptr ? nullptr : overrides_->Get();
  input.policy = [&](const std::string& tenant) {
    RetentionPolicy policy = options_.policy;
    const config::TenantSettings* own = overrides == nullptr ? nullptr : overrides->Find(tenant);
    if (own == nullptr) return policy;
    if (own->retention_age_ns.has_value()) policy.age_ns = *own->retention_age_ns;
    if (own->retention_bytes_max.has_value()) policy.bytes_max = static_cast<uint64_t>(*own->retention_bytes_max);
    return policy;
  };
  ASSIGN_OR_RETURN(input.bytes_to_free, BytesToFree(*view));
  ViewSource source(*view);
  return PlanRetention(input, source);
}

// What removed blocks still take will be free soon: without that, every step would remove as much again.
Result<uint64_t> Retention::BytesToFree(const IndexView& view) {
  if (options_.free_bytes_min == 0 || !free_bytes_) return uint64_t{0};
  const Result<uint64_t> free = free_bytes_();
  if (!free.ok()) {
    Log(LogLevel::kWarn, "the free space of the object store cannot be told", {{"error", free.status().ToString()}});
    return uint64_t{0};
  }
  metrics_.disk_free_bytes.Set(static_cast<int64_t>(*free));
  if (*free >= options_.free_bytes_min) return uint64_t{0};
  const uint64_t lacking = options_.free_bytes_min - *free;
  uint64_t pending = 0;
  for (std::optional<index::TombstoneCursor> after; pending < lacking;) {
    ASSIGN_OR_RETURN(const auto page, view.ListTombstones(INT64_MAX, after, kTombstonesPerPage));
    for (const index::Tombstone& tombstone : page) pending += tombstone.size;
    if (page.size() < kTombstonesPerPage) break;
    after = index::TombstoneCursor{page.back().removed_ns, page.back().id};
  }
  Log(LogLevel::kWarn, "the disk of the object store is nearly full",
      {{"free_bytes", *free}, {"retention.free-disk-bytes-min", options_.free_bytes_min}, {"being_deleted_bytes", pending}});
  return lacking - std::min(lacking, pending);
}

Status Retention::Remove(const std::vector<RetentionRemoval>& removals) {
  std::array<uint64_t, kRetentionReasons> blocks{}, bytes{};
  const std::function<Status(size_t, size_t)> remove = [&](size_t begin, size_t end) -> Status {
    std::vector<Ulid> ids;
    for (size_t i = begin; i < end; ++i) ids.push_back(removals[i].id);
    const Status status = index_.RemoveBlocks(ids, clock_.MonotonicNs() + kLifecycleCallNs);
    if (status.ok()) {
      for (size_t i = begin; i < end; ++i) {
        const auto reason = static_cast<size_t>(removals[i].reason);
        ++blocks[reason];
        bytes[reason] += removals[i].size;
      }
      return status;
    }
    if (!MayBeInParts(status)) return status;
    if (end - begin == 1) return Status::Ok();  // it was compacted or removed meanwhile
    const size_t middle = begin + (end - begin) / 2;
    RETURN_IF_ERROR(remove(begin, middle));
    return remove(middle, end);
  };
  Status status;
  for (size_t begin = 0; begin < removals.size() && status.ok(); begin += kLifecycleBatch) {
    status = remove(begin, std::min(removals.size(), begin + kLifecycleBatch));
  }
  for (size_t reason = 0; reason < kRetentionReasons; ++reason) {
    if (blocks[reason] == 0) continue;
    metrics_.blocks_removed_total[reason]->Add(blocks[reason]);
    metrics_.bytes_removed_total[reason]->Add(bytes[reason]);
    Log(LogLevel::kInfo, "retention removed blocks",
        {{"reason", RetentionReasonName(static_cast<RetentionReason>(reason))},
         {"blocks", blocks[reason]},
         {"bytes", bytes[reason]}});
  }
  return status;
}

}  // namespace brazier::metastore
