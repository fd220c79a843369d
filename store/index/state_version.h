// The version of the index's state, and how an older state becomes one of this version.
//
// Version 1 has no queues of blocks, and only groups of one have written it. A program that finds it goes on with it until
// the group applies UpgradeState commands (compaction_command.h). They walk the blocks in the
// order of their ids and put each into its queue; what is added or removed meanwhile is treated as version 2 up to
// where the walk is, as version 1 above. After the last block the state is of version 2. An empty state begins with it.
// Pure functions; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "common/base/result.h"
#include "common/base/ulid.h"
#include "store/kv/key_value_store.h"

namespace brazier::index {

inline constexpr std::string_view kStateVersion1 = "1";
inline constexpr std::string_view kStateVersion2 = "2";

struct StateVersion {
  uint32_t number = 0;             // 0: the state is empty
  std::optional<Ulid> upgraded_to;  // while version 1 is upgraded: blocks up to this one are as in version 2

  // Whether a block of this id is in its queue, or goes into it when it is added.
  bool HasQueueOf(const Ulid& id) const {
    return number != 1 || (upgraded_to.has_value() && id <= *upgraded_to);
  }
};

// kFailedPrecondition when a later program wrote the state.
Result<StateVersion> ReadStateVersion(const kv::Reader& reader);
// OK when every block is in its queue; kFailedPrecondition, reason "index_not_upgraded", otherwise.
Status CheckUpgraded(const kv::Reader& reader);

}  // namespace brazier::index
