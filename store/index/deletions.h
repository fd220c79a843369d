// Deletions of data: filters, and the blocks that still hold what they name. A deletion hides at once; it is confirmed when every
// block that held something of it is replaced or removed and the objects of those are deleted (their tombstones purged), and is kept
// at least until then.
//
// Keys and values are docs/format/index.md's. The state machine keeps them; reading is over a snapshot. Values and functions without
// state: any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/ulid.h"
#include "common/model/data_filter.h"
#include "store/kv/key_value_store.h"

namespace brazier::index {

struct Deletion {
  Ulid id;
  DataFilter filter;
  int64_t created_ns = 0;
  uint64_t blocks = 0;             // that held something of it
  uint64_t blocks_to_rewrite = 0;  // of them, those still in the index as they were
  uint64_t objects_to_delete = 0;  // of them, those removed from the index whose tombstones are there
  int64_t confirmed_ns = 0;        // 0: not yet
  friend bool operator==(const Deletion&, const Deletion&) = default;
};
// Of a tenant (empty: of all), newest first, at most `limit`.
Result<std::vector<Deletion>> ListDeletions(const kv::Reader& reader, std::string_view tenant, size_t limit);
Result<std::optional<Deletion>> ReadDeletion(const kv::Reader& reader, const Ulid& id);

// The filters that hold for a block; empty for nearly all.
Result<std::vector<DataFilter>> DeletionsOf(const kv::Reader& reader, const Ulid& block);

}  // namespace brazier::index
