#include "store/index/block_marks.h"

#include <algorithm>

#include "store/index/index_keys.h"
#include "store/index/lifecycle_entries.h"

namespace brazier::index {

using kv::Family;

Status BlockMarks::Load(const BlockSelection& selection, const QueryLimits& limits) {
  const std::string prefix = KindPrefix(KeyKind::kQuarantine);
  Status bad;
  RETURN_IF_ERROR(reader_.Scan(Family::kState, prefix, PrefixEnd(prefix), [&](std::string_view key, std::string_view value) {
    if (quarantine_.size() >= kQuarantineKeptMax) {
      has_all_quarantine_ = false;
      return false;
    }
    if (key.size() != prefix.size() + kIdBytes) bad = Corruption("an index quarantine key has a wrong size");
    const auto block = DecodeQuarantine(Ulid(), value);
    if (bad.ok()) bad = block.status();
    if (bad.ok()) quarantine_.emplace(ParseId(key.substr(prefix.size())), block->reason);
    return bad.ok();
  }));
  RETURN_IF_ERROR(bad);
  std::vector<std::string> tenants = selection.tenants;
  std::sort(tenants.begin(), tenants.end());
  tenants.erase(std::unique(tenants.begin(), tenants.end()), tenants.end());
  for (const std::string& tenant : tenants) RETURN_IF_ERROR(LoadDeletions(tenant, selection, limits));
  return Status::Ok();
}

Status BlockMarks::LoadDeletions(const std::string& tenant, const BlockSelection& selection, const QueryLimits& limits) {
  const std::string prefix = PendingDeletionPrefix(tenant);
  std::vector<Ulid> ids;
  RETURN_IF_ERROR(reader_.Scan(Family::kState, prefix, PrefixEnd(prefix), [&](std::string_view key, std::string_view) {
    if (key.size() == prefix.size() + kIdBytes) ids.push_back(ParseId(key.substr(prefix.size())));
    return true;
  }));
  for (const Ulid& id : ids) {
    ASSIGN_OR_RETURN(const std::optional<Deletion> deletion, ReadDeletion(reader_, id));
    if (!deletion.has_value()) return Corruption("index: deletion " + id.ToString() + " is not there");
    const DataFilter& filter = deletion->filter;
    if (filter.start_ns > selection.end_ns || filter.end_ns < selection.start_ns) continue;
    if (!selection.service.empty() && !filter.service.empty() && selection.service != filter.service) continue;
    Result<DeletionScope> scope = DeletionScope::Of(filter);
    if (!scope.ok()) return Corruption("index: deletion " + id.ToString() + ": " + scope.status().message());
    deletions_.push_back(*std::move(scope));
    const std::string blocks = BlockOfDeletionPrefix(id);
    const auto position = static_cast<uint32_t>(deletions_.size() - 1);
    Status bad;
    RETURN_IF_ERROR(reader_.Scan(Family::kState, blocks, PrefixEnd(blocks), [&](std::string_view key, std::string_view) {
      if (++waiting_ > limits.entries_max) bad = IndexQueryOverLimit("blocks with deletions", limits.entries_max);
      if (key.size() != blocks.size() + kIdBytes) bad = Corruption("an index key of a deletion's block has a wrong size");
      if (bad.ok()) deleted_[ParseId(key.substr(blocks.size()))].push_back(position);
      return bad.ok();
    }));
    RETURN_IF_ERROR(bad);
  }
  return Status::Ok();
}

Result<std::string> BlockMarks::QuarantineOf(const Ulid& id) {
  if (quarantine_.empty()) return std::string();
  if (const auto it = quarantine_.find(id); it != quarantine_.end()) return it->second;
  if (has_all_quarantine_) return std::string();
  const auto value = reader_.Get(Family::kState, QuarantineKey(id));
  if (value.status().code() == Code::kNotFound) return std::string();
  RETURN_IF_ERROR(value.status());
  ASSIGN_OR_RETURN(const QuarantinedBlock block, DecodeQuarantine(id, *value));
  return block.reason;
}

BlockMarks::Deleted BlockMarks::DeletedOf(const ScannedDataset& dataset) const {
  if (deleted_.empty()) return Deleted::kNothing;
  const auto it = deleted_.find(dataset.id);
  if (it == deleted_.end()) return Deleted::kNothing;
  Deleted deleted = Deleted::kNothing;
  for (const uint32_t position : it->second) {
    const DeletionScope& scope = deletions_[position];
    if (scope.Covers(dataset.tenant, dataset.service, dataset.min_time_ns, dataset.head.max_time_ns)) return Deleted::kAll;
    if (scope.Meets(dataset.tenant, dataset.service, dataset.min_time_ns, dataset.head.max_time_ns)) deleted = Deleted::kSome;
  }
  return deleted;
}

std::vector<DataFilter> BlockMarks::DeletionsOf(const Ulid& block) const {
  std::vector<DataFilter> filters;
  const auto it = deleted_.find(block);
  if (it == deleted_.end()) return filters;
  for (const uint32_t position : it->second) filters.push_back(deletions_[position].filter());
  return filters;
}

}  // namespace brazier::index
