#include "store/object/block_folders.h"

namespace brazier::object {

Result<bool> HoldsBlocks(ObjectStore& store) {
  for (const std::string_view folder : kBlockFolders) {
    ASSIGN_OR_RETURN(const std::vector<ObjectInfo> first, store.List(folder, "", 1));
    if (!first.empty()) return true;
  }
  return false;
}

}  // namespace brazier::object
