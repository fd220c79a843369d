#include "common/pipeline/envelope.h"

#include <gtest/gtest.h>

#include "common/pipeline/append_receipt.h"
#include "tests/common/codec/hostile_bytes.h"

namespace brazier::pipeline {
namespace {

TEST(Envelope, RoundTrips) {
  Result<Envelope> e = DecodeEnvelope(AsBytes(EncodeEnvelope({.kind = Kind::kAppend,
                                                              .id = 1ull << 60,
                                                              .deadline_ms = 77,
                                                              .request_id = "r",
                                                              .shard = 9})));
  ASSERT_TRUE(e.ok()) << e.status().ToString();
  EXPECT_EQ(e->kind, Kind::kAppend);
  EXPECT_EQ(e->id, 1ull << 60);
  EXPECT_EQ(e->deadline_ms, 77u);
  EXPECT_EQ(e->request_id, "r");
  EXPECT_EQ(e->shard, 9u);

  const Status status = Status(Code::kUnavailable, "gone").WithReason("why");
  e = DecodeEnvelope(AsBytes(EncodeEnvelope({.kind = Kind::kError, .id = 3, .status = status})));
  ASSERT_TRUE(e.ok());
  EXPECT_EQ(e->status, status);
}

// docs/format/zeromq-append.md shows these bytes.
TEST(Envelope, GoldenBytes) {
  EXPECT_EQ(
      EncodeEnvelope(
          {.kind = Kind::kAppend, .id = 1, .deadline_ms = 500, .request_id = "r", .shard = 3}),
      "\x86\xa1v\x01\xa1k\x03\xa2id\x01\xa1"
      "d\xcd\x01\xf4\xa1r\xa1r\xa5shard\x03");
  EXPECT_EQ(EncodeAppendReceipt({.segment = {Hash128{7, 8}}}), std::string("\x93\x07\x08\x00", 4));
}

TEST(Envelope, ExecuteSaysItsShareAndOlderOnesDoNot) {
  const Envelope sent{.kind = Kind::kExecute, .id = 1, .deadline_ms = 77, .backends_max = 3, .retries_max = 4, .work_bytes = 1ull << 40};
  const auto e = DecodeEnvelope(AsBytes(EncodeEnvelope(sent)));
  ASSERT_TRUE(e.ok()) << e.status().ToString();
  EXPECT_EQ(e->backends_max, 3u);
  EXPECT_EQ(e->retries_max, 4u);
  EXPECT_EQ(e->work_bytes, 1ull << 40);
  const std::string old("\x85\xa1v\x01\xa1k\x04\xa2id\x01\xa1" "d\x4d\xa1r\xa0", 17);
  const auto before = DecodeEnvelope(AsBytes(old));
  ASSERT_TRUE(before.ok()) << before.status().ToString();
  EXPECT_EQ(before->kind, Kind::kExecute);
  EXPECT_EQ(before->backends_max, 0u);
  EXPECT_EQ(before->work_bytes, 0u);
}

TEST(Envelope, JobKindsAreRequests) {
  for (const Kind kind : {Kind::kPullJobs, Kind::kJobHeartbeat, Kind::kFinishJob, Kind::kReturnJob}) {
    const auto e = DecodeEnvelope(AsBytes(EncodeEnvelope({.kind = kind, .id = 1, .deadline_ms = 77, .request_id = "r"})));
    ASSERT_TRUE(e.ok()) << e.status().ToString();
    EXPECT_EQ(e->kind, kind);
    EXPECT_EQ(e->deadline_ms, 77u);
    EXPECT_EQ(e->request_id, "r");
  }
  EXPECT_FALSE(DecodeEnvelope(AsBytes(EncodeEnvelope({.kind = static_cast<Kind>(13), .id = 1}))).ok());
}

TEST(Envelope, EveryCodeHasItsName) {
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
    EXPECT_EQ(CodeFromName(CodeName(static_cast<Code>(i))), static_cast<Code>(i));
  }
  EXPECT_EQ(CodeFromName("from_the_future"), Code::kInternal);
}

TEST(Envelope, AnErrorIsNeverOk) {
  Result<Envelope> e = DecodeEnvelope(AsBytes(EncodeEnvelope({.kind = Kind::kError, .id = 3})));
  ASSERT_TRUE(e.ok());
  EXPECT_EQ(e->status.code(), Code::kInternal);
}

TEST(Envelope, HostileBytes) {
  const Status status = Status(Code::kUnavailable, "gone").WithReason("why");
  testing::ExpectSurvivesHostileBytes(
      EncodeEnvelope({.kind = Kind::kBusy, .id = 300, .status = status}), 1,
      [](Bytes b) { return DecodeEnvelope(b).status(); });
  testing::ExpectSurvivesHostileBytes(
      EncodeEnvelope({.kind = Kind::kAppend, .id = 300, .request_id = "abc"}), 2,
      [](Bytes b) { return DecodeEnvelope(b).status(); });
}

}  // namespace
}  // namespace brazier::pipeline
