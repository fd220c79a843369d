// Where in a store the objects of blocks are (BlockMeta::ObjectKey), and whether there are any. Whoever misses an object asks the latter
// before it calls the object lost: a store without any block is more likely to be the wrong bucket, or one that is not mounted.
#pragma once

#include <array>
#include <string_view>

#include "store/object/object_store.h"

namespace brazier::object {

inline constexpr std::string_view kSegmentsFolder = "segments/";
inline constexpr std::string_view kBlocksFolder = "blocks/";
inline constexpr std::array kBlockFolders = {kBlocksFolder, kSegmentsFolder};  // in the order of keys

// Other objects, such as the metastore's snapshots, do not count. Errors are those of the store.
Result<bool> HoldsBlocks(ObjectStore& store);

}  // namespace brazier::object
