// Fuzz targets of the messages on the sockets: header frames between our processes, and what profile shippers send.
#include <algorithm>

#include "common/base/crc32c.h"
#include "common/codec/ingest_msgpack.h"
#include "common/codec/jobs_msgpack.h"
#include "common/codec/msgpack_io.h"
#include "common/pipeline/envelope.h"
#include "common/pipeline/member_frame.h"
#include "tests/fuzz/fuzzers.h"
#include "tests/fuzz/targets.h"

namespace brazier::fuzz {
namespace {

using codec::IngestMessage;
using codec::MsgpackReader;
using codec::MsgpackWriter;
using pipeline::Envelope;
using pipeline::Kind;
using pipeline::MemberHeader;

void WriteText(MsgpackWriter& out, std::string_view key, std::string_view text) {
  out.Key(key);
  out.Str(text);
}

// The shipper's side of the codec; the product has only the server's. Every key is written.
std::string EncodeShipped(const IngestMessage& message) {
  MsgpackWriter out;
  out.Map(6);
  out.Key("v");
  out.Uint(codec::kIngestVersion);
  WriteText(out, "kind", message.kind == IngestMessage::Kind::kHello ? "hello" : "push");
  out.Key("id");
  if (message.id.empty()) out.Nil();
  out.Raw(message.id.data(), message.id.size());
  WriteText(out, "tenant", message.tenant);
  out.Key("timeout_ms");
  out.Int(message.timeout_ms);
  out.Key("profiles");
  out.Array(message.profiles.size());
  for (const RawProfile& profile : message.profiles) {
    const IngestParams& params = profile.params;
    out.Map(10 + (params.sample_rate_given ? 1 : 0));
    out.Key("labels");
    out.Map(profile.labels.size());
    for (const Label& label : profile.labels) WriteText(out, label.name, label.value);
    out.Key("data");
    out.Bin(AsBytes(profile.data));
    out.Key("id");
    out.Bin(AsBytes(profile.client_id));
    WriteText(out, "format", params.format);
    WriteText(out, "name", params.name);
    out.Key("from_ns");
    out.Int(params.from_ns);
    out.Key("until_ns");
    out.Int(params.until_ns);
    WriteText(out, "spy_name", params.spy_name);
    WriteText(out, "content_type", params.content_type);
    WriteText(out, "sample_type_config", params.sample_type_config);
    if (!params.sample_rate_given) continue;
    out.Key("sample_rate_hz");
    out.Uint(params.sample_rate_hz);
  }
  return out.Take();
}

// An answer is one msgpack value, whatever the client's id was.
void CheckAnswer(const std::string& answer) {
  MsgpackReader in(AsBytes(answer), "answer");
  in.Skip();
  FUZZ_CHECK(in.Finish().ok());
}

}  // namespace

void RunIngestMsgpack(Bytes input) {
  IngestMessage message;
  const Status status = codec::DecodeIngestMessage(input, &message);
  FUZZ_CHECK(message.id.size() <= codec::kIngestIdBytesMax);
  if (!status.ok()) {
    FUZZ_CHECK(!status.message().empty());
    FUZZ_CHECK(!status.reason().empty());
    CheckAnswer(codec::EncodeIngestError(message.id, status));
    return;
  }
  CheckAnswer(codec::EncodeIngestCredit(message.id, 1, 2));
  CheckAnswer(codec::EncodeIngestAck(message.id, 1, 0, {{0, status}}, {Ulid{}}));
  FUZZ_CHECK(message.profiles.size() <= codec::kIngestProfilesMax);
  size_t bytes = 0;
  for (const RawProfile& profile : message.profiles) bytes += profile.data.size();
  FUZZ_CHECK(bytes <= input.size());
  const std::string shipped = EncodeShipped(message);
  IngestMessage again;
  FUZZ_CHECK(codec::DecodeIngestMessage(AsBytes(shipped), &again).ok());
  FUZZ_CHECK(EncodeShipped(again) == shipped);
}

std::vector<std::string> IngestMsgpackCorpus() {
  RawProfile labelled;
  labelled.data = SmallPprofs()[0];
  labelled.labels = Labels({{"service_name", "svc"}, {"__name__", "process_cpu"}});
  RawProfile named;
  named.params = {.format = "folded", .name = "api.cpu{region=eu}", .from_ns = 1'700'000'000'000'000'000};
  named.params.sample_rate_given = true;
  named.data = "main;work 3\n";
  named.client_id = "host-1/1";
  IngestMessage hello{.kind = IngestMessage::Kind::kHello, .id = "\x07"};
  IngestMessage push{.id = "\xa2id", .tenant = "t", .profiles = {labelled, named}};
  IngestMessage timed{.timeout_ms = 100, .profiles = {named}};
  // The least that is a push: what is not given is not there at all.
  MsgpackWriter least;
  least.Map(3);
  least.Key("v");
  least.Uint(1);
  WriteText(least, "kind", "push");
  least.Key("profiles");
  least.Array(1);
  least.Map(1);
  WriteText(least, "data", "x");
  return {EncodeShipped(hello), EncodeShipped(push), EncodeShipped(timed), least.Take()};
}

void RunEnvelope(Bytes input) {
  const auto envelope = pipeline::DecodeEnvelope(input);
  if (!envelope.ok()) {
    FUZZ_CHECK(!envelope.status().message().empty());
    return;
  }
  const bool is_failure = envelope->kind == Kind::kError || envelope->kind == Kind::kBusy;
  FUZZ_CHECK(envelope->status.ok() != is_failure);
  const std::string bytes = pipeline::EncodeEnvelope(*envelope);
  const auto again = pipeline::DecodeEnvelope(AsBytes(bytes));
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(again->kind == envelope->kind && again->id == envelope->id);
  FUZZ_CHECK(again->status == envelope->status);
  FUZZ_CHECK(pipeline::EncodeEnvelope(*again) == bytes);
}

std::vector<std::string> EnvelopeCorpus() {
  std::vector<std::string> corpus;
  for (Kind kind : {Kind::kHello, Kind::kCredit, Kind::kAppend, Kind::kExecute, Kind::kCancel, Kind::kOk, Kind::kError, Kind::kBusy, Kind::kPullJobs,
                    Kind::kReturnJob}) {
    Envelope envelope{.kind = kind, .id = 300, .deadline_ms = 30'000, .request_id = "request-1", .shard = 3, .credit_bytes = 4 << 20};
    envelope.status = Status(Code::kUnavailable, "the disk is full").WithReason("disk_full");
    corpus.push_back(pipeline::EncodeEnvelope(envelope));
  }
  return corpus;
}

namespace {

// What decodes is encoded to something that decodes to the same bytes again.
template <typename Decode, typename Encode>
void CheckJobMessage(Bytes input, const Decode& decode, const Encode& encode) {
  const auto message = decode(input);
  if (!message.ok()) {
    FUZZ_CHECK(!message.status().message().empty());
    return;
  }
  const std::string bytes = encode(*message);
  const auto again = decode(AsBytes(bytes));
  FUZZ_CHECK(again.ok());
  FUZZ_CHECK(encode(*again) == bytes);
}

}  // namespace

void RunJobMessage(Bytes input) {
  if (input.empty()) return;
  const Bytes message = input.subspan(1);
  switch (input[0] % 6) {
    case 0:
      return CheckJobMessage(message, codec::DecodePullRequest, codec::EncodePullRequest);
    case 1:
      return CheckJobMessage(message, codec::DecodeJobs, codec::EncodeJobs);
    case 2:
      return CheckJobMessage(message, codec::DecodeJobHeartbeat, codec::EncodeJobHeartbeat);
    case 3:
      return CheckJobMessage(message, codec::DecodeJobIds, codec::EncodeJobIds);
    case 4:
      return CheckJobMessage(message, codec::DecodeFinishedJob, codec::EncodeFinishedJob);
    default:
      return CheckJobMessage(message, codec::DecodeReturnedJob, codec::EncodeReturnedJob);
  }
}

std::vector<std::string> JobMessageCorpus() {
  contract::CompactionJob job;
  job.id = 300;
  job.token = 70'000;
  job.level = 2;
  job.shard = 3;
  job.tenant = "acme";
  job.inputs = {Ulid{{.high = 1, .low = 2}}, Ulid{{.high = 3, .low = 4}}};
  job.hour_rollups = true;
  contract::FinishedJob finished;
  finished.id = 300;
  finished.inputs = job.inputs;
  finished.bad = {{.id = Ulid{{.high = 5, .low = 6}}, .reason = "missing"}};
  BlockMeta output;
  output.id = job.inputs[0];
  output.level = 2;
  output.datasets.push_back({.tenant = "acme", .service = "api", .profile_count = 3});
  finished.outputs.push_back(output);
  return {std::string(1, '\0') + codec::EncodePullRequest({.worker = "host#1", .credits = 3}),
          "\x01" + codec::EncodeJobs({job, job}),
          "\x02" + codec::EncodeJobHeartbeat({.worker = "host#1", .jobs = {{.id = 1, .token = 2, .bytes_done = 3, .bytes_total = 4}}}),
          "\x03" + codec::EncodeJobIds({1, 300, 70'000}),
          "\x04" + codec::EncodeFinishedJob(finished),
          "\x05" + codec::EncodeReturnedJob({.id = 1, .token = 2, .error = "the disk is full"})};
}

// The input is a byte that says how long the header is, the header and the message. Nearly every mutation breaks the
// checksum, so it is tried again with the right one.
void RunMemberFrame(Bytes input) {
  const auto check = [](Bytes header, Bytes message) {
    const auto decoded = pipeline::DecodeMemberHeader(header, message);
    if (decoded.ok()) {
      FUZZ_CHECK(pipeline::EncodeMemberHeader(*decoded, message) == AsString(header));
    } else {
      FUZZ_CHECK(!decoded.status().reason().empty());
    }
  };
  if (input.empty()) return;
  const Bytes rest = input.subspan(1);
  const Bytes header = rest.first(std::min<size_t>(rest.size(), input[0]));
  const Bytes message = rest.subspan(header.size());
  check(header, message);
  if (header.size() < sizeof(uint32_t)) return;
  std::string repaired(AsString(header));
  const size_t crc_at = header.size() - sizeof(uint32_t);
  const uint32_t crc = Crc32c(message, Crc32c(header.first(crc_at)));
  for (size_t i = 0; i < sizeof crc; ++i) repaired[crc_at + i] = static_cast<char>(crc >> (8 * i));
  check(AsBytes(repaired), message);
}

std::vector<std::string> MemberFrameCorpus() {
  MemberHeader header{0x1122334455667788, 10, 11, ""};
  std::vector<std::string> corpus;
  for (const std::string& message : {std::string(), std::string("hi"), std::string(300, 'm')}) {
    const std::string bytes = pipeline::EncodeMemberHeader(header, AsBytes(message));
    FUZZ_CHECK(pipeline::DecodeMemberHeader(AsBytes(bytes), AsBytes(message)).ok());
    corpus.push_back(static_cast<char>(bytes.size()) + bytes + message);
    header.address += "tcp://127.0.0.1:4044";
  }
  return corpus;
}

}  // namespace brazier::fuzz
