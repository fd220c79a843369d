// CheckObject: whether an object is what the index says: it is there, its trailer and footer are whole, the footer agrees with
// the index, and every section has its checksum. Reads the whole object once, kCheckPieceBytes at a time, each piece after a
// call of `pace`, which may wait; false from it ends the check (kCancelled). Pure but for that; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/base/result.h"
#include "common/model/block_meta.h"
#include "store/object/object_store.h"

namespace brazier::metastore {

enum class ObjectState : uint8_t { kWhole, kMissing, kCorrupt, kDifferent };

struct ObjectVerdict {
  ObjectState state = ObjectState::kWhole;
  std::string reason;  // for people; empty: whole
};

inline constexpr uint64_t kCheckPieceBytes = 4 << 20;

// An error only when nothing can be said: the store does not answer, or `pace` ended it.
Result<ObjectVerdict> CheckObject(object::ObjectStore& store, const BlockMeta& entry,
                                  const std::function<bool(uint64_t bytes)>& pace);

}  // namespace brazier::metastore
