// Lists the files below a folder as object keys, in the order of the keys' bytes.
#pragma once

#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "store/object/object_store.h"

namespace brazier::object {

// See ObjectStore::List. `root` is an open folder; its kUnfinishedFolder is left out. Files that vanish meanwhile may or
// may not be listed. Thread-safe.
Result<std::vector<ObjectInfo>> ListFolder(int root, std::string_view prefix,
                                           std::string_view start_after, size_t limit);

}  // namespace brazier::object
