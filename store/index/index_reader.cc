// FindBlocks: the entries of a scan (dataset_scan.h) in which a series can match, grouped by block.
#include "store/index/index_reader.h"

#include <algorithm>

#include "store/index/block_marks.h"
#include "store/index/dataset_scan.h"
#include "store/index/deletions.h"
#include "store/index/index_entries.h"
#include "store/index/index_keys.h"
#include "store/index/label_set_table.h"
#include "store/index/lifecycle_entries.h"

namespace brazier::index {
namespace {

using kv::Family;

class Finder final : public DatasetScan {
 public:
  Finder(const kv::Reader& reader, const BlockSelection& selection, const QueryLimits& limits)
      : DatasetScan(reader, selection, limits),
        states_(reader, selection.selector, limits.label_sets_max),
        marks_(reader) {}

  Result<std::vector<BlockMeta>> Find() {
    RETURN_IF_ERROR(marks_.Load(selection_, limits_));
    RETURN_IF_ERROR(Run());
    std::vector<BlockMeta> blocks = GroupByBlock(std::move(found_));
    for (BlockMeta& block : blocks) {
      block.deletions = marks_.DeletionsOf(block.id);
      ASSIGN_OR_RETURN(block.quarantine, marks_.QuarantineOf(block.id));
    }
    return blocks;
  }

 private:
  Status Visit(const ScannedDataset& dataset) override {
    if (marks_.DeletedOf(dataset) == BlockMarks::Deleted::kAll) return Status();
    ASSIGN_OR_RETURN(const bool can_match, CanMatch(dataset, states_));
    if (!can_match) return Status();
    found_.emplace_back().id = dataset.id;
    ASSIGN_OR_RETURN(const bool matches, DecodeIfItMatches(dataset, &found_.back().entry));
    if (!matches) found_.pop_back();
    if (found_.size() > limits_.datasets_max) return IndexQueryOverLimit("datasets", limits_.datasets_max);
    return Status();
  }
  Status EndService(const std::string&, const std::string&) override {
    states_.Clear();
    return Status();
  }

  LabelSetStates states_;
  BlockMarks marks_;
  std::vector<FoundDataset> found_;
};

TenantSummary SummaryOf(const TenantEntry& entry) {
  return {.data_ingested = true,
          .oldest_ns = entry.oldest_ns,
          .newest_ns = entry.newest_ns,
          .blocks = entry.blocks,
          .bytes = entry.bytes};
}

}  // namespace

Result<std::vector<BlockMeta>> FindBlocks(const kv::Reader& reader, const BlockSelection& selection,
                                          const QueryLimits& limits) {
  return Finder(reader, selection, limits).Find();
}

Result<std::vector<std::string>> ListServices(const kv::Reader& reader, std::string_view tenant) {
  std::vector<std::string> services;
  const std::string prefix = ServicePrefix(tenant);
  Status bad;
  RETURN_IF_ERROR(reader.Scan(Family::kState, prefix, PrefixEnd(prefix),
                              [&](std::string_view key, std::string_view) {
                                key.remove_prefix(prefix.size());
                                if (!TakeName(key, services.emplace_back())) {
                                  bad = Corruption("an index service key is not well-formed");
                                }
                                return bad.ok();
                              }));
  RETURN_IF_ERROR(bad);
  return services;
}

Result<TenantSummary> ReadTenantSummary(const kv::Reader& reader, std::string_view tenant) {
  const auto value = reader.Get(Family::kState, TenantKey(tenant));
  if (value.status().code() == Code::kNotFound) return TenantSummary{};
  RETURN_IF_ERROR(value.status());
  ASSIGN_OR_RETURN(const TenantEntry entry, DecodeTenantEntry(*value));
  return SummaryOf(entry);
}

Result<std::vector<std::pair<std::string, TenantSummary>>> ListTenants(const kv::Reader& reader, std::string_view after,
                                                                       size_t limit) {
  std::vector<std::pair<std::string, TenantSummary>> tenants;
  if (limit == 0) return tenants;
  const std::string prefix = TenantPrefix();
  const std::string begin = after.empty() ? prefix : TenantKey(after) + '\0';  // the first key above
  Status bad;
  RETURN_IF_ERROR(reader.Scan(
      Family::kState, begin, PrefixEnd(prefix), [&](std::string_view key, std::string_view value) {
        key.remove_prefix(prefix.size());
        auto& [tenant, summary] = tenants.emplace_back();
        const auto entry = DecodeTenantEntry(value);
        if (!entry.ok()) bad = entry.status();
        if (!TakeName(key, tenant)) bad = Corruption("an index tenant key is not well-formed");
        if (!bad.ok()) return false;
        summary = SummaryOf(*entry);
        return tenants.size() < limit;
      }));
  RETURN_IF_ERROR(bad);
  return tenants;
}

Result<std::vector<Ulid>> ListBlockIds(const kv::Reader& reader, const std::optional<Ulid>& after, size_t limit) {
  const std::string prefix = BlockKey(Ulid()).substr(0, BlockKey(Ulid()).size() - kIdBytes);
  std::string begin = prefix;
  if (after.has_value()) begin = BlockKey(*after) + '\0';  // the first key above
  std::vector<Ulid> ids;
  Status bad;
  if (limit == 0) return ids;
  RETURN_IF_ERROR(reader.Scan(
      Family::kState, begin, PrefixEnd(prefix), [&](std::string_view key, std::string_view) {
        if (key.size() != prefix.size() + kIdBytes) {
          bad = Corruption("index: a block's key has " + std::to_string(key.size()) + " bytes");
          return false;
        }
        ids.push_back(ParseId(key.substr(prefix.size())));
        return ids.size() < limit;
      }));
  if (!bad.ok()) return bad;
  return ids;
}

Result<BlockMeta> ReadBlock(const kv::Reader& reader, const Ulid& id) {
  const auto value = reader.Get(Family::kState, BlockKey(id));
  if (value.status().code() == Code::kNotFound) return NotFound("block " + id.ToString() + " is not known");
  RETURN_IF_ERROR(value.status());
  ASSIGN_OR_RETURN(BlockMeta block, DecodeBlockEntry(*value));
  for (DatasetMeta& dataset : block.datasets) {
    const auto stored = reader.Get(Family::kState, DatasetKey(dataset.tenant, dataset.service, dataset.min_time_ns,
                                                              dataset.max_time_ns, id));
    if (stored.status().code() == Code::kNotFound) {
      return Corruption("index: block " + id.ToString() + " has no entry for its dataset of tenant \"" +
                        dataset.tenant + "\", service \"" + dataset.service + "\"");
    }
    RETURN_IF_ERROR(stored.status());
    ASSIGN_OR_RETURN(DatasetEntry entry, DecodeDatasetEntry(*stored));
    entry.dataset.tenant = std::move(dataset.tenant);
    entry.dataset.service = std::move(dataset.service);
    entry.dataset.min_time_ns = dataset.min_time_ns;
    dataset = std::move(entry.dataset);
    if (entry.label_sets.has_value()) {
      dataset.lists_label_sets = true;
      for (const uint32_t number : *entry.label_sets) {
        ASSIGN_OR_RETURN(dataset.label_sets.emplace_back(),
                         ReadLabelSet(reader, dataset.tenant, dataset.service, dataset.min_time_ns, number));
      }
    }
    // Datasets are sorted by tenant, and each has what its tenant shares.
    if (entry.shared_symbols && (block.symbols.empty() || block.symbols.back().tenant != dataset.tenant)) {
      block.symbols.push_back({dataset.tenant, *entry.shared_symbols});
    }
  }
  ASSIGN_OR_RETURN(block.deletions, DeletionsOf(reader, id));
  const auto quarantine = reader.Get(Family::kState, QuarantineKey(id));
  if (quarantine.status().code() == Code::kNotFound) return block;
  RETURN_IF_ERROR(quarantine.status());
  ASSIGN_OR_RETURN(QuarantinedBlock quarantined, DecodeQuarantine(id, *quarantine));
  block.quarantine = std::move(quarantined.reason);
  return block;
}

Result<bool> HasBlock(const kv::Reader& reader, const Ulid& id) {
  const auto value = reader.Get(Family::kState, BlockKey(id));
  if (value.status().code() == Code::kNotFound) return false;
  RETURN_IF_ERROR(value.status());
  return true;
}

Status DumpState(const kv::Reader& reader, const std::function<void(std::string_view)>& sink) {
  const std::string begin(1, kIndexPrefix);
  return reader.Scan(Family::kState, begin, PrefixEnd(begin),
                     [&](std::string_view key, std::string_view value) {
                       for (std::string_view piece : {key, value}) {
                         const auto size = static_cast<uint32_t>(piece.size());
                         const char length[4] = {
                             static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                             static_cast<char>(size >> 8), static_cast<char>(size)};
                         sink(std::string_view(length, sizeof(length)));
                         sink(piece);
                       }
                       return true;
                     });
}

}  // namespace brazier::index
