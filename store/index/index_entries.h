// The values of the index (docs/format/index.md): msgpack arrays with a version first. They are written by this process or by
// a replica like it, but decoded with the same care as foreign bytes: a value that does not decode is kCorruption.
// Values; Thread-compatible.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/block_meta.h"

namespace brazier::index {

enum class HiddenProfiles : uint8_t { kNone = 0, kSome = 1, kAll = 2 };

// One dataset of one block, with what a reader must know of the block. Tenant, service and id are in the key only.
struct DatasetEntry {
  uint32_t shard = 0;
  uint32_t level = 0;
  uint64_t block_size = 0;
  int64_t block_min_time_ns = 0;
  int64_t block_max_time_ns = 0;
  std::optional<SectionRef> shared_symbols;  // of the tenant in this block
  // Numbers of the dataset's label sets among those of its day (label_set_table.h), in the order of the sets; absent: not listed.
  std::optional<std::vector<uint32_t>> label_sets;
  DatasetMeta dataset;  // without tenant, service, identities, label sets
};
std::string EncodeDatasetEntry(const DatasetEntry& entry);
// Without `label_sets` the numbers are passed over: whoever needs them in a hurry has the head.
Result<DatasetEntry> DecodeDatasetEntry(std::string_view value, bool label_sets = true);
// What stands at the front of the value: most entries that a scan passes over need no more. Cheap: nothing is copied.
struct DatasetEntryHead {
  int64_t max_time_ns = 0;
  // False in entries of version 1, which say nothing of hidden profiles here, and where label sets are not listed.
  bool lists_label_sets = false;
  HiddenProfiles hidden = HiddenProfiles::kNone;
  std::string_view label_sets;  // kLabelSetNumberBytes each, into the value

  size_t label_set_count() const;
  uint32_t label_set(size_t i) const;
};
Result<DatasetEntryHead> DecodeDatasetEntryHead(std::string_view value);

struct TenantEntry {
  int64_t oldest_ns = 0;
  int64_t newest_ns = 0;
  uint64_t blocks = 0;
  uint64_t bytes = 0;
};
std::string EncodeTenantEntry(const TenantEntry& entry);
Result<TenantEntry> DecodeTenantEntry(std::string_view value);

// Bit c: the service has datasets of duration class c.
struct ServiceEntry {
  uint32_t duration_classes = 0;
};
std::string EncodeServiceEntry(const ServiceEntry& entry);
Result<ServiceEntry> DecodeServiceEntry(std::string_view value);

// What is kept of a block by its id: names, times and hidden profiles of its datasets, enough to answer a repeated
// AddBlocks and to find all of its entries.
std::string EncodeBlockEntry(const BlockMeta& block);
Result<BlockMeta> DecodeBlockEntry(std::string_view value);

// A label set by its number. Equal sets have equal bytes.
std::string EncodeLabelSet(const Labels& labels);
Result<Labels> DecodeLabelSet(std::string_view value);

// 16 bytes each, big-endian.
void AppendIdentity(std::string& value, const Hash128& identity);
Result<std::vector<Hash128>> DecodeIdentities(std::string_view value);

}  // namespace brazier::index
