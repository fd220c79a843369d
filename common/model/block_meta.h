// What the metastore knows of an object: the block, its datasets, and where their sections lie, so that a reader needs
// neither a listing nor the footer. docs/format/object.md gives the bytes. Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/hash.h"
#include "common/base/ulid.h"
#include "common/model/data_filter.h"
#include "common/model/labels.h"

namespace brazier {

enum class SectionKind : uint8_t {
  kSharedSymbols = 1,  // of a tenant: strings, functions, locations that two or more of its datasets use
  kSymbols = 2,        // of a dataset: symbols that only it uses, and its stacks
  kRows = 3,           // of a dataset: series, profiles, rows with totals
  kSamples = 4,        // of a dataset: sample columns
  // Of a compacted dataset, in place of kSamples: sample columns of its next `row_count` rows. One or more, in the order of rows.
  kSampleChunk = 5,
  // Roll-ups (rollup.h): rows of one hour or day of a series, and their sample columns in chunks, in the order of these rows.
  kHourRows = 6,
  kHourSamples = 7,
  kDayRows = 8,
  kDaySamples = 9,
};

// A byte range of the object. The bytes are `codec`-compressed; crc is CRC-32C over them.
struct SectionRef {
  SectionKind kind = SectionKind::kRows;
  uint8_t codec = 0;  // 0 raw, 1 zstd
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t raw_size = 0;
  uint32_t crc = 0;
  // Of chunks (kSampleChunk, kHourSamples, kDaySamples): rows in it, and the times of their profiles, inclusive; of roll-ups
  // the ends of their buckets. Zero elsewhere.
  uint32_t row_count = 0;
  int64_t min_time_ns = 0;
  int64_t max_time_ns = 0;
  friend bool operator==(const SectionRef&, const SectionRef&) = default;
};

struct TenantSymbols {
  std::string tenant;
  SectionRef section;
  friend bool operator==(const TenantSymbols&, const TenantSymbols&) = default;
};

// One (tenant, service) in one object.
struct DatasetMeta {
  // What a dataset may list of its label sets. One over a limit lists none: readers then read the object.
  static constexpr size_t kLabelSetsMax = 2'000;
  static constexpr size_t kLabelSetBytesMax = 512 << 10;  // names and values of all of them, repeated ones too

  std::string tenant;
  std::string service;
  int64_t min_time_ns = 0;
  int64_t max_time_ns = 0;
  uint32_t profile_count = 0;
  uint64_t sample_count = 0;
  std::vector<std::string> profile_types;  // ids, sorted
  std::vector<SectionRef> sections;
  // Positions (in the dataset's profile list) that repeat an identity known already: readers skip them.
  std::vector<uint32_t> hidden_profiles;
  // Identity of each profile; only on the way to AddBlocks, never stored in the footer or in index answers.
  std::vector<Hash128> identities;
  // Whether label_sets is known: the label sets of the series that have a row, sorted, each once, profile type included.
  // False, and none there: too many of them, an object older than the list, or an answer that leaves them out.
  bool lists_label_sets = false;
  std::vector<Labels> label_sets;
  friend bool operator==(const DatasetMeta&, const DatasetMeta&) = default;
};

struct BlockMeta {
  // DatasetMeta::kLabelSetBytesMax of all datasets together.
  static constexpr size_t kLabelSetBytesMax = 4 << 20;

  Ulid id;
  uint32_t shard = 0;
  uint32_t level = 0;  // 0: segment
  int64_t min_time_ns = 0;
  int64_t max_time_ns = 0;
  uint64_t size = 0;  // bytes of the object
  std::vector<TenantSymbols> symbols;  // sorted by tenant
  std::vector<DatasetMeta> datasets;   // sorted by (tenant, service)
  // In answers of the index only, never in a footer or a command: what was deleted from the block and is still in the object.
  std::vector<DataFilter> deletions;
  // Likewise: why the object must not be read; empty: it may. Answers name such blocks, and go without them.
  std::string quarantine;
  friend bool operator==(const BlockMeta&, const BlockMeta&) = default;

  bool IsQuarantined() const { return !quarantine.empty(); }
  // "segments/<shard>/<id>.brz" at level 0, "blocks/<shard>/<tenant>/<id>.brz" above.
  std::string ObjectKey() const;
};

}  // namespace brazier
