// Commands of the metadata index and their answers, as the bytes that go through the consensus log
// (docs/format/index.md). All that decides the outcome is in the command: its time and the bounds of the dedup window
// too, so replicas with different settings stay equal. Decoding is for hostile input. Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/block_meta.h"

namespace brazier::codec {
class MsgpackReader;
}  // namespace brazier::codec

namespace brazier::index {

// How long and how many identities are remembered.
struct DedupBounds {
  int64_t window_ns = int64_t{10} * 60 * 1'000'000'000;
  uint64_t bytes_max = 64u << 20;
};

struct AddBlocksCommand {
  int64_t time_ns = 0;  // of the proposer's clock
  DedupBounds dedup;
  std::vector<BlockMeta> blocks;
};

// Takes the blocks as codec::EncodeBlockMeta wrote them, so that a caller can measure them before it packs a command.
std::string EncodeAddBlocksCommand(int64_t time_ns, const DedupBounds& dedup,
                                   std::span<const std::string> encoded_blocks);
// What a command takes besides its blocks, at most.
inline constexpr size_t kCommandOverheadBytes = 64;
inline constexpr size_t kCommandOverheadBytesPerBlock = 5;

// The blocks of the result have passed ValidateBlock.
Result<AddBlocksCommand> DecodeAddBlocksCommand(std::string_view command);

// What became of one block of the command.
struct AddedBlock {
  bool already_known = false;
  std::vector<std::vector<uint32_t>> hidden_profiles;  // per dataset
  friend bool operator==(const AddedBlock&, const AddedBlock&) = default;
};

// Shared by all commands (compaction_command.h). The blocks of a command, each as ValidateBlock accepts it.
Result<std::vector<BlockMeta>> ReadCommandBlocks(codec::MsgpackReader& in);
// Codes travel in answers as numbers, whatever the order of the enumeration becomes; others than those are kInternal.
uint64_t NumberOfCode(Code code);
Code CodeOfNumber(uint64_t number);

std::string EncodeAddBlocksAnswer(const Result<std::vector<AddedBlock>>& answer);
// The answer, or the error that the command was answered with.
Result<std::vector<AddedBlock>> DecodeAddBlocksAnswer(std::string_view answer);

}  // namespace brazier::index
