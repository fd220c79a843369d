// The version of the index's state, and how an older state becomes one of this version.
//
// Version 1 has no queues of blocks. Version 2 has one for each shard at every level, and neither jobs nor the order by which blocks
// expire. A program that finds one of them goes on with it until the group applies UpgradeState commands (compaction_command.h). They
// walk the blocks in the order of their ids and put each into its queue and that order; what is added or removed meanwhile is treated
// as version 3 up to where the walk is, as the old version above. After the last block the state is of version 3. An empty state
// begins with it. Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/ulid.h"
#include "store/kv/key_value_store.h"

namespace brazier::index {

inline constexpr std::string_view kStateVersion1 = "1";
inline constexpr std::string_view kStateVersion2 = "2";
inline constexpr std::string_view kStateVersion3 = "3";

struct StateVersion {
  uint32_t number = 0;              // 0: the state is empty
  std::optional<Ulid> upgraded_to;  // while it is upgraded: blocks up to this one are as in version 3
  // A state of version 1 that a program of version 2 had begun to upgrade, until this one begins: blocks up to it are as in version 2.
  std::optional<Ulid> queued_to;

  bool IsUpgraded() const { return number == 0 || number == 3; }
  // Whether the block of this id is, or when it is added will be, as version 3 has it.
  bool IsCurrent(const Ulid& id) const { return IsUpgraded() || (upgraded_to.has_value() && id <= *upgraded_to); }
  // Of blocks that are not: whether it is in a queue of version 2.
  bool HasOldQueueOf(const Ulid& id) const {
    return number == 2 || (number == 1 && queued_to.has_value() && id <= *queued_to);
  }
};
// How far an upgrade to version 3 is.
std::string EncodeUpgradePlace(const Ulid& upgraded_to);

// kFailedPrecondition when a later program wrote the state.
Result<StateVersion> ReadStateVersion(const kv::Reader& reader);
// OK when every block is as version 3 has it; kFailedPrecondition, reason "index_not_upgraded", otherwise.
Status CheckUpgraded(const kv::Reader& reader);

}  // namespace brazier::index
