// RollupBuilder: exact totals by stack of each series and hour, while the rows of a dataset are written; the days from them at the
// end. Hours need an array of all stacks for each series that is not complete yet; there are few, since rows are sorted by hour and
// series. Over `memory_bytes_max` the totals so far of some series are written, and the rest becomes another row of the same bucket:
// readers add rows. Pure; Thread-compatible.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/result.h"
#include "store/block/chunk_writer.h"
#include "store/block/merge_samples.h"
#include "store/block/section_rows.h"

namespace brazier::block {

class RollupBuilder {
 public:
  RollupBuilder(uint32_t stack_count, size_t series_count, int zstd_level, size_t chunk_bytes_max, uint64_t memory_bytes_max);
  ~RollupBuilder();

  // The rows that each series has in the next hour. All that were announced before must have been added.
  void BeginHour(int64_t hour_end_ns, std::vector<uint32_t> rows_of_series);
  void Add(uint32_t series, const ProfileBatch::Profile& profile, int64_t total, std::span<const uint32_t> stacks,
           std::span<const int64_t> values);
  void FinishHours();
  // From the hours. REQUIRES: FinishHours()
  Status BuildDays();

  // Finished: rows (their series as of the dataset; the label sets are for the caller to add) and chunks.
  struct Kind {
    RollupRows rows;
    ChunkWriter chunks;
  };
  Kind& hours() { return hours_; }
  Kind& days() { return days_; }
  uint64_t MemoryBytes() const;

 private:
  struct Sums;  // of one series
  void Emit(uint32_t series);

  const uint32_t stack_count_;
  const uint64_t memory_bytes_max_;
  int64_t hour_end_ns_ = 0;
  std::vector<uint32_t> rows_left_;              // per series, in this hour
  std::vector<std::unique_ptr<Sums>> by_series_;  // null: none of this hour
  std::vector<std::unique_ptr<Sums>> spare_;
  std::vector<uint32_t> open_;                   // series with sums, in the order in which they began
  uint64_t days_bytes_ = 0;
  std::vector<uint32_t> stacks_;
  std::vector<int64_t> values_;
  Kind hours_, days_;
};

}  // namespace brazier::block
