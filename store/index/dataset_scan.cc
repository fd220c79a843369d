#include "store/index/dataset_scan.h"

#include <algorithm>

#include "common/model/selector.h"
#include "store/index/index_keys.h"
#include "store/index/label_set_table.h"

namespace brazier::index {

using kv::Family;

Status IndexQueryOverLimit(std::string_view what, size_t limit) {
  return ResourceExhausted("the index query is over the limit of " + std::to_string(limit) + " " +
                           std::string(what) + "; ask for a shorter time range or a single service")
      .WithReason("index_query_limit");
}

Status DatasetScan::Run() {
  std::vector<std::string> tenants = selection_.tenants;
  std::sort(tenants.begin(), tenants.end());
  tenants.erase(std::unique(tenants.begin(), tenants.end()), tenants.end());
  if (tenants.size() > limits_.tenants_max) return IndexQueryOverLimit("tenants", limits_.tenants_max);
  if (selection_.start_ns > selection_.end_ns || selection_.end_ns < 0) return Status();
  for (const std::string& tenant : tenants) RETURN_IF_ERROR(ScanTenant(tenant));
  return Status();
}

Status DatasetScan::ScanTenant(const std::string& tenant) {
  if (!selection_.service.empty()) {
    const auto value = reader_.Get(Family::kState, ServiceKey(tenant, selection_.service));
    if (value.status().code() == Code::kNotFound) return Status();
    RETURN_IF_ERROR(value.status());
    ASSIGN_OR_RETURN(const ServiceEntry entry, DecodeServiceEntry(*value));
    return ScanService(tenant, selection_.service, entry.duration_classes);
  }
  // Collected before they are looked into: a scan's views live for its callback only.
  std::vector<std::pair<std::string, uint32_t>> services;
  const std::string prefix = ServicePrefix(tenant);
  Status bad;
  RETURN_IF_ERROR(reader_.Scan(Family::kState, prefix, PrefixEnd(prefix),
                               [&](std::string_view key, std::string_view value) {
                                 key.remove_prefix(prefix.size());
                                 auto& [service, classes] = services.emplace_back();
                                 const auto entry = DecodeServiceEntry(value);
                                 if (!entry.ok()) bad = entry.status();
                                 if (!TakeName(key, service)) bad = Corruption("index service key");
                                 if (!bad.ok()) return false;
                                 classes = entry->duration_classes;
                                 if (!SelectsService(service)) services.pop_back();
                                 return true;
                               }));
  RETURN_IF_ERROR(bad);
  for (const auto& [service, classes] : services) RETURN_IF_ERROR(ScanService(tenant, service, classes));
  return Status();
}

// Every series of a dataset has the service's name as the label service_name.
bool DatasetScan::SelectsService(const std::string& service) const {
  if (selection_.selector == nullptr) return true;
  const auto& matchers = selection_.selector->matchers();
  return std::all_of(matchers.begin(), matchers.end(), [&](const Matcher& matcher) {
    return matcher.name != label::kServiceName || matcher.Matches(service);
  });
}

Status DatasetScan::ScanService(const std::string& tenant, const std::string& service, uint32_t classes) {
  for (uint32_t c = 0; c < kDurationClasses; ++c) {
    if ((classes & (1u << c)) != 0) RETURN_IF_ERROR(ScanClass(tenant, service, c));
  }
  return EndService(tenant, service);
}

Status DatasetScan::ScanClass(const std::string& tenant, const std::string& service, uint32_t duration_class) {
  const std::string prefix = DatasetPrefix(tenant, service, duration_class);
  const int64_t longest = DurationClassMax(duration_class);
  // Times are not negative, so the scan begins at 0 where the difference would be below.
  const int64_t first_ns = selection_.start_ns > longest ? selection_.start_ns - longest : 0;
  std::string begin = prefix;
  AppendTime(begin, first_ns);
  std::string end = prefix;
  if (selection_.end_ns == INT64_MAX) {
    end = PrefixEnd(std::move(end));
  } else {
    AppendTime(end, selection_.end_ns + 1);
  }
  Status status;
  RETURN_IF_ERROR(reader_.Scan(
      Family::kState, begin, end, [&](std::string_view key, std::string_view value) {
        status = [&]() -> Status {
          if (key.size() != prefix.size() + kTimeBytes + kIdBytes) {
            return Corruption("an index dataset key has " + std::to_string(key.size()) + " bytes");
          }
          if (++entries_ > limits_.entries_max) return IndexQueryOverLimit("entries visited", limits_.entries_max);
          key.remove_prefix(prefix.size());
          ASSIGN_OR_RETURN(const DatasetEntryHead head, DecodeDatasetEntryHead(value));
          if (head.max_time_ns < selection_.start_ns) return Status();
          const int64_t min_time_ns = ParseTime(key.substr(0, kTimeBytes));
          if (min_time_ns < 0) return Corruption("an index dataset key has a negative time");
          return Visit({tenant, service, min_time_ns, ParseId(key.substr(kTimeBytes)), value, head});
        }();
        return status.ok();
      }));
  return status;
}

Result<bool> DatasetScan::DecodeIfItMatches(const ScannedDataset& scanned, DatasetEntry* entry) const {
  Result<DatasetEntry> decoded = DecodeDatasetEntry(scanned.value, /*label_sets=*/false);
  RETURN_IF_ERROR(decoded.status());
  DatasetMeta& dataset = decoded->dataset;
  if (dataset.profile_count > 0 && dataset.hidden_profiles.size() == dataset.profile_count) return false;
  if (!selection_.profile_type.empty() &&
      !std::binary_search(dataset.profile_types.begin(), dataset.profile_types.end(), selection_.profile_type)) {
    return false;
  }
  dataset.tenant = scanned.tenant;
  dataset.service = scanned.service;
  *entry = *std::move(decoded);
  return true;
}

Result<bool> DatasetScan::CanMatch(const ScannedDataset& dataset, LabelSetStates& states) const {
  if (selection_.selector == nullptr || selection_.selector->matchers().empty()) return true;
  if (!dataset.head.lists_label_sets) return true;
  for (size_t i = 0; i < dataset.head.label_set_count(); ++i) {
    ASSIGN_OR_RETURN(const LabelSetState* state, states.Find(dataset, dataset.head.label_set(i)));
    if (*state == LabelSetState::kMatches) return true;
  }
  return false;
}

Result<LabelSetState*> LabelSetStates::Find(const std::string& tenant, const std::string& service, int64_t min_time_ns,
                                            uint32_t number) {
  const uint64_t key = static_cast<uint64_t>(DayOf(min_time_ns)) << 32 | number;
  auto it = states_.find(key);
  if (it == states_.end()) {
    if (states_.size() >= limit_) return IndexQueryOverLimit("label sets of one service", limit_);
    LabelSetState state = LabelSetState::kMatches;
    if (selector_ != nullptr && !selector_->matchers().empty()) {
      ASSIGN_OR_RETURN(const Labels labels, ReadLabelSet(reader_, tenant, service, min_time_ns, number));
      if (!selector_->Matches(labels)) state = LabelSetState::kOther;
    }
    it = states_.emplace(key, state).first;
  }
  return &it->second;
}

std::vector<BlockMeta> GroupByBlock(std::vector<FoundDataset> all) {
  std::vector<uint32_t> order(all.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return all[a].id < all[b].id; });
  std::vector<BlockMeta> blocks;
  for (uint32_t i : order) {
    FoundDataset& found = all[i];
    if (blocks.empty() || blocks.back().id != found.id) {
      BlockMeta& block = blocks.emplace_back();
      block.id = found.id;
      block.shard = found.entry.shard;
      block.level = found.entry.level;
      block.size = found.entry.block_size;
      block.min_time_ns = found.entry.block_min_time_ns;
      block.max_time_ns = found.entry.block_max_time_ns;
    }
    BlockMeta& block = blocks.back();
    const std::string& tenant = found.entry.dataset.tenant;
    if (found.entry.shared_symbols.has_value() &&
        (block.symbols.empty() || block.symbols.back().tenant != tenant)) {
      block.symbols.push_back({tenant, *found.entry.shared_symbols});
    }
    block.datasets.push_back(std::move(found.entry.dataset));
  }
  return blocks;
}

}  // namespace brazier::index
