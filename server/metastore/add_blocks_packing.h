// Packs the blocks of one AddBlocks request into commands that fit the consensus log. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/block_meta.h"
#include "store/index/index_command.h"

namespace brazier::metastore {

// Commands with the blocks in their order, as few as `command_bytes_max` allows; none for no blocks.
// A block that fits no command with its label sets goes without: they are then "not listed", and readers read the block.
// kInvalidArgument for blocks that ValidateBlock refuses, and for a block that does not fit a command alone.
Result<std::vector<std::string>> PackAddBlocks(const std::vector<BlockMeta>& blocks, int64_t time_ns,
                                               const index::DedupBounds& dedup,
                                               size_t command_bytes_max);

}  // namespace brazier::metastore
