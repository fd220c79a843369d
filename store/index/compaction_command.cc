#include "store/index/compaction_command.h"

#include "store/index/command_io.h"
#include "store/index/index_limits.h"

namespace brazier::index {
namespace {

using codec::MsgpackReader;
using codec::MsgpackWriter;

constexpr size_t kReplaceFields = 5;
constexpr size_t kPurgeFields = 4;
constexpr size_t kUpgradeFields = 4;

}  // namespace

CommandKind ReadCommandKind(std::string_view command) {
  MsgpackReader in(AsBytes(command), "index command");
  in.Array();
  in.Uint();
  const uint64_t kind = in.Uint();
  if (!in.ok()) return CommandKind::kAddBlocks;
  if (kind > static_cast<uint64_t>(CommandKind::kSetCompaction) || kind == 0) return CommandKind::kAddBlocks;
  return static_cast<CommandKind>(kind);
}

std::string EncodeReplaceBlocksCommand(int64_t time_ns, std::span<const std::string> encoded_outputs,
                                       std::span<const Ulid> inputs) {
  MsgpackWriter out;
  BeginCommand(out, kReplaceFields, CommandKind::kReplaceBlocks, time_ns);
  out.Array(encoded_outputs.size());
  for (const std::string& block : encoded_outputs) out.Bin(AsBytes(block));
  WriteIds(out, inputs);
  return out.Take();
}

Result<ReplaceBlocksCommand> DecodeReplaceBlocksCommand(std::string_view command) {
  MsgpackReader in(AsBytes(command), "index command");
  ASSIGN_OR_RETURN(const CommandHeader header, ReadCommandHeader(in, kReplaceFields, CommandKind::kReplaceBlocks));
  ReplaceBlocksCommand decoded{.time_ns = header.time_ns};
  ASSIGN_OR_RETURN(decoded.outputs, ReadCommandBlocks(in));
  decoded.inputs = ReadIds(in, kBlocksPerCommandMax);
  RETURN_IF_ERROR(EndFields(in, header.fields, kReplaceFields));
  if (decoded.inputs.empty()) return InvalidArgument("replacing blocks: no inputs");
  RETURN_IF_ERROR(CheckOutputs("replacing blocks", decoded.inputs, decoded.outputs));
  return decoded;
}

std::string EncodePurgeTombstonesCommand(int64_t time_ns, std::span<const Ulid> blocks) {
  MsgpackWriter out;
  BeginCommand(out, kPurgeFields, CommandKind::kPurgeTombstones, time_ns);
  WriteIds(out, blocks);
  return out.Take();
}

Result<PurgeTombstonesCommand> DecodePurgeTombstonesCommand(std::string_view command) {
  MsgpackReader in(AsBytes(command), "index command");
  ASSIGN_OR_RETURN(const CommandHeader header, ReadCommandHeader(in, kPurgeFields, CommandKind::kPurgeTombstones));
  PurgeTombstonesCommand decoded{.time_ns = header.time_ns};
  decoded.blocks = ReadIds(in, kBlocksPerCommandMax);
  RETURN_IF_ERROR(EndFields(in, header.fields, kPurgeFields));
  return decoded;
}

std::string EncodeUpgradeStateCommand(int64_t time_ns, uint64_t blocks_max) {
  MsgpackWriter out;
  BeginCommand(out, kUpgradeFields, CommandKind::kUpgradeState, time_ns);
  out.Uint(blocks_max);
  return out.Take();
}

Result<UpgradeStateCommand> DecodeUpgradeStateCommand(std::string_view command) {
  MsgpackReader in(AsBytes(command), "index command");
  ASSIGN_OR_RETURN(const CommandHeader header, ReadCommandHeader(in, kUpgradeFields, CommandKind::kUpgradeState));
  UpgradeStateCommand decoded{.time_ns = header.time_ns};
  decoded.blocks_max = in.Uint(kBlocksPerCommandMax);
  if (in.ok() && decoded.blocks_max == 0) in.Fail("an upgrade of no blocks");
  RETURN_IF_ERROR(EndFields(in, header.fields, kUpgradeFields));
  return decoded;
}

std::string EncodeReplaceBlocksAnswer(const Result<Replaced>& answer) {
  MsgpackWriter out;
  BeginAnswer(out, 1, answer.status());
  out.Bool(answer.ok() && answer->already_done);
  return out.Take();
}

Result<Replaced> DecodeReplaceBlocksAnswer(std::string_view answer) {
  return ReadAnswer<Replaced>(answer, 1, [](MsgpackReader& in) { return Replaced{in.Bool()}; });
}

std::string EncodePurgeTombstonesAnswer(const Result<Purged>& answer) {
  MsgpackWriter out;
  BeginAnswer(out, 1, answer.status());
  out.Uint(answer.ok() ? answer->tombstones : 0);
  return out.Take();
}

Result<Purged> DecodePurgeTombstonesAnswer(std::string_view answer) {
  return ReadAnswer<Purged>(answer, 1, [](MsgpackReader& in) { return Purged{in.Uint()}; });
}

std::string EncodeUpgradeStateAnswer(const Result<Upgraded>& answer) {
  MsgpackWriter out;
  BeginAnswer(out, 2, answer.status());
  out.Uint(answer.ok() ? answer->blocks : 0);
  out.Bool(answer.ok() && answer->done);
  return out.Take();
}

Result<Upgraded> DecodeUpgradeStateAnswer(std::string_view answer) {
  return ReadAnswer<Upgraded>(answer, 2, [](MsgpackReader& in) {
    Upgraded upgraded;
    upgraded.blocks = in.Uint();
    upgraded.done = in.Bool();
    return upgraded;
  });
}

}  // namespace brazier::index
