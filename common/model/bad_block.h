// How the failure of a query says which block cannot be read: in its status' reason, "bad_block:<id>", which travels between
// processes. Pure functions.
#pragma once

#include <optional>

#include "common/base/status.h"
#include "common/base/ulid.h"

namespace brazier {

// Of what an object's bytes, or that there are none, led to; other failures are not the block's and stay as they are.
Status BlameBlock(Status status, const Ulid& block);
// The block to blame; nullopt when the status blames none.
std::optional<Ulid> BlamedBlock(const Status& status);

}  // namespace brazier
