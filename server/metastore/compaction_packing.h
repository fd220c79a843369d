// Checks and packs what compaction asks of the index into commands of the consensus log. What passes here is what the state
// machine accepts, but for what depends on the state. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/contract/metastore.h"

namespace brazier::metastore {

// kInvalidArgument naming the block, or the limit: an output that ValidateBlock refuses or that has identities, no inputs, an id
// that is there twice, counts over those of contract::Metastore, a command over `command_bytes_max`.
Result<std::string> PackReplaceBlocks(const contract::ReplaceBlocksRequest& request, int64_t time_ns,
                                      size_t command_bytes_max);
// Likewise for an id that is there twice and for the limits.
Result<std::string> PackPurgeTombstones(const std::vector<Ulid>& ids, int64_t time_ns, size_t command_bytes_max);

}  // namespace brazier::metastore
