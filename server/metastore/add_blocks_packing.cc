#include "server/metastore/add_blocks_packing.h"

#include "common/codec/block_meta_msgpack.h"
#include "store/index/index_limits.h"
#include "store/index/validate_block.h"

namespace brazier::metastore {
namespace {

std::string EncodeWithoutLabelSets(BlockMeta block) {
  for (DatasetMeta& dataset : block.datasets) {
    dataset.lists_label_sets = false;
    dataset.label_sets.clear();
  }
  return codec::EncodeBlockMeta(block);
}

}  // namespace

Result<std::vector<std::string>> PackAddBlocks(const std::vector<BlockMeta>& blocks, int64_t time_ns,
                                               const index::DedupBounds& dedup,
                                               size_t command_bytes_max) {
  std::vector<std::string> commands;
  std::vector<std::string> packed;
  size_t bytes = index::kCommandOverheadBytes;
  const auto close = [&] {
    commands.push_back(index::EncodeAddBlocksCommand(time_ns, dedup, packed));
    packed.clear();
    bytes = index::kCommandOverheadBytes;
  };
  for (const BlockMeta& block : blocks) {
    RETURN_IF_ERROR(index::ValidateBlock(block));
    std::string encoded = codec::EncodeBlockMeta(block);
    size_t added = encoded.size() + index::kCommandOverheadBytesPerBlock;
    if (index::kCommandOverheadBytes + added > command_bytes_max) {
      encoded = EncodeWithoutLabelSets(block);
      added = encoded.size() + index::kCommandOverheadBytesPerBlock;
    }
    if (index::kCommandOverheadBytes + added > command_bytes_max) {
      return InvalidArgument(
          "block " + block.id.ToString() + ": its metadata takes " + std::to_string(encoded.size()) +
          " bytes, the limit is " +
          std::to_string(command_bytes_max - index::kCommandOverheadBytes -
                         index::kCommandOverheadBytesPerBlock) +
          "; seal segments with fewer profiles and services");
    }
    if (bytes + added > command_bytes_max || packed.size() >= index::kBlocksPerCommandMax) close();
    packed.push_back(std::move(encoded));
    bytes += added;
  }
  if (!packed.empty()) close();
  return commands;
}

}  // namespace brazier::metastore
