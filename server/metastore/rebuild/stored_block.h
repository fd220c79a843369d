// ReadStoredBlock: what the index knows of an object, read from the object itself. Pure but for reading from the store;
// any thread.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/model/block_meta.h"
#include "store/object/object_store.h"

namespace brazier::metastore {

enum class Identities { kRead, kLeave };

// The footer, by one or two small reads; with Identities::kRead also the identities of the profiles, from the rows
// sections (their checksums are checked). kCorruption when it is no object, is damaged, or lies under another key than
// its footer says; kInvalidArgument when its metadata is larger than one command. The store's error otherwise.
// Memory: a footer of at most one command (1 MiB), and rows sections of kRowsBytes or one dataset at a time.
Result<BlockMeta> ReadStoredBlock(object::ObjectStore& store, const std::string& object_key,
                                  uint64_t object_bytes, Identities identities);
inline constexpr uint64_t kRowsBytes = 8 << 20;  // uncompressed

}  // namespace brazier::metastore
