#include "common/codec/jobs_msgpack.h"

#include <gtest/gtest.h>

#include "tests/common/codec/hostile_bytes.h"

namespace brazier::codec {
namespace {

using contract::CompactionJob;
using contract::FinishedJob;
using contract::ReturnReason;

Ulid Id(uint64_t high, uint64_t low) { return Ulid{{.high = high, .low = low}}; }

CompactionJob SomeJob() {
  return {.id = 7,
          .token = 99,
          .level = 3,
          .shard = 0,
          .tenant = "acme",
          .inputs = {Id(1, 2), Id(0xFFFF'0000'1111'2222, 0x8000'0000'0000'0001)},
          .block_bytes_max = 64u << 20,
          .memory_bytes_max = uint64_t{5} << 30,
          .hour_rollups = true,
          .day_rollups = false};
}

FinishedJob SomeFinishedJob() {
  FinishedJob job;
  job.id = 7;
  job.token = 99;
  job.inputs = {Id(1, 2), Id(3, 4)};
  for (uint64_t n = 1; n <= 2; ++n) {
    BlockMeta& output = job.outputs.emplace_back();
    output.id = Id(n, n);
    output.level = 1;
    output.size = 1000 * n;
    output.datasets.push_back({.tenant = "acme", .service = "api", .min_time_ns = 1, .max_time_ns = 2, .profile_count = 3});
  }
  job.bad = {{.id = Id(5, 6), .reason = "missing"}};
  job.bytes_read = 123456;
  job.duration_ns = 789;
  return job;
}

bool Same(const FinishedJob& a, const FinishedJob& b) {
  return a.id == b.id && a.token == b.token && a.inputs == b.inputs && a.outputs == b.outputs && a.bad == b.bad &&
         a.bytes_read == b.bytes_read && a.duration_ns == b.duration_ns;
}

template <typename Decode>
void ExpectHardened(const std::string& bytes, const Decode& decode) {
  testing::ExpectSurvivesHostileBytes(bytes, 1, [&](Bytes b) { return decode(b).status(); });
}

TEST(JobsMsgpack, PullsMakeTheRoundTrip) {
  const PullRequest pull{.worker = "host-1#abc", .credits = 4};
  EXPECT_EQ(*DecodePullRequest(AsBytes(EncodePullRequest(pull))), pull);
  ExpectHardened(EncodePullRequest(pull), DecodePullRequest);
}

TEST(JobsMsgpack, JobsMakeTheRoundTrip) {
  const std::vector<CompactionJob> jobs = {SomeJob(), CompactionJob{}};
  EXPECT_EQ(*DecodeJobs(AsBytes(EncodeJobs(jobs))), jobs);
  EXPECT_TRUE(DecodeJobs(AsBytes(EncodeJobs({})))->empty());
  ExpectHardened(EncodeJobs(jobs), DecodeJobs);
}

TEST(JobsMsgpack, HeartbeatsAndIdsMakeTheRoundTrip) {
  const JobHeartbeat heartbeat{.worker = "w", .jobs = {{.id = 1, .token = 2, .bytes_done = 3, .bytes_total = 4}, {.id = 5}}};
  const auto decoded = DecodeJobHeartbeat(AsBytes(EncodeJobHeartbeat(heartbeat)));
  ASSERT_TRUE(decoded.ok());
  ASSERT_EQ(decoded->jobs.size(), 2u);
  EXPECT_EQ(decoded->worker, "w");
  EXPECT_EQ(decoded->jobs[0].token, 2u);
  EXPECT_EQ(decoded->jobs[0].bytes_done, 3u);
  EXPECT_EQ(decoded->jobs[0].bytes_total, 4u);
  EXPECT_EQ(decoded->jobs[1].id, 5u);
  ExpectHardened(EncodeJobHeartbeat(heartbeat), DecodeJobHeartbeat);
  const std::vector<uint64_t> ids = {0, 1, UINT64_MAX};
  EXPECT_EQ(*DecodeJobIds(AsBytes(EncodeJobIds(ids))), ids);
  ExpectHardened(EncodeJobIds(ids), DecodeJobIds);
}

TEST(JobsMsgpack, FinishedJobsMakeTheRoundTrip) {
  const FinishedJob job = SomeFinishedJob();
  const auto decoded = DecodeFinishedJob(AsBytes(EncodeFinishedJob(job)));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_TRUE(Same(*decoded, job));
  EXPECT_TRUE(Same(*DecodeFinishedJob(AsBytes(EncodeFinishedJob({}))), {}));
  ExpectHardened(EncodeFinishedJob(job), DecodeFinishedJob);
}

TEST(JobsMsgpack, ReturnedJobsMakeTheRoundTripAndLongErrorsAreCut) {
  for (const ReturnReason reason : {ReturnReason::kFailed, ReturnReason::kUnavailable, ReturnReason::kStopping}) {
    const ReturnedJob job{.id = 1, .token = 2, .reason = reason, .error = "why"};
    EXPECT_EQ(*DecodeReturnedJob(AsBytes(EncodeReturnedJob(job))), job);
  }
  const auto cut = DecodeReturnedJob(AsBytes(EncodeReturnedJob({.error = std::string(100'000, 'x')})));
  ASSERT_TRUE(cut.ok());
  EXPECT_EQ(cut->error.size(), kJobErrorBytesMax);
  // A reason of a newer version must not quarantine anything.
  const auto unknown = DecodeReturnedJob(AsBytes(EncodeReturnedJob({.reason = static_cast<ReturnReason>(9)})));
  EXPECT_EQ(unknown->reason, ReturnReason::kUnavailable);
  ExpectHardened(EncodeReturnedJob({.id = 1, .token = 2, .error = "why"}), DecodeReturnedJob);
}

TEST(JobsMsgpack, VersionsAndLimitsAreChecked) {
  std::string other = EncodePullRequest({.worker = "w", .credits = 1});
  other[3] = 2;  // 83 a1 76 01: v: 1
  EXPECT_NE(DecodePullRequest(AsBytes(other)).status().message().find("version 2"), std::string::npos);
  EXPECT_FALSE(DecodePullRequest(AsBytes(EncodePullRequest({.worker = std::string(257, 'w')}))).ok());
  CompactionJob large = SomeJob();
  large.inputs.assign(kJobInputsMax + 1, Id(1, 1));
  EXPECT_FALSE(DecodeJobs(AsBytes(EncodeJobs({large}))).ok());
  EXPECT_FALSE(DecodeJobIds(AsBytes(EncodeJobIds(std::vector<uint64_t>(kJobsPerMessageMax + 1)))).ok());
}

TEST(JobsMsgpack, TheBytesAreThoseOfTheDocument) {
  const std::string pull = EncodePullRequest({.worker = "w", .credits = 2});
  EXPECT_EQ(pull, std::string("\x83\xa1v\x01\xa6worker\xa1w\xa7"
                              "credits\x02",
                              22));
  CompactionJob job;
  job.id = 1;
  job.token = 2;
  job.level = 1;
  job.shard = 3;
  job.inputs = {Id(0x0102030405060708, 9)};
  EXPECT_EQ(EncodeJobs({job}), std::string("\x82\xa1v\x01\xa4jobs\x91\x9a\x01\x02\x01\x03\xa0\xc4\x10"
                                           "\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x00\x00\x00\x00\x09"
                                           "\x00\x00\xc2\xc2",
                                           38));
}

}  // namespace
}  // namespace brazier::codec
