#include "store/index/index_command.h"

#include "common/codec/block_meta_msgpack.h"
#include "common/codec/msgpack_io.h"
#include "store/index/index_limits.h"
#include "store/index/validate_block.h"

namespace brazier::index {
namespace {

using codec::MsgpackReader;
using codec::MsgpackWriter;

constexpr uint64_t kVersion = 1;
constexpr uint64_t kKindAddBlocks = 1;
constexpr size_t kCommandFields = 6;
constexpr size_t kAnswerFields = 4;
constexpr size_t kAddedBlockFields = 2;
constexpr size_t kMessageBytesMax = 4096;

constexpr std::pair<Code, uint64_t> kCodeNumbers[] = {
    {Code::kOk, 0},       {Code::kInvalidArgument, 1}, {Code::kUnimplemented, 2},
    {Code::kInternal, 3}, {Code::kNotFound, 4},        {Code::kFailedPrecondition, 5},
    {Code::kResourceExhausted, 6},
};

std::vector<uint32_t> DecodePositions(MsgpackReader& in) {
  std::vector<uint32_t> positions(in.Array());
  for (uint32_t& position : positions) position = in.Uint32();
  return positions;
}

AddedBlock DecodeAddedBlock(MsgpackReader& in) {
  size_t fields = in.Array();
  if (in.ok() && fields < kAddedBlockFields) in.Fail("an added block with too few fields");
  AddedBlock block;
  block.already_known = in.Bool();
  block.hidden_profiles.resize(in.Array());
  for (auto& hidden : block.hidden_profiles) {
    if (!in.ok()) break;
    hidden = DecodePositions(in);
  }
  for (; fields > kAddedBlockFields && in.ok(); --fields) in.Skip();
  return block;
}

}  // namespace

uint64_t NumberOfCode(Code code) {
  for (const auto& [known, number] : kCodeNumbers) {
    if (known == code) return number;
  }
  return NumberOfCode(Code::kInternal);
}

Code CodeOfNumber(uint64_t number) {
  for (const auto& [code, known] : kCodeNumbers) {
    if (known == number) return code;
  }
  return Code::kInternal;
}

Result<std::vector<BlockMeta>> ReadCommandBlocks(MsgpackReader& in) {
  size_t count = in.Array(kBlocksPerCommandMax);
  std::vector<BlockMeta> blocks;
  for (; count > 0 && in.ok(); --count) {
    const Bytes bytes = in.Bin();
    if (!in.ok()) break;
    ASSIGN_OR_RETURN(BlockMeta block, codec::DecodeBlockMeta(bytes));
    RETURN_IF_ERROR(ValidateBlock(block));
    blocks.push_back(std::move(block));
  }
  return blocks;
}

std::string EncodeAddBlocksCommand(int64_t time_ns, const DedupBounds& dedup,
                                   std::span<const std::string> encoded_blocks) {
  size_t bytes = kCommandOverheadBytes;
  for (const std::string& block : encoded_blocks) bytes += block.size() + kCommandOverheadBytesPerBlock;
  MsgpackWriter out;
  out.Reserve(bytes);
  out.Array(kCommandFields);
  out.Uint(kVersion);
  out.Uint(kKindAddBlocks);
  out.Int(time_ns);
  out.Int(dedup.window_ns);
  out.Uint(dedup.bytes_max);
  out.Array(encoded_blocks.size());
  for (const std::string& block : encoded_blocks) out.Bin(AsBytes(block));
  return out.Take();
}

Result<AddBlocksCommand> DecodeAddBlocksCommand(std::string_view command) {
  MsgpackReader in(AsBytes(command), "index command");
  size_t fields = in.Array();
  const uint64_t version = in.Uint();
  const uint64_t kind = in.Uint();
  RETURN_IF_ERROR(in.status());
  if (version != kVersion || kind != kKindAddBlocks) {
    return Status(Code::kUnimplemented, "index command of version " + std::to_string(version) +
                                            " and kind " + std::to_string(kind) + " is unknown");
  }
  if (fields < kCommandFields) return InvalidArgument("index command: too few fields");
  AddBlocksCommand decoded;
  decoded.time_ns = in.Int();
  decoded.dedup.window_ns = in.Int();
  decoded.dedup.bytes_max = in.Uint(kDedupBytesMax);
  if (in.ok() && (decoded.time_ns < 0 || decoded.time_ns > kCommandTimeNsMax)) {
    in.Fail("a time outside 1970 to 2116");
  }
  if (in.ok() && (decoded.dedup.window_ns < 0 || decoded.dedup.window_ns > kDedupWindowNsMax)) {
    in.Fail("a dedup window that is negative or over 7 days");
  }
  ASSIGN_OR_RETURN(decoded.blocks, ReadCommandBlocks(in));
  for (; fields > kCommandFields && in.ok(); --fields) in.Skip();
  RETURN_IF_ERROR(in.Finish());
  return decoded;
}

std::string EncodeAddBlocksAnswer(const Result<std::vector<AddedBlock>>& answer) {
  MsgpackWriter out;
  out.Array(kAnswerFields);
  out.Uint(kVersion);
  out.Uint(NumberOfCode(answer.status().code()));
  out.Str(std::string_view(answer.status().message()).substr(0, kMessageBytesMax));
  if (!answer.ok()) {
    out.Array(0);
    return out.Take();
  }
  out.Array(answer->size());
  for (const AddedBlock& block : *answer) {
    out.Array(kAddedBlockFields);
    out.Bool(block.already_known);
    out.Array(block.hidden_profiles.size());
    for (const auto& hidden : block.hidden_profiles) {
      out.Array(hidden.size());
      for (uint32_t position : hidden) out.Uint(position);
    }
  }
  return out.Take();
}

Result<std::vector<AddedBlock>> DecodeAddBlocksAnswer(std::string_view answer) {
  MsgpackReader in(AsBytes(answer), "index answer");
  size_t fields = in.Array();
  if (in.ok() && fields < kAnswerFields) in.Fail("too few fields");
  const uint64_t version = in.Uint();
  if (in.ok() && version != kVersion) in.Fail("version " + std::to_string(version) + " is unknown");
  const uint64_t code = in.Uint();
  const std::string message(in.Str());
  std::vector<AddedBlock> blocks;
  for (size_t count = in.Array(); count > 0 && in.ok(); --count) {
    blocks.push_back(DecodeAddedBlock(in));
  }
  for (; fields > kAnswerFields && in.ok(); --fields) in.Skip();
  const Status status = in.Finish();
  if (!status.ok()) return Internal(status.message());
  if (code != NumberOfCode(Code::kOk)) return Status(CodeOfNumber(code), message);
  return blocks;
}

}  // namespace brazier::index
