#include "common/codec/ingest_msgpack.h"

#include "common/codec/msgpack_io.h"

namespace brazier::codec {
namespace {

constexpr size_t kNameBytesMax = 64 * 1024;  // of any text but the profile itself

Labels ReadLabelMap(MsgpackReader& in) {
  std::vector<Label> labels;
  for (size_t n = in.Map(kIngestLabelsMax); n > 0 && in.ok(); --n) {
    const std::string_view name = in.Str(kNameBytesMax);
    const std::string_view value = in.Str(kNameBytesMax);
    if (in.ok()) labels.push_back({std::string(name), std::string(value)});
  }
  return Labels(std::move(labels));
}

void ReadSampleRate(MsgpackReader& in, IngestParams& params) {
  params.sample_rate_hz = in.Uint32();
  params.sample_rate_given = true;
}

RawProfile ReadProfile(MsgpackReader& in) {
  RawProfile profile;
  bool has_data = false;
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (key == "labels") {
      profile.labels = ReadLabelMap(in);
    } else if (key == "data") {
      profile.data = in.StrOrBin();
      has_data = true;
    } else if (key == "id") {
      profile.client_id = in.StrOrBin(kIngestIdBytesMax);
    } else if (key == "format") {
      profile.params.format = in.Str(kNameBytesMax);
    } else if (key == "name") {
      profile.params.name = in.Str(kNameBytesMax);
    } else if (key == "from_ns") {
      profile.params.from_ns = in.Int();
    } else if (key == "until_ns") {
      profile.params.until_ns = in.Int();
    } else if (key == "sample_rate_hz") {
      ReadSampleRate(in, profile.params);
    } else if (key == "spy_name") {
      profile.params.spy_name = in.Str(kNameBytesMax);
    } else if (key == "content_type") {
      profile.params.content_type = in.Str(kNameBytesMax);
    } else if (key == "sample_type_config") {
      profile.params.sample_type_config = in.StrOrBin(kNameBytesMax);
    } else {
      in.Skip();
    }
  }
  if (in.ok() && !has_data) in.Fail("a profile without \"data\"");
  return profile;
}

// The header of an answer: {"v": 1, "kind": kind, "id": id, ...`more` further keys}.
MsgpackWriter StartAnswer(std::string_view kind, std::string_view id, size_t more) {
  MsgpackWriter out;
  out.Map(3 + more);
  out.Key("v");
  out.Uint(kIngestVersion);
  out.Key("kind");
  out.Str(kind);
  out.Key("id");
  if (id.empty()) {
    out.Nil();
  } else {
    out.Raw(id.data(), id.size());
  }
  return out;
}

void WriteFailure(MsgpackWriter& out, const Status& status) {
  out.Key("code");
  out.Str(CodeName(status.code()));
  out.Key("reason");
  out.Str(status.reason());
  out.Key("message");
  out.Str(status.message());
  out.Key("retryable");
  out.Bool(IsRetryable(status.code()));
}
constexpr size_t kFailureKeys = 4;

Status BadMessage(std::string_view reason, std::string message) {
  return InvalidArgument(std::move(message)).WithReason(reason);
}

// Fills version and kind, and of the message what is needed to answer it.
Status ReadHeader(Bytes data, IngestMessage* message, uint64_t* version, std::string_view* kind) {
  MsgpackReader in(data, "ingest message");
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (key == "id") {
      const Bytes id = in.Skip();
      if (id.size() > kIngestIdBytesMax) {
        in.Fail("\"id\" has more than " + std::to_string(kIngestIdBytesMax) + " bytes");
      } else {
        message->id = AsString(id);
      }
    } else if (key == "v") {
      *version = in.Uint();
    } else if (key == "kind") {
      *kind = in.Str();
    } else {
      in.Skip();
    }
  }
  return in.ok() ? Status::Ok() : BadMessage("malformed", in.status().message());
}

Status ReadBody(Bytes data, IngestMessage* message) {
  MsgpackReader in(data, "ingest message");
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (key == "tenant") {
      if (!in.TryNil()) message->tenant = in.Str(kNameBytesMax);
    } else if (key == "timeout_ms") {
      message->timeout_ms = static_cast<int64_t>(in.Uint(INT32_MAX));
    } else if (key == "profiles" && message->kind == IngestMessage::Kind::kPush) {
      // A key that comes twice shares the limit.
      const size_t profiles_max = kIngestProfilesMax - message->profiles.size();
      for (size_t i = in.Array(profiles_max); i > 0 && in.ok(); --i) {
        message->profiles.push_back(ReadProfile(in));
      }
    } else {
      in.Skip();
    }
  }
  if (in.ok() && message->kind == IngestMessage::Kind::kPush && message->profiles.empty()) {
    in.Fail("a push without profiles");
  }
  return in.ok() ? Status::Ok() : BadMessage("malformed", in.status().message());
}

}  // namespace

Status DecodeIngestMessage(Bytes data, IngestMessage* message) {
  MsgpackReader whole(data, "ingest message");
  whole.Skip();
  if (Status read = whole.Finish(); !read.ok()) {
    return BadMessage("not_msgpack", "not one msgpack value: " + read.message());
  }
  uint64_t version = 0;
  std::string_view kind;
  RETURN_IF_ERROR(ReadHeader(data, message, &version, &kind));
  if (version != kIngestVersion) {
    return BadMessage("unsupported_version", version == 0 ? "no version: \"v\" must be 1"
                                                          : "version " + std::to_string(version) +
                                                                ", this server speaks 1");
  }
  if (kind == "hello") {
    message->kind = IngestMessage::Kind::kHello;
  } else if (kind == "push") {
    message->kind = IngestMessage::Kind::kPush;
  } else {
    return BadMessage("unknown_kind", "kind \"" + std::string(kind.substr(0, 64)) +
                                          "\" is neither \"hello\" nor \"push\"");
  }
  return ReadBody(data, message);
}

std::string EncodeIngestCredit(std::string_view id, uint64_t credit_bytes,
                               uint64_t message_bytes_max) {
  MsgpackWriter out = StartAnswer("credit", id, 2);
  out.Key("bytes");
  out.Uint(credit_bytes);
  out.Key("message_bytes_max");
  out.Uint(message_bytes_max);
  return out.Take();
}

std::string EncodeIngestAck(std::string_view id, uint32_t accepted, uint32_t duplicates,
                            const std::vector<IngestRejection>& rejections,
                            const std::vector<Ulid>& segments) {
  MsgpackWriter out = StartAnswer("ack", id, 4);
  out.Key("accepted");
  out.Uint(accepted);
  out.Key("duplicates");
  out.Uint(duplicates);
  out.Key("rejections");
  out.Array(rejections.size());
  for (const IngestRejection& rejection : rejections) {
    out.Map(1 + kFailureKeys);
    out.Key("index");
    out.Uint(rejection.index);
    WriteFailure(out, rejection.status);
  }
  out.Key("segments");
  out.Array(segments.size());
  for (const Ulid& segment : segments) out.Str(segment.ToString());
  return out.Take();
}

std::string EncodeIngestError(std::string_view id, const Status& status) {
  MsgpackWriter out = StartAnswer("error", id, kFailureKeys);
  WriteFailure(out, status);
  return out.Take();
}

}  // namespace brazier::codec
