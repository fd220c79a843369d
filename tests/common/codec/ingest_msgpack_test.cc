#include "common/codec/ingest_msgpack.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "common/codec/msgpack_io.h"
#include "tests/common/codec/hostile_bytes.h"

namespace brazier::codec {
namespace {

// The bytes of the block "```hex <name>" of the format's document.
std::string DocumentedBytes(const std::string& name) {
  const auto root = std::filesystem::path(__FILE__).parent_path() / "../../..";
  std::ifstream file(root / "docs/format/zeromq-ingest.md");
  std::string bytes;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("```")) {
      inside = line == "```hex " + name;
    } else if (inside) {
      std::istringstream numbers(line);
      for (int byte; numbers >> std::hex >> byte;) bytes.push_back(static_cast<char>(byte));
    }
  }
  return bytes;
}

std::string UintId(uint64_t id) {
  MsgpackWriter out;
  out.Uint(id);
  return out.Take();
}

TEST(IngestMsgpack, TheDocumentedExampleIsWhatTheCodeReadsAndWrites) {
  IngestMessage hello;
  ASSERT_TRUE(DecodeIngestMessage(AsBytes(DocumentedBytes("hello")), &hello).ok());
  EXPECT_EQ(hello.kind, IngestMessage::Kind::kHello);
  EXPECT_EQ(EncodeIngestCredit(hello.id, 8u << 20, 16u << 20), DocumentedBytes("credit"));

  IngestMessage push;
  const Status status = DecodeIngestMessage(AsBytes(DocumentedBytes("push")), &push);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(push.kind, IngestMessage::Kind::kPush);
  ASSERT_EQ(push.profiles.size(), 1u);
  EXPECT_EQ(push.profiles[0].data, "main;work 3\n");
  EXPECT_EQ(push.profiles[0].client_id, "host-1/1");
  EXPECT_EQ(push.profiles[0].params.name, "api.cpu{region=eu}");
  EXPECT_EQ(push.profiles[0].params.format, "folded");
  EXPECT_EQ(push.profiles[0].params.from_ns, 1'700'000'000'000'000'000);
  EXPECT_EQ(push.profiles[0].params.until_ns, 1'700'000'010'000'000'000);
  EXPECT_FALSE(push.profiles[0].params.sample_rate_given);

  Result<Ulid> segment = Ulid::Parse("01HF7YAT00000000000000000A");
  ASSERT_TRUE(segment.ok());
  EXPECT_EQ(EncodeIngestAck(push.id, 1, 0, {}, {*segment}), DocumentedBytes("ack"));

  MsgpackWriter newer;
  newer.Map(2);
  newer.Key("v");
  newer.Uint(2);
  newer.Key("kind");
  newer.Str("push");
  IngestMessage unread;
  const Status refused = DecodeIngestMessage(AsBytes(newer.Take()), &unread);
  EXPECT_EQ(EncodeIngestError(unread.id, refused), DocumentedBytes("error"));
}

TEST(IngestMsgpack, EveryFieldOfAProfile) {
  MsgpackWriter out;
  out.Map(6);
  out.Key("profiles");  // before the header keys: order does not matter
  out.Array(1);
  out.Map(9);
  out.Key("labels");
  out.Map(2);
  out.Str("service_name");
  out.Str("api");
  out.Str("__name__");
  out.Str("memory");
  out.Key("data");
  out.Str("text");
  out.Key("id");
  out.Str("x");
  out.Key("sample_rate_hz");
  out.Uint(99);
  out.Key("spy_name");
  out.Str("gospy");
  out.Key("content_type");
  out.Str("binary");
  out.Key("sample_type_config");
  out.Str("{}");
  out.Key("future");
  out.Nil();
  out.Key("until_ns");
  out.Int(5);
  out.Key("tenant");
  out.Str("acme");
  out.Key("timeout_ms");
  out.Uint(700);
  out.Key("id");
  out.Str("message-1");
  out.Key("v");
  out.Uint(1);
  out.Key("kind");
  out.Str("push");
  IngestMessage message;
  const Status status = DecodeIngestMessage(AsBytes(out.Take()), &message);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(message.id, "\xa9message-1");
  EXPECT_EQ(message.tenant, "acme");
  EXPECT_EQ(message.timeout_ms, 700);
  const RawProfile& profile = message.profiles.at(0);
  EXPECT_EQ(profile.labels, Labels({{"__name__", "memory"}, {"service_name", "api"}}));
  EXPECT_EQ(profile.data, "text");
  EXPECT_EQ(profile.client_id, "x");
  EXPECT_EQ(profile.params.format, "pprof");
  EXPECT_EQ(profile.params.sample_rate_hz, 99u);
  EXPECT_TRUE(profile.params.sample_rate_given);
  EXPECT_EQ(profile.params.spy_name, "gospy");
  EXPECT_EQ(profile.params.content_type, "binary");
  EXPECT_EQ(profile.params.sample_type_config, "{}");
  EXPECT_EQ(profile.params.until_ns, 5);
}

TEST(IngestMsgpack, RefusalsHaveAReasonAndTheIdWhereItCanBeRead) {
  struct Case {
    std::string bytes;
    std::string reason;
    std::string id;
  };
  const std::string v1 = "\xa1v\x01";
  const std::string push = "\xa4kind\xa4push";
  const std::string id7 = "\xa2id\x07";
  const std::vector<Case> cases = {
      {"", "not_msgpack", ""},
      {"hello", "not_msgpack", ""},
      {"\xc1", "not_msgpack", ""},
      {"GET / HTTP/1.1\r\n\r\n", "not_msgpack", ""},
      {"\x01", "malformed", ""},
      {"\x90", "malformed", ""},
      {"\x80", "unsupported_version", ""},
      {"\x83" + id7 + "\xa1v\x02" + push, "unsupported_version", "\x07"},
      {"\x83" + id7 + v1 + "\xa4kind\xa4jump", "unknown_kind", "\x07"},
      {"\x83" + id7 + v1 + push, "malformed", "\x07"},  // no profiles
      {"\x84" + id7 + v1 + push + "\xa8profiles\x05", "malformed", "\x07"},
      {"\x84" + id7 + v1 + push + "\xa8profiles\x91\x80", "malformed", "\x07"},  // no data
      {"\x84" + id7 + v1 + push + "\xa8profiles\x91\x81\xa6labels\x81\xa1x\x05", "malformed",
       "\x07"},
  };
  for (const Case& c : cases) {
    IngestMessage message;
    const Status status = DecodeIngestMessage(AsBytes(c.bytes), &message);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << c.reason;
    EXPECT_EQ(status.reason(), c.reason) << status.ToString();
    EXPECT_EQ(message.id, c.id) << status.ToString();
    EXPECT_FALSE(status.message().empty());
  }
}

TEST(IngestMsgpack, AKeyThatComesTwiceSharesItsLimit) {
  const auto push = [](size_t lists, size_t each) {
    MsgpackWriter out;
    out.Map(2 + lists);
    out.Key("v");
    out.Uint(1);
    out.Key("kind");
    out.Str("push");
    for (size_t list = 0; list < lists; ++list) {
      out.Key("profiles");
      out.Array(each);
      for (size_t i = 0; i < each; ++i) {
        out.Map(1);
        out.Key("data");
        out.Str("");
      }
    }
    return out.Take();
  };
  IngestMessage message;
  EXPECT_TRUE(DecodeIngestMessage(AsBytes(push(1, kIngestProfilesMax)), &message).ok());
  IngestMessage twice;
  const Status status = DecodeIngestMessage(AsBytes(push(2, kIngestProfilesMax / 2 + 1)), &twice);
  EXPECT_EQ(status.reason(), "malformed");
  EXPECT_NE(status.message().find("limit"), std::string::npos) << status.message();
  EXPECT_LE(twice.profiles.size(), kIngestProfilesMax);
}

TEST(IngestMsgpack, HostileBytes) {
  testing::ExpectSurvivesHostileBytes(DocumentedBytes("push"), 1, [](Bytes b) {
    IngestMessage message;
    return DecodeIngestMessage(b, &message);
  });
}

TEST(IngestMsgpack, AcksCarryRejections) {
  const std::string ack = EncodeIngestAck(
      UintId(300), 2, 1, {{4, ResourceExhausted("slow down").WithReason("rate_limited")}}, {});
  MsgpackReader in(AsBytes(ack), "ack");
  EXPECT_EQ(in.Map(), 7u);
  for (std::string_view key : {"v", "kind", "id", "accepted", "duplicates"}) {
    EXPECT_EQ(in.Str(), key);
    in.Skip();
  }
  EXPECT_EQ(in.Str(), "rejections");
  EXPECT_EQ(in.Array(), 1u);
  EXPECT_EQ(in.Map(), 5u);
  EXPECT_EQ(in.Str(), "index");
  EXPECT_EQ(in.Uint(), 4u);
  EXPECT_EQ(in.Str(), "code");
  EXPECT_EQ(in.Str(), "resource_exhausted");
  EXPECT_EQ(in.Str(), "reason");
  EXPECT_EQ(in.Str(), "rate_limited");
  EXPECT_EQ(in.Str(), "message");
  EXPECT_EQ(in.Str(), "slow down");
  EXPECT_EQ(in.Str(), "retryable");
  EXPECT_TRUE(in.Bool());
  EXPECT_TRUE(in.ok());
}

}  // namespace
}  // namespace brazier::codec
