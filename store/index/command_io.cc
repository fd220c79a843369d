#include "store/index/command_io.h"

#include <algorithm>

#include "store/index/index_keys.h"
#include "store/index/index_limits.h"

namespace brazier::index {
namespace {

using codec::MsgpackReader;
using codec::MsgpackWriter;

constexpr uint64_t kVersion = 1;
constexpr size_t kMessageBytesMax = 4096;

}  // namespace

void BeginCommand(MsgpackWriter& out, size_t fields, CommandKind kind, int64_t time_ns) {
  out.Array(fields);
  out.Uint(kVersion);
  out.Uint(static_cast<uint64_t>(kind));
  out.Int(time_ns);
}

Result<CommandHeader> ReadCommandHeader(MsgpackReader& in, size_t known, CommandKind expected) {
  CommandHeader header{.fields = in.Array()};
  const uint64_t version = in.Uint();
  const uint64_t kind = in.Uint();
  RETURN_IF_ERROR(in.status());
  if (version != kVersion || kind != static_cast<uint64_t>(expected)) {
    return Status(Code::kUnimplemented, "index command of version " + std::to_string(version) + " and kind " +
                                            std::to_string(kind) + " is unknown");
  }
  if (header.fields < known) return InvalidArgument("index command: too few fields");
  header.time_ns = ReadTime(in);
  RETURN_IF_ERROR(in.status());
  return header;
}

Status EndFields(MsgpackReader& in, size_t fields, size_t known) {
  for (; fields > known && in.ok(); --fields) in.Skip();
  return in.Finish();
}

int64_t ReadTime(MsgpackReader& in) {
  const int64_t time_ns = in.Int();
  if (in.ok() && (time_ns < 0 || time_ns > kCommandTimeNsMax)) in.Fail("a time outside 1970 to 2116");
  return time_ns;
}

void WriteIds(MsgpackWriter& out, std::span<const Ulid> ids) {
  std::string bytes;
  bytes.reserve(ids.size() * kIdBytes);
  for (const Ulid& id : ids) AppendId(bytes, id);
  out.Bin(AsBytes(bytes));
}

std::vector<Ulid> ReadIds(MsgpackReader& in, size_t limit) {
  const std::string_view bytes = AsString(in.Bin());
  if (bytes.size() % kIdBytes != 0) in.Fail("ids that are not whole 16-byte values");
  if (bytes.size() / kIdBytes > limit) {
    in.Fail(std::to_string(bytes.size() / kIdBytes) + " ids, the limit is " + std::to_string(limit));
  }
  std::vector<Ulid> ids;
  if (!in.ok()) return ids;
  for (size_t at = 0; at < bytes.size(); at += kIdBytes) ids.push_back(ParseId(bytes.substr(at, kIdBytes)));
  if (HasRepeat(ids)) in.Fail("an id twice");
  return ids;
}

void WriteId(MsgpackWriter& out, const Ulid& id) { WriteIds(out, {&id, 1}); }

Ulid ReadId(MsgpackReader& in) {
  const std::string_view bytes = AsString(in.Bin(kIdBytes));
  if (in.ok() && bytes.size() != kIdBytes) in.Fail("an id that is not 16 bytes");
  return in.ok() ? ParseId(bytes) : Ulid();
}

bool HasRepeat(std::vector<Ulid> ids) {
  std::sort(ids.begin(), ids.end());
  return std::adjacent_find(ids.begin(), ids.end()) != ids.end();
}

Status CheckOutputs(std::string_view doing, std::span<const Ulid> inputs, std::span<const BlockMeta> outputs) {
  std::vector<Ulid> ids(inputs.begin(), inputs.end());
  for (const BlockMeta& output : outputs) {
    ids.push_back(output.id);
    for (const DatasetMeta& dataset : output.datasets) {
      // They are those of the inputs' profiles, and would hide every one of them.
      if (!dataset.identities.empty()) {
        return InvalidArgument(std::string(doing) + ": output " + output.id.ToString() + " has identities");
      }
    }
  }
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice == ids.end()) return Status::Ok();
  return InvalidArgument(std::string(doing) + ": " + twice->ToString() + " is an output twice, or output and input");
}

void BeginAnswer(MsgpackWriter& out, size_t values, const Status& status) {
  out.Array(3 + values);
  out.Uint(kVersion);
  out.Uint(NumberOfCode(status.code()));
  out.Str(std::string_view(status.message()).substr(0, kMessageBytesMax));
}

AnswerHeader ReadAnswerHeader(MsgpackReader& in, size_t values) {
  AnswerHeader header{.fields = in.Array()};
  if (in.ok() && header.fields < 3 + values) in.Fail("too few fields");
  const uint64_t version = in.Uint();
  if (in.ok() && version != kVersion) in.Fail("version " + std::to_string(version) + " is unknown");
  header.code = CodeOfNumber(in.Uint());
  header.message = in.Str();
  return header;
}

}  // namespace brazier::index
