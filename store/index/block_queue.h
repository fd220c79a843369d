// The queues of blocks that compaction takes its inputs from: one per (level, shard, tenant), in the order in which the
// blocks were made, which is that of their ids. A planner reads its candidates here instead of walking the index.
// Segments (level 0) hold several tenants and are compacted as a whole: their queues are those of the tenant "". From
// kShardlessLevel on blocks of all shards wait in one queue, that of shard 0. A block in a job or in quarantine is in none.
//
// Keys and values are docs/format/index.md's. The state machine keeps them; reading is over a snapshot. Values and functions
// without state: any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/block_meta.h"
#include "store/kv/key_value_store.h"

namespace brazier::index {

struct QueueName {
  uint32_t level = 0;
  uint32_t shard = 0;
  std::string tenant;  // "" at level 0
  friend auto operator<=>(const QueueName&, const QueueName&) = default;
};
inline constexpr uint32_t kShardlessLevel = 2;
QueueName QueueOf(const BlockMeta& block);
// As states of version 2 have it: by shard at every level.
QueueName QueueOfVersion2(const BlockMeta& block);

// What a planner needs to know of a block.
struct QueuedBlock {
  Ulid id;            // with the time at which it was made
  uint64_t size = 0;  // bytes of the object
  int64_t min_time_ns = 0;
  int64_t max_time_ns = 0;
  friend bool operator==(const QueuedBlock&, const QueuedBlock&) = default;
};

std::string QueueKey(const QueueName& queue, const Ulid& id);
Result<QueueName> ParseQueueKey(std::string_view key, Ulid* id);
std::string EncodeQueuedBlock(const QueuedBlock& block);  // without the id
Result<QueuedBlock> DecodeQueuedBlock(const Ulid& id, std::string_view value);

// Queues that have blocks, in order, above `after` when there is one, at most `limit`. One seek for each.
// kFailedPrecondition, reason "index_not_upgraded", while the state is of an earlier version: its blocks are not in these queues yet.
Result<std::vector<QueueName>> ListQueues(const kv::Reader& reader, const std::optional<QueueName>& after, size_t limit);
// Blocks of a queue, oldest first, above `after` when there is one, at most `limit`. Likewise.
Result<std::vector<QueuedBlock>> ListQueuedBlocks(const kv::Reader& reader, const QueueName& queue,
                                                  const std::optional<Ulid>& after, size_t limit);

}  // namespace brazier::index
