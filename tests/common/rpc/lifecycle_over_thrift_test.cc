// The life of data, asked through Thrift, behaves as when asked directly; every call finds the leader.
#include <gtest/gtest.h>

#include "common/rpc/convert_lifecycle.h"
#include "common/rpc/lifecycle_client.h"
#include "tests/common/rpc/rpc_fixture.h"
#include "tests/support/fake_lifecycle.h"

namespace brazier::rpc {
namespace {

using Calls = std::vector<std::string>;

constexpr uint64_t kHigh = 0xfedcba9876543210;  // negative as an i64

class Process {
 public:
  explicit Process(bool has_metastore = true)
      : server_({},
                {MakeAdminService({.version = "1",
                                   .member_id = "host-9",
                                   .lifecycle = has_metastore ? &lifecycle : nullptr},
                                  SystemClock(), SystemRandom(), metrics_)},
                SystemClock(), metrics_) {
    EXPECT_TRUE(server_.Start().ok());
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(server_.port()); }
  testing::FakeLifecycle lifecycle;

 private:
  MetricsRegistry metrics_;
  ThriftServer server_;
};

struct LifecycleOverThrift : ::testing::Test {
  MetricsRegistry metrics;
  Process leader, follower;
  std::unique_ptr<LifecycleClient> Client(std::vector<std::string> addresses) {
    return std::make_unique<LifecycleClient>(std::move(addresses), SystemClock(), SystemRandom(), metrics);
  }
  static contract::RequestContext Soon() { return RpcFixture::Within(10'000); }
  const Ulid id{{kHigh, 7}}, other{{8, 9}};
};

TEST_F(LifecycleOverThrift, CompactionMakesTheRoundTrip) {
  contract::CompactionOverview sent;
  sent.is_paused = true;
  sent.levels = {{1, 2, kHigh, 4, 5}, {6, 7, 8, 9, 10}};
  sent.jobs = {{.id = kHigh,
                .level = 3,
                .shard = UINT32_MAX,
                .tenant = "a",
                .inputs = 4,
                .input_bytes = 5,
                .worker = "w",
                .started_ns = -6,
                .attempts = 7,
                .bytes_done = 8}};
  sent.waiting_after_failure = {{id, 11, 12, "why"}};
  sent.workers = 13;
  sent.jobs_finished = 14;
  sent.jobs_failed = 15;
  sent.bytes_read = 16;
  sent.bytes_written = kHigh;
  sent.tombstones = 17;
  sent.tombstone_bytes = 18;
  sent.quarantined = 19;
  leader.lifecycle.overview = sent;
  auto client = Client({leader.address()});
  const auto got = client->GetCompaction(Soon());
  ASSERT_TRUE(got.ok()) << got.status().ToString();
  EXPECT_TRUE(got->is_paused);
  ASSERT_EQ(got->levels.size(), 2u);
  EXPECT_EQ(got->levels[0].level, 1u);
  EXPECT_EQ(got->levels[0].blocks, 2u);
  EXPECT_EQ(got->levels[0].bytes, kHigh);
  EXPECT_EQ(got->levels[0].oldest_wait_ns, 4);
  EXPECT_EQ(got->levels[0].queues, 5u);
  ASSERT_EQ(got->jobs.size(), 1u);
  const contract::JobView& job = got->jobs[0];
  EXPECT_EQ(job.id, kHigh);
  EXPECT_EQ(job.level, 3u);
  EXPECT_EQ(job.shard, UINT32_MAX);
  EXPECT_EQ(job.tenant, "a");
  EXPECT_EQ(job.inputs, 4u);
  EXPECT_EQ(job.input_bytes, 5u);
  EXPECT_EQ(job.worker, "w");
  EXPECT_EQ(job.started_ns, -6);
  EXPECT_EQ(job.attempts, 7u);
  EXPECT_EQ(job.bytes_done, 8u);
  ASSERT_EQ(got->waiting_after_failure.size(), 1u);
  EXPECT_EQ(got->waiting_after_failure[0].id, id);
  EXPECT_EQ(got->waiting_after_failure[0].failures, 11u);
  EXPECT_EQ(got->waiting_after_failure[0].not_before_ns, 12);
  EXPECT_EQ(got->waiting_after_failure[0].error, "why");
  EXPECT_EQ(got->workers, 13u);
  EXPECT_EQ(got->jobs_finished, 14u);
  EXPECT_EQ(got->jobs_failed, 15u);
  EXPECT_EQ(got->bytes_read, 16u);
  EXPECT_EQ(got->bytes_written, kHigh);
  EXPECT_EQ(got->tombstones, 17u);
  EXPECT_EQ(got->tombstone_bytes, 18u);
  EXPECT_EQ(got->quarantined, 19u);

  leader.lifecycle.count = kHigh;
  EXPECT_TRUE(client->SetCompactionPaused(Soon(), true).ok());
  EXPECT_TRUE(client->SetCompactionPaused(Soon(), false).ok());
  EXPECT_TRUE(client->ForceCompaction(Soon(), {0, 3}, "a").ok());
  EXPECT_TRUE(client->ForceCompaction(Soon(), {}, "").ok());
  EXPECT_EQ(*client->RetryFailed(Soon(), {id, other}), kHigh);
  EXPECT_EQ(*client->RetryFailed(Soon(), {}), kHigh);
  EXPECT_EQ(leader.lifecycle.calls(), (Calls{"compaction", "pause", "resume", "force 0 3 of a", "force",
                                             "retry " + id.ToString() + " " + other.ToString(), "retry"}));
}

TEST_F(LifecycleOverThrift, DeletionQuarantineAndScrubMakeTheRoundTrip) {
  const DataFilter filter{.tenant = "a", .service = "api", .selector = "{pod=\"x\"}", .start_ns = 1, .end_ns = INT64_MAX / 2};
  leader.lifecycle.deletions = std::vector<contract::DeletionView>{
      {.id = other, .filter = filter, .created_ns = 2, .blocks = kHigh, .blocks_to_rewrite = 4, .objects_to_delete = 5, .confirmed_ns = 6}};
  auto client = Client({leader.address()});
  const auto made = client->Delete(Soon(), id, filter);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_EQ(made->id, id);
  EXPECT_EQ(made->filter, filter);
  const auto listed = client->ListDeletions(Soon(), "a");
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().id, other);
  EXPECT_EQ(listed->front().filter, filter);
  EXPECT_EQ(listed->front().created_ns, 2);
  EXPECT_EQ(listed->front().blocks, kHigh);
  EXPECT_EQ(listed->front().blocks_to_rewrite, 4u);
  EXPECT_EQ(listed->front().objects_to_delete, 5u);
  EXPECT_EQ(listed->front().confirmed_ns, 6);

  leader.lifecycle.quarantined = std::vector<contract::QuarantinedBlockView>{{id, "key", "reason", 7}};
  const auto quarantined = client->ListQuarantined(Soon());
  ASSERT_TRUE(quarantined.ok());
  ASSERT_EQ(quarantined->size(), 1u);
  EXPECT_EQ(quarantined->front().id, id);
  EXPECT_EQ(quarantined->front().object_key, "key");
  EXPECT_EQ(quarantined->front().reason, "reason");
  EXPECT_EQ(quarantined->front().since_ns, 7);
  leader.lifecycle.count = uint64_t{1};
  EXPECT_EQ(*client->ReleaseQuarantined(Soon(), {id}), 1u);

  contract::ScrubReport sent;
  sent.is_running = true;
  sent.repairs = true;
  int64_t n = 1;
  sent.started_ns = n++;
  sent.ended_ns = n++;
  for (uint64_t* count : {&sent.objects, &sent.bytes, &sent.objects_total, &sent.corrupt, &sent.missing, &sent.different,
                          &sent.orphans, &sent.quarantined, &sent.released, &sent.condemned}) {
    *count = static_cast<uint64_t>(n++);
  }
  sent.findings = {"one", "two"};
  sent.error = "ended";
  leader.lifecycle.scrub = sent;
  EXPECT_TRUE(client->StartScrub(Soon(), true).ok());
  EXPECT_TRUE(client->StartScrub(Soon(), false).ok());
  const auto report = client->GetScrub(Soon());
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->is_running && report->repairs);
  n = 1;
  EXPECT_EQ(report->started_ns, n++);
  EXPECT_EQ(report->ended_ns, n++);
  for (const uint64_t count : {report->objects, report->bytes, report->objects_total, report->corrupt, report->missing,
                               report->different, report->orphans, report->quarantined, report->released, report->condemned}) {
    EXPECT_EQ(count, static_cast<uint64_t>(n++));
  }
  EXPECT_EQ(report->findings, sent.findings);
  EXPECT_EQ(report->error, "ended");
  EXPECT_EQ(leader.lifecycle.calls(),
            (Calls{"delete " + id.ToString() + " a/api/{pod=\"x\"} 1.." + std::to_string(INT64_MAX / 2), "deletions of a",
                   "quarantined", "release " + id.ToString(), "scrub with repairs", "scrub", "scrub report"}));
}

TEST_F(LifecycleOverThrift, EveryCallFindsTheLeader) {
  const Status not_leader = Unavailable("no").WithReason("not_leader").WithRedirect(leader.address());
  follower.lifecycle.overview = not_leader;
  auto client = Client({follower.address()});
  EXPECT_TRUE(client->GetCompaction(Soon()).ok());
  EXPECT_TRUE(client->StartScrub(Soon(), false).ok());
  EXPECT_EQ(leader.lifecycle.calls(), (Calls{"compaction", "scrub"})) << "the leader is remembered";
}

TEST_F(LifecycleOverThrift, ErrorsKeepCodeAndReason) {
  leader.lifecycle.status = Status(Code::kFailedPrecondition, "a scrub runs already").WithReason("scrub_runs");
  auto client = Client({leader.address()});
  const Status status = client->StartScrub(Soon(), false);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.reason(), "scrub_runs");
  EXPECT_EQ(leader.lifecycle.calls().size(), 1u) << "it is not repeated";
  Process without(false);
  const Status none = Client({without.address()})->SetCompactionPaused(Soon(), true);
  EXPECT_EQ(none.code(), Code::kUnimplemented);
  EXPECT_EQ(none.reason(), "no_metastore");
}

TEST(ConvertLifecycle, RefusesNumbersAndIdsThatAreNone) {
  EXPECT_EQ(LevelsFromWire({0, 1, -1}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(OneIdFromWire("").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(OneIdFromWire(std::string(15, 'x')).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(OneIdFromWire(std::string(32, 'x')).status().code(), Code::kInvalidArgument);
  EXPECT_TRUE(OneIdFromWire(std::string(16, 'x')).ok());
  idl::CompactionStatus wire;
  wire.levels.emplace_back().level = -1;
  EXPECT_FALSE(CompactionFromWire(wire).ok());
  wire = {};
  wire.jobs.emplace_back().shard = int64_t{1} << 32;
  EXPECT_FALSE(CompactionFromWire(wire).ok());
  wire = {};
  wire.waiting_after_failure.emplace_back();
  EXPECT_FALSE(CompactionFromWire(wire).ok());
  EXPECT_FALSE(DeletionFromWire({}).ok());
  EXPECT_FALSE(QuarantinedFromWire({}).ok());
}

}  // namespace
}  // namespace brazier::rpc
