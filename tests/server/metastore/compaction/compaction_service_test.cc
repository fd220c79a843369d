#include "server/metastore/compaction/compaction_service.h"

#include <gtest/gtest.h>

#include "store/index/tombstones.h"
#include "tests/server/metastore/compaction/scheduler_model.h"
#include "tests/server/metastore/compaction/service_harness.h"
#include "tests/support/fake_clock.h"

namespace brazier::metastore {
namespace {

using contract::CompactionJob;
using contract::FinishedJob;
using contract::ReturnReason;
using Pulled = Result<std::vector<CompactionJob>>;

class CompactionServiceTest : public ::testing::Test {
 protected:
  CompactionServiceTest() { service().Begin(*harness_.consensus); }
  CompactionService& service() { return *harness_.service; }

  contract::RequestContext Context(int64_t ns = 3600 * kNsPerSecond) {
    return {.request_id = "r", .deadline_ns = clock_.MonotonicNs() + ns, .cancellation = cancellation_};
  }
  // What happens until nothing is to be done at once.
  void Settle() {
    for (int i = 0; i < 20; ++i) {
      if (service().RunOnce() > 0 && i > 3) return;
    }
  }
  void Advance(int64_t ns) {
    clock_.Advance(ns);
    (void)service().Heartbeat(Context(), "w", {});
    Settle();
  }
  void Pull(const std::string& worker = "w", size_t credits = 1, int64_t ns = 3600 * kNsPerSecond) {
    service().PullJobs(Context(ns), worker, credits, [this](Pulled pulled) {
      ++answers_;
      pulled_ = std::move(pulled);
    });
    Settle();
  }
  // A job of segments that were added just now.
  CompactionJob SomeJob(const std::vector<Ulid>& ids) {
    std::vector<BlockMeta> blocks;
    for (const Ulid& id : ids) blocks.push_back(ServiceHarness::Segment(id));
    harness_.Add(blocks);
    Settle();
    Pull();
    Advance(3 * kNsPerSecond);
    EXPECT_TRUE(pulled_.ok() && pulled_->size() == 1) << pulled_.status().ToString();
    return pulled_.ok() && !pulled_->empty() ? pulled_->front() : CompactionJob{};
  }
  Status Finish(const CompactionJob& job, std::vector<Ulid> inputs, std::vector<BlockMeta> outputs,
                std::vector<contract::BadBlock> bad = {}) {
    Status out = Internal("not answered");
    FinishedJob finished;
    finished.id = job.id;
    finished.token = job.token;
    finished.inputs = std::move(inputs);
    finished.outputs = std::move(outputs);
    finished.bad = std::move(bad);
    finished.bytes_read = 1000;
    service().FinishJob(Context(), std::move(finished), [&](Status status) { out = std::move(status); });
    Settle();
    return out;
  }
  Status Return(const CompactionJob& job, ReturnReason reason) {
    Status out = Internal("not answered");
    service().ReturnJob(Context(), job.id, job.token, reason, "no luck", [&](Status status) { out = std::move(status); });
    Settle();
    return out;
  }
  Ulid Now(uint64_t n) { return IdAt(clock_.NowNs(), n); }
  double Metric(const std::string& line) {
    const std::string page = harness_.registry.Render();
    const size_t at = page.find("\n" + line + " ");
    return at == std::string::npos ? -1 : std::stod(page.substr(at + line.size() + 2));
  }

  brazier::testing::FakeClock clock_;
  std::shared_ptr<contract::Cancellation> cancellation_;
  ServiceHarness harness_{clock_, CompactionPolicy{}};
  Pulled pulled_ = std::vector<CompactionJob>{};
  int answers_ = 0;
};

TEST_F(CompactionServiceTest, SegmentsBecomeAJobThatSwapsThem) {
  Settle();
  const Ulid a = Now(1), b = Now(2);
  const CompactionJob job = SomeJob({a, b});
  EXPECT_EQ(job.inputs, (std::vector<Ulid>{a, b}));
  EXPECT_EQ(job.shard, 3u);
  EXPECT_EQ(job.level, 1u);
  const Ulid output = Now(3);
  ASSERT_TRUE(Finish(job, {a, b}, {ServiceHarness::Compacted(output)}).ok());
  EXPECT_FALSE(harness_.Knows(a));
  EXPECT_TRUE(harness_.Knows(output));
  EXPECT_EQ(Metric("brazier_compaction_jobs_finished_total{level=\"1\"}"), 1);
  EXPECT_EQ(Metric("brazier_compaction_first_compaction_seconds_count"), 2);
  EXPECT_TRUE(Finish(job, {a, b}, {ServiceHarness::Compacted(output)}).ok()) << "said twice is said once";
  EXPECT_EQ(Metric("brazier_compaction_jobs_finished_total{level=\"1\"}"), 1);
  const auto overview = service().Overview(Context());
  ASSERT_TRUE(overview.ok());
  EXPECT_EQ(overview->jobs_finished, 1u);
  EXPECT_EQ(overview->bytes_read, 1000u);
  EXPECT_EQ(overview->levels[1].blocks, 1u) << "the output waits for its next level";
  EXPECT_TRUE(overview->jobs.empty());
  EXPECT_EQ(overview->workers, 1u);
}

TEST_F(CompactionServiceTest, NothingIsGivenByWhoDoesNotLead) {
  Settle();
  Pull();
  EXPECT_EQ(answers_, 0);
  harness_.consensus->status = {.is_leader = false, .leader_id = 9};
  Settle();
  EXPECT_EQ(answers_, 1) << "the pull that waited";
  EXPECT_EQ(pulled_.status().reason(), "not_leader");
  EXPECT_EQ(pulled_.status().redirect(), FakeConsensus::kLeaderAddress);
  Pull();
  EXPECT_EQ(pulled_.status().reason(), "not_leader");
  EXPECT_EQ(service().Heartbeat(Context(), "w", {}).status().reason(), "not_leader");
  EXPECT_EQ(Finish({}, {}, {}).reason(), "not_leader");
  EXPECT_EQ(Return({}, ReturnReason::kFailed).reason(), "not_leader");
  EXPECT_EQ(service().Overview(Context()).status().reason(), "not_leader");
  EXPECT_EQ(service().SetPaused(Context(), true).reason(), "not_leader");
  EXPECT_EQ(service().Force(Context(), {}, "").reason(), "not_leader");
  EXPECT_EQ(service().RetryFailed(Context(), {}).status().reason(), "not_leader");
}

TEST_F(CompactionServiceTest, ANewTermReadsEverythingAnewAndKeepsLeases) {
  Settle();
  const Ulid a = Now(1);
  const CompactionJob job = SomeJob({a});
  harness_.consensus->status.is_leader = false;
  Settle();
  harness_.consensus->status = {.is_leader = true, .leader_id = 1, .term = 7};
  harness_.Add({ServiceHarness::Segment(Now(2))});
  Settle();
  const auto stop = service().Heartbeat(Context(), "w", {{.id = job.id, .token = job.token}});
  ASSERT_TRUE(stop.ok());
  EXPECT_TRUE(stop->empty());
  EXPECT_TRUE(Finish(job, {a}, {ServiceHarness::Compacted(Now(3))}).ok());
  Pull();
  Advance(3 * kNsPerSecond);
  ASSERT_TRUE(pulled_.ok());
  EXPECT_EQ(pulled_->size(), 1u) << "what came while nobody listened";
}

TEST_F(CompactionServiceTest, ALeaderThatCannotReadTriesAgain) {
  harness_.consensus->barrier_status = Unavailable("no quorum");
  Settle();
  Pull();
  EXPECT_EQ(pulled_.status().reason(), "loading");
  harness_.consensus->barrier_status = Status();
  clock_.Advance(CompactionService::kRetryNs);
  Settle();
  EXPECT_TRUE(service().Heartbeat(Context(), "w", {}).ok());
}

TEST_F(CompactionServiceTest, LostChangesLeadToAReload) {
  Settle();
  // More than the inbox keeps between two steps.
  auto& observer = service().observer();
  for (size_t i = 0; i <= SchedulerInbox::kChangesMax; ++i) observer.BlockTaken({}, Now(i));
  const CompactionJob job = SomeJob({Now(1)});
  EXPECT_EQ(job.inputs.size(), 1u);
  EXPECT_EQ(Metric("brazier_compaction_reloads_total"), 2);
  observer.Restored();
  Settle();
  EXPECT_EQ(Metric("brazier_compaction_reloads_total"), 3);
}

TEST_F(CompactionServiceTest, BadInputsAreQuarantinedAndOthersGoBack) {
  Settle();
  const Ulid a = Now(1), b = Now(2), c = Now(3);
  const CompactionJob job = SomeJob({a, b, c});
  ASSERT_TRUE(Finish(job, {a}, {ServiceHarness::Compacted(Now(4))}, {{.id = b, .reason = "missing"}}).ok());
  EXPECT_TRUE(harness_.Knows(c));
  const auto quarantined = index::ListQuarantined(*harness_.store->Snapshot(), std::nullopt, 10);
  ASSERT_EQ(quarantined->size(), 1u);
  EXPECT_EQ(quarantined->front().reason, "missing");
  Pull();
  ASSERT_TRUE(pulled_.ok());
  ASSERT_EQ(pulled_->size(), 1u) << "its age counts on";
  EXPECT_EQ(pulled_->front().inputs, std::vector<Ulid>{c});
  // Nothing of it could be read.
  ASSERT_TRUE(Finish(pulled_->front(), {}, {}, {{.id = c, .reason = "checksum"}}).ok());
  EXPECT_EQ(index::ListQuarantined(*harness_.store->Snapshot(), std::nullopt, 10)->size(), 2u);
}

TEST_F(CompactionServiceTest, StaleLeasesAndChangedInputsAreRefused) {
  Settle();
  const Ulid a = Now(1);
  const CompactionJob job = SomeJob({a});
  CompactionJob stale = job;
  --stale.token;
  EXPECT_EQ(Finish(stale, {a}, {}).reason(), "stale_lease");
  harness_.Do(index::EncodeDeleteDataCommand(
      {.time_ns = clock_.NowNs(), .id = Now(9), .filter = {.tenant = "t", .start_ns = 100, .end_ns = 150}}));
  EXPECT_EQ(Finish(job, {a}, {ServiceHarness::Compacted(Now(2))}).reason(), "inputs_changed");
  ASSERT_TRUE(Return(job, ReturnReason::kStopping).ok());
  Pull();
  ASSERT_TRUE(pulled_.ok());
  ASSERT_EQ(pulled_->size(), 1u) << "due at once";
  EXPECT_TRUE(Finish(pulled_->front(), {a}, {ServiceHarness::Compacted(Now(2))}).ok());
}

TEST_F(CompactionServiceTest, OutputsAreCheckedBeforeTheyAreProposed) {
  Settle();
  const Ulid a = Now(1);
  const CompactionJob job = SomeJob({a});
  const size_t commands = harness_.consensus->commands.size();
  BlockMeta bad = ServiceHarness::Compacted(Now(2));
  bad.size = 1;
  EXPECT_EQ(Finish(job, {a}, {bad}).code(), Code::kInvalidArgument);
  BlockMeta large = ServiceHarness::Compacted(Now(2));
  large.datasets[0].profile_types.assign(1'000, std::string(1'020, 'p'));
  for (size_t i = 0; i < 1'000; ++i) large.datasets[0].profile_types[i] += std::to_string(1'000 + i);
  const Status status = Finish(job, {a}, {large, large});
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(harness_.consensus->commands.size(), commands);
}

TEST_F(CompactionServiceTest, FailuresAreShownAndNeverQuarantine) {
  Settle();
  CompactionJob job = SomeJob({Now(1)});
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Return(job, ReturnReason::kFailed).ok());
    const auto overview = service().Overview(Context());
    ASSERT_EQ(overview->waiting_after_failure.size(), 1u);
    EXPECT_EQ(overview->waiting_after_failure[0].error, "no luck");
    Pull();
    Advance(600 * kNsPerSecond);
    ASSERT_TRUE(pulled_.ok());
    ASSERT_EQ(pulled_->size(), 1u) << i;
    job = pulled_->front();
  }
  EXPECT_TRUE(index::ListQuarantined(*harness_.store->Snapshot(), std::nullopt, 10)->empty());
}

TEST_F(CompactionServiceTest, OperatorsPauseForceAndRetry) {
  Settle();
  ASSERT_TRUE(service().SetPaused(Context(), true).ok());
  EXPECT_TRUE(*index::IsCompactionPaused(*harness_.store->Snapshot()));
  harness_.Add({ServiceHarness::Segment(Now(1))});
  Pull();
  Advance(10 * kNsPerSecond);
  EXPECT_EQ(answers_, 0);
  EXPECT_TRUE(service().Overview(Context())->is_paused);
  harness_.consensus->status.term = 3;  // it survives a change of leaders
  Settle();
  Pull();
  Advance(10 * kNsPerSecond);
  EXPECT_EQ(answers_, 1) << "only the refusal of the change";
  ASSERT_TRUE(service().SetPaused(Context(), false).ok());
  Settle();
  ASSERT_EQ(answers_, 2);
  ASSERT_TRUE(pulled_.ok());
  ASSERT_TRUE(Return(pulled_->front(), ReturnReason::kFailed).ok());
  EXPECT_EQ(*service().RetryFailed(Context(), {}), 1u);
  Settle();
  harness_.Add({ServiceHarness::Segment(Now(2))});
  EXPECT_EQ(service().Force(Context(), {9}, "").code(), Code::kInvalidArgument);
  ASSERT_TRUE(service().Force(Context(), {0}, "").ok());
  Pull();
  ASSERT_TRUE(pulled_.ok());
  ASSERT_EQ(pulled_->size(), 1u);
  EXPECT_EQ(pulled_->front().inputs.size(), 2u);
}

TEST_F(CompactionServiceTest, AJobForAPullThatIsCancelledIsFreeAgainAtOnce) {
  Settle();
  harness_.Add({ServiceHarness::Segment(Now(1))});
  cancellation_ = std::make_shared<contract::Cancellation>();
  Pull("gone");
  cancellation_->Cancel();
  cancellation_ = nullptr;
  clock_.Advance(3 * kNsPerSecond);
  (void)service().Heartbeat(Context(), "gone", {});
  Settle();
  EXPECT_EQ(pulled_.status().code(), Code::kCancelled);
  Pull();
  ASSERT_TRUE(pulled_.ok());
  EXPECT_EQ(pulled_->size(), 1u);
}

TEST_F(CompactionServiceTest, AnUnknownJobIsFoundAndGivenOut) {
  Settle();
  harness_.Add({ServiceHarness::Segment(Now(1))});
  // A lease whose answer was lost.
  const auto leased = index::DecodeLeaseJobsAnswer(harness_.Do(index::EncodeLeaseJobsCommand(
      {clock_.NowNs(), {{.queue = {0, 3, ""}, .output_level = 1, .inputs = {Now(1)}, .worker = "nobody"}}})));
  ASSERT_TRUE(leased.ok());
  Settle();
  EXPECT_TRUE(service().Overview(Context())->jobs.empty());
  Advance(CompactionService::kReconcileNs);
  EXPECT_EQ(service().Overview(Context())->jobs.size(), 1u);
  Advance(14 * kNsPerSecond);
  Pull();
  Advance(kNsPerSecond);
  ASSERT_TRUE(pulled_.ok());
  ASSERT_EQ(pulled_->size(), 1u);
  EXPECT_EQ(pulled_->front().id, leased->front().id);
}

TEST_F(CompactionServiceTest, NamesOfWorkersAreBounded) {
  Settle();
  Pull("");
  EXPECT_EQ(pulled_.status().code(), Code::kInvalidArgument);
  Pull(std::string(1'000, 'w'));
  EXPECT_EQ(pulled_.status().code(), Code::kInvalidArgument);
}

TEST_F(CompactionServiceTest, StopRefusesWhatWaits) {
  Settle();
  Pull();
  service().Stop();
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(pulled_.status().code(), Code::kUnavailable);
  service().PullJobs(Context(), "w", 1, [this](Pulled pulled) { pulled_ = std::move(pulled); });
  EXPECT_EQ(pulled_.status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace brazier::metastore
