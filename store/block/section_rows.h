// The rows section of a dataset: its series, its profiles, and one row per (profile, series) with its total, so that
// time series and label queries need not read samples.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/labels.h"
#include "common/model/profile.h"

namespace brazier::block {

// How a row's columns are stored in the samples section or chunk.
enum RowFlags : uint8_t {
  kSameStacks = 1,     // the stacks of the row before
  kScaledValues = 2,   // the values of the row before, times a factor
  kHasSpans = 4,
  kHasTraces = 8,
  // In chunks only.
  kQuotients = 16,     // values are told as multiples of those of the row before, a factor for each
  kSubset = 32,        // some of the stacks of the row before
};
// In chunks: which of the streams of values the row's are in.
inline constexpr uint32_t kValueStreams = 4;
inline constexpr uint32_t kStreamShift = 6;
inline constexpr uint8_t kSegmentRowFlags = kSameStacks | kScaledValues | kHasSpans | kHasTraces;
inline constexpr uint8_t kRowFlagsAll = 0xFF;

struct DatasetRow {
  uint32_t series = 0;
  uint32_t profile = 0;
  uint32_t sample_count = 0;
  uint8_t flags = 0;
  int64_t total = 0;
};

// One dataset without its samples. Rows are in profile order; the rows of one profile are adjacent.
struct DatasetRows {
  std::vector<Labels> series;
  std::vector<ProfileBatch::Profile> profiles;
  std::vector<DatasetRow> rows;
};

struct RowsParts {
  std::string series, identities, numbers;
};
RowsParts EncodeRows(const DatasetRows& rows);
Result<DatasetRows> DecodeRows(const std::vector<std::string>& parts);

// The rows of a roll-up: each sums those of one series in one bucket (rollup.h) and has a profile of its own: time = the
// bucket's end, duration = the sum of the rows' profiles', period = their largest, identity zero.
struct RollupRows {
  DatasetRows rows;
  std::vector<uint64_t> profile_counts;  // per row, of the rows that it sums
};
// The parts of the rows, and one more with the counts.
struct RollupParts {
  RowsParts rows;
  std::string counts;
};
RollupParts EncodeRollupRows(const RollupRows& rollup);
Result<RollupRows> DecodeRollupRows(const std::vector<std::string>& parts);

}  // namespace brazier::block
