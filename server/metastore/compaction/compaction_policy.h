// When blocks of a queue become a job, and what becomes of jobs and blocks that fail. Plain value; docs/compaction.md says why.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/clock.h"
#include "common/contract/compaction.h"

namespace brazier::metastore {

// Of the queues of one level. A batch closes when it has this many bytes or blocks, or when its oldest block has waited for `age_ns`.
struct LevelPolicy {
  uint64_t bytes_max = 0;  // the block that reaches it is still in the batch
  size_t blocks_max = 0;
  int64_t age_ns = 0;
  bool takes_one = true;  // one block alone is compacted at that age, too; else it waits for another
};

struct CompactionPolicy {
  static constexpr uint32_t kLastLevel = 4;
  static constexpr uint32_t kFirstLevelAcrossShards = 3;  // of outputs
  static constexpr uint32_t kFirstLevelWithHours = 3;     // likewise
  static constexpr uint32_t kFirstLevelWithDays = 4;      // likewise

  // By the level of the inputs.
  std::array<LevelPolicy, kLastLevel> levels = {{
      {.bytes_max = 64u << 20, .blocks_max = 1'000, .age_ns = 3 * kNsPerSecond},
      {.bytes_max = 128u << 20, .blocks_max = 50, .age_ns = 60 * kNsPerSecond},
      {.bytes_max = 256u << 20, .blocks_max = 50, .age_ns = 15 * 60 * kNsPerSecond},
      {.bytes_max = 512u << 20, .blocks_max = 100, .age_ns = 24 * 3600 * kNsPerSecond, .takes_one = false},
  }};
  // Blocks of the last level whose data was deleted, in one job.
  LevelPolicy last_level = {.bytes_max = 512u << 20, .blocks_max = 100};

  // Of the merges: the same for every job, whoever does it.
  uint64_t block_bytes_max = 64u << 20;
  uint64_t memory_bytes_max = 256u << 20;

  int64_t lease_ns = contract::CompactionJobs::kLeaseMs * kNsPerMs;
  // A worker that was not heard of for so long is given nothing new.
  int64_t worker_silence_ns = 5 * contract::CompactionJobs::kHeartbeatMs * kNsPerMs / 2;
  uint32_t leases_max = 4;  // of one job; then it has failed

  // A block that failed so often is in a job alone. However often that fails, it stays as it is and is read by queries: only what
  // was read and found damaged is quarantined.
  uint32_t failures_alone = 2;
  int64_t backoff_first_ns = 5 * kNsPerSecond;  // doubles with each failure
  int64_t backoff_max_ns = 600 * kNsPerSecond;

  size_t blocks_known_max = 500'000;  // about 250 bytes each
  size_t proposals_max = 8;           // of leases, at a time
  size_t pulls_max = 10'000;          // that wait

  const LevelPolicy& Of(uint32_t level) const { return level < kLastLevel ? levels[level] : last_level; }
  static uint32_t OutputLevel(uint32_t level) { return level < kLastLevel ? level + 1 : level; }
};

}  // namespace brazier::metastore
