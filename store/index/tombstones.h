// Tombstones: what is kept of a block that was removed from the index, until its object is known to be deleted. As long as it
// is there the block does not come back: AddBlocks of its id is answered as a repeat. An object that was condemned has one too, and
// AddBlocks of it is refused.
//
// Two keys each: by id, with all that answers a repeat, and by time of removal, with what names the object
// (docs/format/index.md). The state machine keeps them; listing is over a snapshot. Values and functions without state: any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/block_meta.h"
#include "store/kv/key_value_store.h"

namespace brazier::index {

struct Tombstone {
  Ulid id;
  int64_t removed_ns = 0;  // the time of the command that removed it
  uint32_t shard = 0;
  uint32_t level = 0;
  std::string tenant;      // "" at level 0
  uint64_t size = 0;       // bytes of the object
  std::string ObjectKey() const;
  friend bool operator==(const Tombstone&, const Tombstone&) = default;
};
Tombstone TombstoneOf(const BlockMeta& block, int64_t removed_ns);

// Without id and time, which are in the key.
std::string EncodeTombstone(const Tombstone& tombstone);
Result<Tombstone> DecodeTombstone(const Ulid& id, int64_t removed_ns, std::string_view value);

// A removed block by its id: its block entry, as it was.
struct RemovedBlock {
  int64_t removed_ns = 0;
  std::string_view entry;  // of the value
  bool is_condemned = false;  // it was never in the index (CondemnObjects): a repeat of it is refused
};
std::string EncodeRemovedBlock(int64_t removed_ns, std::string_view block_entry, bool is_condemned = false);
Result<RemovedBlock> DecodeRemovedBlock(std::string_view value);

std::string RemovedKey(const Ulid& id);
std::string RemovedByTimeKey(int64_t removed_ns, const Ulid& id);

// A place in the order of tombstones: (time of removal, id).
struct TombstoneCursor {
  int64_t removed_ns = 0;
  Ulid id;
};
// Those removed before `before_ns`, in order of removal, above `after` when there is one, at most `limit`.
Result<std::vector<Tombstone>> ListTombstones(const kv::Reader& reader, int64_t before_ns,
                                              const std::optional<TombstoneCursor>& after, size_t limit);
// Of one block; none when it was never removed, or its tombstone was purged.
Result<std::optional<Tombstone>> ReadTombstone(const kv::Reader& reader, const Ulid& id);

}  // namespace brazier::index
