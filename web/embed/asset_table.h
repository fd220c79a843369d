// The table that embed_assets generates; only web/assets.cc reads it. Constant data, no owner, any thread.
#pragma once

#include <cstddef>

#include "web/assets.h"

namespace brazier::web {

// Sorted by path; kAssetCount rows.
extern const Asset kAssets[];
extern const size_t kAssetCount;

}  // namespace brazier::web
