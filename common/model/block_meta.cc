#include "common/model/block_meta.h"

namespace brazier {

std::string BlockMeta::ObjectKey() const {
  std::string key = level == 0 ? "segments/" : "blocks/";
  key += std::to_string(shard);
  key += '/';
  if (level > 0) {
    key += datasets.empty() ? std::string("none") : datasets.front().tenant;
    key += '/';
  }
  key += id.ToString();
  key += ".brz";
  return key;
}

}  // namespace brazier
