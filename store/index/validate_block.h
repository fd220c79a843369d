// Checks block metadata before it is proposed: what passes can be applied, stored and planned from without a second look.
#pragma once

#include "common/base/status.h"
#include "common/model/block_meta.h"

namespace brazier::index {

// kInvalidArgument naming the block, the dataset and the limit. What is required:
// - sizes within index_limits.h; a tenant in every dataset; one tenant only above level 0;
// - datasets sorted by (tenant, service) without repeats, symbols sorted by tenant, of tenants that have datasets;
// - 0 <= min time <= max time, a block's range holds its datasets' ranges;
// - sections inside the object; profile types sorted without repeats;
// - hidden positions ascending and below profile_count;
// - identities: one for each profile, or none at all (a block whose profiles were deduplicated before, such as one that
//   is registered again from its footer).
Status ValidateBlock(const BlockMeta& block);

}  // namespace brazier::index
