// What the encodings of all commands and answers have in common (compaction_command.h, job_command.h): how they begin and end, and
// how ids travel. Used within store/index only. Functions without state: any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/codec/msgpack_io.h"
#include "common/model/block_meta.h"
#include "store/index/compaction_command.h"
#include "store/index/index_command.h"

namespace brazier::index {

// `fields` counts version, kind and time too.
void BeginCommand(codec::MsgpackWriter& out, size_t fields, CommandKind kind, int64_t time_ns);

// What every command begins with: the number of its fields, and its time.
struct CommandHeader {
  size_t fields = 0;
  int64_t time_ns = 0;
};
Result<CommandHeader> ReadCommandHeader(codec::MsgpackReader& in, size_t known, CommandKind expected);
// Passes over fields of later versions.
Status EndFields(codec::MsgpackReader& in, size_t fields, size_t known);
// A time outside of what commands may have is a failure.
int64_t ReadTime(codec::MsgpackReader& in);

// Ids in one binary.
void WriteIds(codec::MsgpackWriter& out, std::span<const Ulid> ids);
// No two alike, at most `limit`.
std::vector<Ulid> ReadIds(codec::MsgpackReader& in, size_t limit);
void WriteId(codec::MsgpackWriter& out, const Ulid& id);
Ulid ReadId(codec::MsgpackReader& in);
bool HasRepeat(std::vector<Ulid> ids);

// Outputs have no identities and are no inputs; no id is there twice. `doing` begins the error.
Status CheckOutputs(std::string_view doing, std::span<const Ulid> inputs, std::span<const BlockMeta> outputs);

// `values` follow version, code and message.
void BeginAnswer(codec::MsgpackWriter& out, size_t values, const Status& status);

// Opens an answer with so many values behind code and message. The code is of no use when `in` failed.
struct AnswerHeader {
  size_t fields = 0;
  Code code = Code::kOk;
  std::string message;
};
AnswerHeader ReadAnswerHeader(codec::MsgpackReader& in, size_t values);

// Reads an answer with so many values behind code and message; the error that it says, or that it is.
template <typename Answer, typename ReadValues>
Result<Answer> ReadAnswer(std::string_view bytes, size_t values, ReadValues read) {
  codec::MsgpackReader in(AsBytes(bytes), "index answer");
  const AnswerHeader header = ReadAnswerHeader(in, values);
  Answer answer = read(in);
  const Status status = EndFields(in, header.fields, 3 + values);
  if (!status.ok()) return Internal(status.message());
  if (header.code != Code::kOk) return Status(header.code, header.message);
  return answer;
}

}  // namespace brazier::index
