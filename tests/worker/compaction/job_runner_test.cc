#include "worker/compaction/job_runner.h"

#include <gtest/gtest.h>

#include "store/object/memory_object_store.h"
#include "tests/support/controlled_object_store.h"
#include "tests/support/fake_clock.h"
#include "tests/worker/compaction/merge_fakes.h"

namespace brazier::compaction {
namespace {

using contract::ReturnReason;

// Sleeps are counted, not slept.
class CountingControl final : public JobControl {
 public:
  bool Sleep(int64_t ns) override {
    slept_ns.push_back(ns);
    return !is_stopped();
  }
  std::vector<int64_t> slept_ns;
};

class JobRunnerTest : public ::testing::Test {
 protected:
  JobRunnerTest() {
    for (uint64_t n = 1; n <= 200; ++n) metastore_.Add(n);
    for (const auto& [id, block] : metastore_.blocks) {
      EXPECT_TRUE(memory_.Put(block.ObjectKey(), {AsBytes(std::string_view("bytes"))}).ok());
    }
  }
  JobOutcome Run(const contract::CompactionJob& job) { return runner_.Run(job, control_); }
  static std::vector<uint64_t> Numbers(const std::vector<Ulid>& ids) {
    std::vector<uint64_t> out;
    for (const Ulid& id : ids) out.push_back(id.bits.low);
    return out;
  }

  brazier::testing::FakeClock clock_;
  BlocksMetastore metastore_;
  object::MemoryObjectStore memory_;
  brazier::testing::ControlledObjectStore store_{memory_};
  FakeMerge merge_;
  CountingControl control_;
  JobRunner runner_{metastore_, store_, clock_, merge_.Function()};
};

TEST_F(JobRunnerTest, InputsBecomeAnOutputInTheStore) {
  const JobOutcome outcome = Run(JobOf(7, {1, 2, 3}));
  ASSERT_TRUE(outcome.finished.has_value()) << outcome.error;
  EXPECT_EQ(outcome.finished->id, 7u);
  EXPECT_EQ(outcome.finished->token, 107u);
  EXPECT_EQ(Numbers(outcome.finished->inputs), (std::vector<uint64_t>{1, 2, 3}));
  ASSERT_EQ(outcome.finished->outputs.size(), 1u);
  EXPECT_EQ(*memory_.Get(outcome.finished->outputs[0].ObjectKey()), "merged 3");
  EXPECT_EQ(outcome.finished->bytes_read, 300u);
  EXPECT_EQ(control_.bytes_total, 300u);
  EXPECT_EQ(control_.bytes_done, 300u);
  EXPECT_EQ(merge_.options[0].shard, 3u);
  EXPECT_TRUE(merge_.options[0].hour_rollups);
  EXPECT_FALSE(merge_.options[0].day_rollups);
  EXPECT_TRUE(metastore_.has_deadlines);
}

TEST_F(JobRunnerTest, ManyInputsAreAskedForInParts) {
  std::vector<uint64_t> all;
  for (uint64_t n = 1; n <= 120; ++n) all.push_back(n);
  EXPECT_TRUE(Run(JobOf(1, all)).finished.has_value());
  EXPECT_EQ(metastore_.questions, 3);
  EXPECT_EQ(metastore_.ids_most, JobRunner::kIdsPerQuestion);
}

TEST_F(JobRunnerTest, InputsThatAreGoneOrInQuarantineAreLeftOut) {
  metastore_.blocks[IdOf(2)].quarantine = "damaged";
  const JobOutcome outcome = Run(JobOf(1, {1, 2, 3, 999}));
  ASSERT_TRUE(outcome.finished.has_value());
  EXPECT_EQ(Numbers(outcome.finished->inputs), (std::vector<uint64_t>{1, 3}));
  EXPECT_TRUE(outcome.finished->bad.empty());
  const JobOutcome none = Run(JobOf(2, {999}));
  EXPECT_FALSE(none.finished.has_value());
  EXPECT_EQ(none.reason, ReturnReason::kStopping);
}

TEST_F(JobRunnerTest, ABadInputIsReadTwiceThenLeftOutAndNamed) {
  merge_.bad[IdOf(2)] = Corruption("samples of service api: checksum");
  const JobOutcome outcome = Run(JobOf(1, {1, 2, 3}));
  ASSERT_TRUE(outcome.finished.has_value());
  EXPECT_EQ(Numbers(outcome.finished->inputs), (std::vector<uint64_t>{1, 3}));
  ASSERT_EQ(outcome.finished->bad.size(), 1u);
  EXPECT_EQ(outcome.finished->bad[0], (contract::BadBlock{IdOf(2), "samples of service api: checksum"}));
  ASSERT_EQ(merge_.calls.size(), 3u);
  EXPECT_EQ(merge_.calls[1], std::vector<Ulid>{IdOf(2)});
  EXPECT_EQ(outcome.finished->outputs.size(), 1u) << "the second read stores nothing";
}

TEST_F(JobRunnerTest, AnErrorThatASecondReadDoesNotSeeCondemnsNobody) {
  merge_.bad_once[IdOf(2)] = 1;
  const JobOutcome outcome = Run(JobOf(1, {1, 2, 3}));
  ASSERT_TRUE(outcome.finished.has_value());
  EXPECT_EQ(outcome.finished->inputs.size(), 3u);
  EXPECT_TRUE(outcome.finished->bad.empty());
}

TEST_F(JobRunnerTest, AllMissingInputsAreFoundWithoutAMergeForEach) {
  std::vector<uint64_t> all;
  for (uint64_t n = 1; n <= 100; ++n) {
    all.push_back(n);
    if (n % 2 == 0) continue;
    merge_.bad[IdOf(n)] = NotFound("no such object");
    ASSERT_TRUE(memory_.Delete(metastore_.blocks[IdOf(n)].ObjectKey()).ok());
  }
  const JobOutcome outcome = Run(JobOf(1, all));
  ASSERT_TRUE(outcome.finished.has_value());
  EXPECT_EQ(outcome.finished->bad.size(), 50u);
  EXPECT_EQ(outcome.finished->inputs.size(), 50u);
  EXPECT_EQ(merge_.calls.size(), 3u);
}

TEST_F(JobRunnerTest, WhenNothingIsThereTheStoreIsDoubted) {
  const auto lose = [this](uint64_t n) {
    merge_.bad[IdOf(n)] = NotFound("no such object");
    ASSERT_TRUE(memory_.Delete(metastore_.blocks[IdOf(n)].ObjectKey()).ok());
  };
  lose(1);
  lose(2);
  const JobOutcome of_two = Run(JobOf(1, {1, 2}));
  EXPECT_FALSE(of_two.finished.has_value());
  EXPECT_EQ(of_two.reason, ReturnReason::kUnavailable);
  EXPECT_NE(of_two.error.find("is it the cluster's?"), std::string::npos);
  // One that is lost among others that are there is lost, even when it is alone in its job.
  const JobOutcome of_one = Run(JobOf(2, {1}));
  ASSERT_TRUE(of_one.finished.has_value());
  EXPECT_EQ(of_one.finished->bad.size(), 1u);
  // In an empty store it is not: that is a folder which is not mounted.
  for (const auto& [id, block] : metastore_.blocks) ASSERT_TRUE(memory_.Delete(block.ObjectKey()).ok());
  const JobOutcome of_none = Run(JobOf(3, {1}));
  EXPECT_EQ(of_none.reason, ReturnReason::kUnavailable);
}

// A store that was away for a moment of the job.
TEST_F(JobRunnerTest, WhatCameBackIsNotCalledBad) {
  merge_.bad[IdOf(2)] = NotFound("no such object");
  const JobOutcome outcome = Run(JobOf(1, {1, 2, 3}));
  EXPECT_FALSE(outcome.finished.has_value());
  EXPECT_EQ(outcome.reason, ReturnReason::kUnavailable);
  EXPECT_NE(outcome.error.find("was the object store away"), std::string::npos) << outcome.error;
}

TEST_F(JobRunnerTest, WithOnlyBadInputsItIsFinishedWithoutOutputs) {
  merge_.bad[IdOf(1)] = Corruption("one");
  merge_.bad[IdOf(2)] = Corruption("two");
  const JobOutcome outcome = Run(JobOf(1, {1, 2}));
  ASSERT_TRUE(outcome.finished.has_value());
  EXPECT_TRUE(outcome.finished->inputs.empty());
  EXPECT_TRUE(outcome.finished->outputs.empty());
  EXPECT_EQ(outcome.finished->bad.size(), 2u);
}

TEST_F(JobRunnerTest, TooMuchMetadataHalvesTheInputs) {
  merge_.inputs_max = 2;
  const JobOutcome outcome = Run(JobOf(1, {1, 2, 3, 4, 5, 6, 7}));
  ASSERT_TRUE(outcome.finished.has_value());
  EXPECT_EQ(Numbers(outcome.finished->inputs), (std::vector<uint64_t>{1, 2}));
  merge_.inputs_max = 0;
  const JobOutcome one = Run(JobOf(2, {1}));
  EXPECT_FALSE(one.finished.has_value());
  EXPECT_NE(one.error.find("too much metadata"), std::string::npos);
}

TEST_F(JobRunnerTest, WhatIsUnavailableIsTriedAgainWithPauses) {
  metastore_.failures = 2;
  merge_.failures = {Unavailable("the store is slow")};
  EXPECT_TRUE(Run(JobOf(1, {1})).finished.has_value());
  EXPECT_EQ(control_.slept_ns, (std::vector<int64_t>{500 * kNsPerMs, 1'000 * kNsPerMs, 500 * kNsPerMs}));
}

TEST_F(JobRunnerTest, WhatStaysUnavailableIsNobodysFailure) {
  metastore_.failures = 100;
  JobOutcome outcome = Run(JobOf(1, {1}));
  EXPECT_FALSE(outcome.finished.has_value());
  EXPECT_EQ(outcome.reason, ReturnReason::kUnavailable);
  EXPECT_EQ(metastore_.questions, JobRunner::kTries);
  metastore_.failures = 0;
  store_.FailPuts(Unavailable("disk full"));
  outcome = Run(JobOf(1, {1}));
  EXPECT_EQ(outcome.reason, ReturnReason::kUnavailable);
  EXPECT_NE(outcome.error.find("disk full"), std::string::npos);
}

TEST_F(JobRunnerTest, AnErrorOfTheMergeIsAFailure) {
  merge_.failures = {Internal("a bug")};
  const JobOutcome outcome = Run(JobOf(1, {1}));
  EXPECT_EQ(outcome.reason, ReturnReason::kFailed);
  EXPECT_NE(outcome.error.find("a bug"), std::string::npos);
  EXPECT_EQ(merge_.calls.size(), 1u);
}

TEST_F(JobRunnerTest, AStoppedJobEnds) {
  control_.Stop();
  const JobOutcome outcome = Run(JobOf(1, {1}));
  EXPECT_FALSE(outcome.finished.has_value());
  EXPECT_TRUE(outcome.is_stopped);
  EXPECT_EQ(outcome.reason, ReturnReason::kStopping);
}

}  // namespace
}  // namespace brazier::compaction
