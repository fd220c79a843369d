// Checks and packs a finished job into the command of the consensus log. What passes is what the state machine accepts, but for what
// depends on the state. Pure.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/contract/compaction.h"

namespace brazier::metastore {

// kInvalidArgument naming the block or the limit; reason "metadata_limit" when the outputs' metadata makes the command larger than
// `command_bytes_max`: fewer inputs make smaller outputs.
Result<std::string> PackFinishJob(const contract::FinishedJob& job, int64_t time_ns, size_t command_bytes_max);

}  // namespace brazier::metastore
