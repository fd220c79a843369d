#include "worker/compaction/compaction_worker.h"

#include <gtest/gtest.h>

#include "store/object/memory_object_store.h"
#include "tests/support/fake_compaction_jobs.h"
#include "tests/support/fake_random.h"
#include "tests/worker/compaction/merge_fakes.h"

namespace brazier::compaction {
namespace {

using brazier::testing::FakeCompactionJobs;
using contract::ReturnReason;

class CompactionWorkerTest : public ::testing::Test {
 protected:
  CompactionWorkerTest() {
    for (uint64_t n = 1; n <= 20; ++n) metastore_.Add(n);
  }
  ~CompactionWorkerTest() override { worker_.reset(); }
  void Start(size_t concurrency = 1) {
    CompactionWorker::Options options;
    options.name = "host";
    options.concurrency = concurrency;
    options.heartbeat_ns = 20 * kNsPerMs;
    options.call_ns = kNsPerSecond;
    worker_ = std::make_unique<CompactionWorker>(options, jobs_, metastore_, store_, SystemClock(), random_, registry_,
                                                 merge_.Function());
    worker_->Start();
  }

  FakeCompactionJobs jobs_;
  BlocksMetastore metastore_;
  object::MemoryObjectStore store_;
  FakeMerge merge_;
  brazier::testing::FakeRandom random_;
  MetricsRegistry registry_;
  std::unique_ptr<CompactionWorker> worker_;
};

TEST_F(CompactionWorkerTest, DoesWhatItIsGiven) {
  Start();
  jobs_.Give(JobOf(1, {1, 2}));
  jobs_.Give(JobOf(2, {3}));
  ASSERT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.finished().size() == 2; }));
  EXPECT_TRUE(jobs_.Await([](const auto& jobs) {
    return jobs.finished()[0].inputs.size() == 2 && jobs.finished()[1].token == 102 && jobs.credits() == 1 &&
           jobs.worker().starts_with("host#");
  }));
  EXPECT_TRUE(worker_->Ready().ok());
  worker_->Stop();
  EXPECT_NE(registry_.Render().find("brazier_compaction_worker_jobs_total{level=\"1\",outcome=\"finished\"} 2"),
            std::string::npos);
}

TEST_F(CompactionWorkerTest, AsksForAsManyAsItHasThreads) {
  merge_.wait_for_stop = true;
  Start(3);
  ASSERT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.credits() == 3; }));
  jobs_.Give(JobOf(1, {1}));
  ASSERT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.credits() == 2; }));
  jobs_.Give(JobOf(2, {2}));
  ASSERT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.credits() == 1; }));
  EXPECT_TRUE(jobs_.Await([](const auto& jobs) {
    return jobs.progress().size() == 2 && jobs.progress()[0].bytes_done == 50 && jobs.progress()[0].bytes_total == 100;
  })) << "and says how far it is";
}

TEST_F(CompactionWorkerTest, AJobThatIsAnothersNowIsStoppedAndNotSpokenOf) {
  merge_.wait_for_stop = true;
  Start();
  jobs_.Give(JobOf(1, {1}));
  ASSERT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.progress().size() == 1; }));
  jobs_.LoseLease(1);
  ASSERT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.progress().empty() && jobs.pulls() >= 2; }));
  EXPECT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.returned().empty() && jobs.finished().empty(); }));
}

TEST_F(CompactionWorkerTest, StopReturnsWhatRunsAndTakesItsPullBack) {
  merge_.wait_for_stop = true;
  Start(2);
  jobs_.Give(JobOf(1, {1}));
  ASSERT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.progress().size() == 1; }));
  worker_->Stop();
  EXPECT_TRUE(jobs_.Await([](const auto& jobs) {
    return jobs.returned().size() == 1 && jobs.returned()[0].id == 1 && jobs.returned()[0].token == 101 &&
           jobs.returned()[0].reason == ReturnReason::kStopping && jobs.credits() == 0;
  }));
}

TEST_F(CompactionWorkerTest, FailuresAreToldWithTheirReason) {
  merge_.failures = {Internal("a bug")};
  Start();
  jobs_.Give(JobOf(1, {1}));
  ASSERT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.returned().size() == 1; }));
  EXPECT_TRUE(jobs_.Await([](const auto& jobs) {
    return jobs.returned()[0].reason == ReturnReason::kFailed && jobs.returned()[0].error.find("a bug") != std::string::npos;
  }));
}

TEST_F(CompactionWorkerTest, TellsAgainWhatTheLeaderDidNotHear) {
  jobs_.AnswerFinish(Unavailable("an election"));
  Start();
  jobs_.Give(JobOf(1, {1}));
  ASSERT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.finished().size() == 1; }));
  EXPECT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.returned().empty(); }));
}

TEST_F(CompactionWorkerTest, AStaleLeaseIsLeftAloneAndChangedInputsGoBackFree) {
  jobs_.AnswerFinish(Status(Code::kFailedPrecondition, "another").WithReason("stale_lease"));
  jobs_.AnswerFinish(Status(Code::kFailedPrecondition, "deleted").WithReason("inputs_changed"));
  jobs_.AnswerFinish(InvalidArgument("never"));
  Start();
  for (uint64_t id = 1; id <= 3; ++id) jobs_.Give(JobOf(id, {id}));
  ASSERT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.returned().size() == 2; }));
  EXPECT_TRUE(jobs_.Await([](const auto& jobs) {
    return jobs.returned()[0].id == 2 && jobs.returned()[0].reason == ReturnReason::kStopping && jobs.returned()[1].id == 3 &&
           jobs.returned()[1].reason == ReturnReason::kFailed;
  }));
}

TEST_F(CompactionWorkerTest, WithoutALeaderItIsNotReadyAndGoesOnAsking) {
  jobs_.Refuse(Unavailable("nobody leads").WithReason("not_leader"));
  Start();
  ASSERT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.pulls() >= 2; }));
  EXPECT_NE(worker_->Ready().message().find("nobody leads"), std::string::npos);
  jobs_.Refuse(Status());
  jobs_.Give(JobOf(1, {1}));
  EXPECT_TRUE(jobs_.Await([](const auto& jobs) { return jobs.finished().size() == 1; }));
  EXPECT_TRUE(worker_->Ready().ok());
}

}  // namespace
}  // namespace brazier::compaction
