#include "common/pipeline/envelope.h"

#include "common/codec/msgpack_io.h"

namespace brazier::pipeline {
namespace {
constexpr size_t kRequestIdBytesMax = 256;
constexpr size_t kMessageBytesMax = 16 * 1024;
}  // namespace

Code CodeFromName(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
    if (CodeName(static_cast<Code>(i)) == name) return static_cast<Code>(i);
  }
  return Code::kInternal;
}

std::string EncodeEnvelope(const Envelope& envelope) {
  const bool is_request = IsRequest(envelope.kind);
  const bool is_failure = envelope.kind == Kind::kError || envelope.kind == Kind::kBusy;
  const bool is_append = envelope.kind == Kind::kAppend;
  const bool is_credit = envelope.kind == Kind::kCredit;
  const bool is_execute = envelope.kind == Kind::kExecute;
  codec::MsgpackWriter out;
  out.Map(3 + (is_request ? 2 : 0) + (is_append ? 1 : 0) + (is_credit ? 1 : 0) + (is_execute ? 3 : 0) +
          (is_failure ? 3 : 0));
  out.Key("v");
  out.Uint(Envelope::kVersion);
  out.Key("k");
  out.Uint(static_cast<uint64_t>(envelope.kind));
  out.Key("id");
  out.Uint(envelope.id);
  if (is_request) {
    out.Key("d");
    out.Uint(envelope.deadline_ms);
    out.Key("r");
    out.Str(std::string_view(envelope.request_id).substr(0, kRequestIdBytesMax));
  }
  if (is_append) {
    out.Key("shard");
    out.Uint(envelope.shard);
  }
  if (is_execute) {
    out.Key("n");
    out.Uint(envelope.backends_max);
    out.Key("t");
    out.Uint(envelope.retries_max);
    out.Key("w");
    out.Uint(envelope.work_bytes);
  }
  if (is_credit) {
    out.Key("credit");
    out.Uint(envelope.credit_bytes);
  }
  if (is_failure) {
    out.Key("code");
    out.Str(CodeName(envelope.status.code()));
    out.Key("reason");
    out.Str(std::string_view(envelope.status.reason()).substr(0, kRequestIdBytesMax));
    out.Key("message");
    out.Str(std::string_view(envelope.status.message()).substr(0, kMessageBytesMax));
  }
  return out.Take();
}

Result<Envelope> DecodeEnvelope(Bytes bytes) {
  codec::MsgpackReader in(bytes, "pipeline header");
  Envelope envelope;
  uint64_t version = 0;
  uint64_t kind = 0;
  std::string_view code;
  std::string_view reason;
  std::string_view message;
  for (size_t n = in.Map(64); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str(64);
    if (key == "v") {
      version = in.Uint();
    } else if (key == "k") {
      kind = in.Uint();
    } else if (key == "id") {
      envelope.id = in.Uint();
    } else if (key == "d") {
      envelope.deadline_ms = in.Uint();
    } else if (key == "r") {
      envelope.request_id = in.Str(kRequestIdBytesMax);
    } else if (key == "shard") {
      envelope.shard = in.Uint32();
    } else if (key == "n") {
      envelope.backends_max = in.Uint32();
    } else if (key == "t") {
      envelope.retries_max = in.Uint32();
    } else if (key == "w") {
      envelope.work_bytes = in.Uint();
    } else if (key == "credit") {
      envelope.credit_bytes = in.Uint();
    } else if (key == "code") {
      code = in.Str(64);
    } else if (key == "reason") {
      reason = in.Str(kRequestIdBytesMax);
    } else if (key == "message") {
      message = in.Str(kMessageBytesMax);
    } else {
      in.Skip();
    }
  }
  if (in.ok() && version != Envelope::kVersion) {
    in.Fail("version " + std::to_string(version) + ", this reads version 1");
  }
  if (in.ok() && (kind < 1 || kind > static_cast<uint64_t>(kLastKind))) {
    in.Fail("message kind " + std::to_string(kind) + " does not exist");
  }
  RETURN_IF_ERROR(in.Finish());
  envelope.kind = static_cast<Kind>(kind);
  if (envelope.kind == Kind::kError || envelope.kind == Kind::kBusy) {
    Code parsed = CodeFromName(code);
    if (parsed == Code::kOk) parsed = Code::kInternal;
    envelope.status = Status(parsed, std::string(message)).WithReason(reason);
  }
  return envelope;
}

}  // namespace brazier::pipeline
