// FindBlocks: 1 per tenant, name the services; 2 per service, read which duration classes it has; 3 per class, scan keys
// from (start - longest duration of the class) to end and keep entries that reach start; 4 group what was found by block.
#include "store/index/index_reader.h"

#include <algorithm>

#include "store/index/index_entries.h"
#include "store/index/index_keys.h"

namespace brazier::index {
namespace {

using kv::Family;

Status OverLimit(std::string_view what, size_t limit) {
  return ResourceExhausted("the index query is over the limit of " + std::to_string(limit) + " " +
                           std::string(what) + "; ask for a shorter time range or a single service")
      .WithReason("index_query_limit");
}

struct Found {
  Ulid id;
  DatasetEntry entry;
};

class Finder {
 public:
  Finder(const kv::Reader& reader, const BlockSelection& selection, const QueryLimits& limits)
      : reader_(reader), selection_(selection), limits_(limits) {}

  Status FindTenant(const std::string& tenant);
  std::vector<BlockMeta> TakeBlocks();

 private:
  Status FindService(const std::string& tenant, const std::string& service, uint32_t classes);
  Status ScanClass(const std::string& tenant, const std::string& service, uint32_t duration_class);
  // Looks at one entry of the scan; keeps it when it matches.
  Status Visit(std::string_view id, std::string_view value, const std::string& tenant,
               const std::string& service);
  bool Matches(const DatasetMeta& dataset) const;

  const kv::Reader& reader_;
  const BlockSelection& selection_;
  const QueryLimits& limits_;
  size_t entries_ = 0;
  std::vector<Found> found_;
};

Status Finder::FindTenant(const std::string& tenant) {
  if (!selection_.service.empty()) {
    const auto value = reader_.Get(Family::kState, ServiceKey(tenant, selection_.service));
    if (value.status().code() == Code::kNotFound) return Status();
    RETURN_IF_ERROR(value.status());
    ASSIGN_OR_RETURN(const ServiceEntry entry, DecodeServiceEntry(*value));
    return FindService(tenant, selection_.service, entry.duration_classes);
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
                                 return true;
                               }));
  RETURN_IF_ERROR(bad);
  for (const auto& [service, classes] : services) {
    RETURN_IF_ERROR(FindService(tenant, service, classes));
  }
  return Status();
}

Status Finder::FindService(const std::string& tenant, const std::string& service, uint32_t classes) {
  for (uint32_t c = 0; c < kDurationClasses; ++c) {
    if ((classes & (1u << c)) != 0) RETURN_IF_ERROR(ScanClass(tenant, service, c));
  }
  return Status();
}

Status Finder::ScanClass(const std::string& tenant, const std::string& service,
                         uint32_t duration_class) {
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
        if (key.size() != prefix.size() + kTimeBytes + kIdBytes) {
          status = Corruption("an index dataset key has " + std::to_string(key.size()) + " bytes");
        } else {
          status = Visit(key.substr(prefix.size() + kTimeBytes), value, tenant, service);
        }
        return status.ok();
      }));
  return status;
}

Status Finder::Visit(std::string_view id, std::string_view value, const std::string& tenant,
                     const std::string& service) {
  if (++entries_ > limits_.entries_max) return OverLimit("entries visited", limits_.entries_max);
  ASSIGN_OR_RETURN(const int64_t max_time_ns, DecodeDatasetEntryMaxTime(value));
  if (max_time_ns < selection_.start_ns) return Status();
  ASSIGN_OR_RETURN(DatasetEntry entry, DecodeDatasetEntry(value));
  if (!Matches(entry.dataset)) return Status();
  if (found_.size() >= limits_.datasets_max) return OverLimit("datasets", limits_.datasets_max);
  entry.dataset.tenant = tenant;
  entry.dataset.service = service;
  found_.push_back({ParseId(id), std::move(entry)});
  return Status();
}

bool Finder::Matches(const DatasetMeta& dataset) const {
  if (dataset.profile_count > 0 && dataset.hidden_profiles.size() == dataset.profile_count) {
    return false;
  }
  return selection_.profile_type.empty() ||
         std::binary_search(dataset.profile_types.begin(), dataset.profile_types.end(),
                            selection_.profile_type);
}

// Entries were found tenant by tenant and service by service, both ascending, so that a stable sort by id leaves each block's
// datasets in their order.
std::vector<BlockMeta> Finder::TakeBlocks() {
  std::vector<uint32_t> order(found_.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return found_[a].id < found_[b].id; });
  std::vector<BlockMeta> blocks;
  for (uint32_t i : order) {
    Found& found = found_[i];
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

}  // namespace

Result<std::vector<BlockMeta>> FindBlocks(const kv::Reader& reader, const BlockSelection& selection,
                                          const QueryLimits& limits) {
  std::vector<std::string> tenants = selection.tenants;
  std::sort(tenants.begin(), tenants.end());
  tenants.erase(std::unique(tenants.begin(), tenants.end()), tenants.end());
  if (tenants.size() > limits.tenants_max) return OverLimit("tenants", limits.tenants_max);
  Finder finder(reader, selection, limits);
  if (selection.start_ns <= selection.end_ns && selection.end_ns >= 0) {
    for (const std::string& tenant : tenants) RETURN_IF_ERROR(finder.FindTenant(tenant));
  }
  return finder.TakeBlocks();
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
  return TenantSummary{.data_ingested = true,
                       .oldest_ns = entry.oldest_ns,
                       .newest_ns = entry.newest_ns,
                       .blocks = entry.blocks,
                       .bytes = entry.bytes};
}

Result<std::vector<std::string>> ListTenants(const kv::Reader& reader, std::string_view after, size_t limit) {
  std::vector<std::string> tenants;
  if (limit == 0) return tenants;
  const std::string prefix = KindPrefix(KeyKind::kTenant);
  const std::string begin = after.empty() ? prefix : PrefixEnd(TenantKey(after));
  Status bad;
  RETURN_IF_ERROR(reader.Scan(Family::kState, begin, PrefixEnd(prefix), [&](std::string_view key, std::string_view) {
    key.remove_prefix(prefix.size());
    if (!TakeName(key, tenants.emplace_back()) || !key.empty()) {
      bad = Corruption("an index tenant key is not well-formed");
    }
    return bad.ok() && tenants.size() < limit;
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
    // Datasets are sorted by tenant, and each has what its tenant shares.
    if (entry.shared_symbols && (block.symbols.empty() || block.symbols.back().tenant != dataset.tenant)) {
      block.symbols.push_back({dataset.tenant, *entry.shared_symbols});
    }
  }
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
