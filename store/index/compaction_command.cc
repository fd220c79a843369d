#include "store/index/compaction_command.h"

#include <algorithm>
#include <cstring>

#include "common/codec/msgpack_io.h"
#include "store/index/index_command.h"
#include "store/index/index_keys.h"
#include "store/index/index_limits.h"

namespace brazier::index {
namespace {

using codec::MsgpackReader;
using codec::MsgpackWriter;

constexpr uint64_t kVersion = 1;
constexpr size_t kReplaceFields = 5;
constexpr size_t kPurgeFields = 4;
constexpr size_t kUpgradeFields = 4;
constexpr size_t kMessageBytesMax = 4096;

void BeginCommand(MsgpackWriter& out, size_t fields, CommandKind kind, int64_t time_ns) {
  out.Array(fields);
  out.Uint(kVersion);
  out.Uint(static_cast<uint64_t>(kind));
  out.Int(time_ns);
}

// What every command begins with: the number of its fields, and its time.
struct Header {
  size_t fields = 0;
  int64_t time_ns = 0;
};

Result<Header> ReadHeader(MsgpackReader& in, size_t known, CommandKind expected) {
  Header header{.fields = in.Array()};
  const uint64_t version = in.Uint();
  const uint64_t kind = in.Uint();
  RETURN_IF_ERROR(in.status());
  if (version != kVersion || kind != static_cast<uint64_t>(expected)) {
    return Status(Code::kUnimplemented, "index command of version " + std::to_string(version) + " and kind " +
                                            std::to_string(kind) + " is unknown");
  }
  if (header.fields < known) return InvalidArgument("index command: too few fields");
  header.time_ns = in.Int();
  if (in.ok() && (header.time_ns < 0 || header.time_ns > kCommandTimeNsMax)) {
    in.Fail("a time outside 1970 to 2116");
  }
  RETURN_IF_ERROR(in.status());
  return header;
}

Status End(MsgpackReader& in, size_t fields, size_t known) {
  for (; fields > known && in.ok(); --fields) in.Skip();
  return in.Finish();
}

void WriteIds(MsgpackWriter& out, std::span<const Ulid> ids) {
  std::string bytes;
  bytes.reserve(ids.size() * kIdBytes);
  for (const Ulid& id : ids) AppendId(bytes, id);
  out.Bin(AsBytes(bytes));
}

// No two alike.
std::vector<Ulid> ReadIds(MsgpackReader& in) {
  const std::string_view bytes = AsString(in.Bin());
  if (bytes.size() % kIdBytes != 0) in.Fail("ids that are not whole 16-byte values");
  if (bytes.size() / kIdBytes > kBlocksPerCommandMax) {
    in.Fail(std::to_string(bytes.size() / kIdBytes) + " ids, the limit is " + std::to_string(kBlocksPerCommandMax));
  }
  std::vector<Ulid> ids;
  if (!in.ok()) return ids;
  for (size_t at = 0; at < bytes.size(); at += kIdBytes) ids.push_back(ParseId(bytes.substr(at, kIdBytes)));
  std::vector<Ulid> sorted = ids;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) in.Fail("an id twice");
  return ids;
}

Status CheckReplacement(const ReplaceBlocksCommand& command) {
  if (command.inputs.empty()) return InvalidArgument("replacing blocks: no inputs");
  std::vector<Ulid> ids = command.inputs;
  for (const BlockMeta& output : command.outputs) {
    ids.push_back(output.id);
    for (const DatasetMeta& dataset : output.datasets) {
      // They are those of the inputs' profiles, and would hide every one of them.
      if (!dataset.identities.empty()) {
        return InvalidArgument("replacing blocks: output " + output.id.ToString() + " has identities");
      }
    }
  }
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice == ids.end()) return Status::Ok();
  return InvalidArgument("replacing blocks: " + twice->ToString() + " is an output twice, or output and input");
}

void BeginAnswer(MsgpackWriter& out, size_t values, const Status& status) {
  out.Array(3 + values);
  out.Uint(kVersion);
  out.Uint(NumberOfCode(status.code()));
  out.Str(std::string_view(status.message()).substr(0, kMessageBytesMax));
}

// Reads an answer with so many values behind code and message; the error that it says, or that it is.
template <typename Answer, typename ReadValues>
Result<Answer> ReadAnswer(std::string_view bytes, size_t values, ReadValues read) {
  MsgpackReader in(AsBytes(bytes), "index answer");
  size_t fields = in.Array();
  if (in.ok() && fields < 3 + values) in.Fail("too few fields");
  const uint64_t version = in.Uint();
  if (in.ok() && version != kVersion) in.Fail("version " + std::to_string(version) + " is unknown");
  const Code code = CodeOfNumber(in.Uint());
  const std::string message(in.Str());
  Answer answer = read(in);
  const Status status = End(in, fields, 3 + values);
  if (!status.ok()) return Internal(status.message());
  if (code != Code::kOk) return Status(code, message);
  return answer;
}

}  // namespace

CommandKind ReadCommandKind(std::string_view command) {
  MsgpackReader in(AsBytes(command), "index command");
  in.Array();
  in.Uint();
  const uint64_t kind = in.Uint();
  if (!in.ok()) return CommandKind::kAddBlocks;
  for (CommandKind known : {CommandKind::kReplaceBlocks, CommandKind::kPurgeTombstones, CommandKind::kUpgradeState}) {
    if (kind == static_cast<uint64_t>(known)) return known;
  }
  return CommandKind::kAddBlocks;
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
  ASSIGN_OR_RETURN(const Header header, ReadHeader(in, kReplaceFields, CommandKind::kReplaceBlocks));
  ReplaceBlocksCommand decoded{.time_ns = header.time_ns};
  ASSIGN_OR_RETURN(decoded.outputs, ReadCommandBlocks(in));
  decoded.inputs = ReadIds(in);
  RETURN_IF_ERROR(End(in, header.fields, kReplaceFields));
  RETURN_IF_ERROR(CheckReplacement(decoded));
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
  ASSIGN_OR_RETURN(const Header header, ReadHeader(in, kPurgeFields, CommandKind::kPurgeTombstones));
  PurgeTombstonesCommand decoded{.time_ns = header.time_ns};
  decoded.blocks = ReadIds(in);
  RETURN_IF_ERROR(End(in, header.fields, kPurgeFields));
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
  ASSIGN_OR_RETURN(const Header header, ReadHeader(in, kUpgradeFields, CommandKind::kUpgradeState));
  UpgradeStateCommand decoded{.time_ns = header.time_ns};
  decoded.blocks_max = in.Uint(kBlocksPerCommandMax);
  if (in.ok() && decoded.blocks_max == 0) in.Fail("an upgrade of no blocks");
  RETURN_IF_ERROR(End(in, header.fields, kUpgradeFields));
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
