// Jobs through the state machine, case by case: leases, ends, failures, and what happens to inputs meanwhile. The model test beside it
// mixes them with everything else.
#include "store/index/jobs.h"

#include "tests/store/index/lifecycle_harness.h"

namespace brazier::index {
namespace {

using JobsTest = LifecycleTest;

TEST_F(JobsTest, ALeaseTakesItsInputsOutOfTheirQueue) {
  Add({Segment(1), Segment(2), Segment(3)});
  EXPECT_EQ(Free(), Ids({1, 2, 3}));
  const auto leased = Lease({NewJob({1, 3}, "worker-1")}, kTestTime + 7);
  EXPECT_EQ(leased[0].id, 1u);
  EXPECT_GT(leased[0].token, 0u);
  EXPECT_EQ(Free(), Ids({2}));
  EXPECT_EQ(Found("t"), Ids({1, 2, 3})) << "they stay in the index";
  const Job want{.id = 1,
                 .token = leased[0].token,
                 .queue = {0, 3, ""},
                 .output_level = 1,
                 .inputs = Ids({1, 3}),
                 .worker = "worker-1",
                 .started_ns = kTestTime + 7,
                 .attempts = 1};
  EXPECT_EQ(Jobs(), std::vector<Job>{want});
}

TEST_F(JobsTest, InputsThatAreNotFreeAreNamed) {
  Add({Segment(1), Segment(2), Segment(3), Segment(4)});
  ASSERT_TRUE(Replace({}, {4}).ok());
  Quarantine({3});
  const auto leased = Lease({NewJob({1}), NewJob({1, 2, 3, 4, 9}), NewJob({2})});
  EXPECT_EQ(leased[0].id, 1u);
  EXPECT_EQ(leased[1], (LeasedJob{0, 0, Ids({1, 3, 4, 9})}));
  EXPECT_EQ(leased[2].id, 2u) << "a job that is refused takes nothing";
  EXPECT_EQ(leased[2].token, leased[0].token) << "one command, one token";
  JobLease other_queue = NewJob({1});
  other_queue.queue.shard = 4;
  EXPECT_EQ(Lease({other_queue})[0].not_free, Ids({1}));
}

TEST_F(JobsTest, AnotherLeaseIsAnotherToken) {
  Add({Segment(1)});
  const LeasedJob first = Lease({NewJob({1})}, kTestTime)[0];
  const LeasedJob second = Lease({{.id = first.id, .worker = "v"}}, kTestTime + 9)[0];
  EXPECT_EQ(second.id, first.id);
  EXPECT_GT(second.token, first.token);
  ASSERT_EQ(Jobs().size(), 1u);
  EXPECT_EQ(Jobs()[0].token, second.token);
  EXPECT_EQ(Jobs()[0].worker, "v");
  EXPECT_EQ(Jobs()[0].attempts, 2u);
  EXPECT_EQ(Jobs()[0].started_ns, kTestTime);
  EXPECT_EQ(Lease({{.id = 99, .worker = "v"}})[0], LeasedJob{}) << "unknown";
  // The first one has nothing to say any more.
  const std::string before = index_.Dump();
  EXPECT_EQ(Finish(first, {1}, {Compacted(11)}).status().reason(), "stale_lease");
  EXPECT_EQ(Finish(first, {1}, {Compacted(11)}).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(Return(first, kTestTime), 0u);
  EXPECT_EQ(index_.Dump(), before);
  EXPECT_EQ(*Finish(second, {1}, {Compacted(11)}), JobFinished{});
}

TEST_F(JobsTest, FinishingSwapsInputsForOutputs) {
  Add({Segment(1), Segment(2), Segment(3)});
  const LeasedJob job = Lease({NewJob({1, 2})})[0];
  ASSERT_EQ(*Finish(job, {1, 2}, {Compacted(11, 1, "t"), Compacted(12, 1, "u")}), JobFinished{});
  EXPECT_TRUE(Jobs().empty());
  EXPECT_EQ(Found("t"), Ids({3, 11}));
  EXPECT_EQ(Found("u"), Ids({3, 12}));
  EXPECT_EQ(Free(), Ids({3, 11, 12}));
  EXPECT_EQ(ListTombstones(index_.store(), INT64_MAX, std::nullopt, 10)->size(), 2u);
  // The answer was lost: the worker says it again, and so does another one that had the job before.
  const std::string before = index_.Dump();
  EXPECT_EQ(*Finish(job, {1, 2}, {Compacted(11, 1, "t"), Compacted(12, 1, "u")}), JobFinished{true});
  EXPECT_EQ(*Finish({job.id, job.token - 1, {}}, {1, 2}, {Compacted(11, 1, "t"), Compacted(12, 1, "u")}), JobFinished{true});
  EXPECT_EQ(Finish(job, {1, 2}, {Compacted(13, 1, "t")}).status().reason(), "job_gone");
  EXPECT_EQ(Finish(job, {3}, {}).status().code(), Code::kNotFound);
  EXPECT_EQ(index_.Dump(), before);
}

TEST_F(JobsTest, AnEndWithoutOutputsRemovesTheInputs) {
  Add({Segment(1)});
  ASSERT_TRUE(Finish(Lease({NewJob({1})})[0], {1}, {}).ok());
  EXPECT_TRUE(Found("t").empty());
  EXPECT_TRUE(Free().empty());
}

TEST_F(JobsTest, BadInputsGoIntoQuarantineAndTheOthersBack) {
  Add({Segment(1), Segment(2), Segment(3)});
  const LeasedJob failed = Lease({NewJob({1, 2, 3})})[0];
  Return(failed, kTestTime + kMinute);
  const LeasedJob job = Lease({NewJob({1, 2, 3})})[0];
  ASSERT_TRUE(Finish(job, {2}, {Compacted(11)}, {{IdOf(1), "missing"}}).ok());
  const QuarantinedBlock want{.id = IdOf(1), .since_ns = kTestTime, .reason = "missing"};
  EXPECT_EQ(*ListQuarantined(index_.store(), std::nullopt, 10), std::vector<QuarantinedBlock>{want});
  EXPECT_EQ(Free(), Ids({3, 11}));
  const FreeBlock& back = heard_.free.at({{0, 3, ""}, IdOf(3)});
  EXPECT_EQ(back.failures, 1u) << "its failures are not forgotten";
  EXPECT_EQ(back.not_before_ns, 0) << "but it waits for nothing";
  EXPECT_EQ(*Finish(job, {2}, {Compacted(11)}, {{IdOf(1), "missing"}}), JobFinished{true});
  // A job of which nothing can be read.
  ASSERT_TRUE(Finish(Lease({NewJob({3})})[0], {}, {}, {{IdOf(3), "crc"}}).ok());
  EXPECT_EQ(Free(), Ids({11}));
  EXPECT_TRUE(Jobs().empty());
}

TEST_F(JobsTest, OnlyInputsOfTheJobCount) {
  Add({Segment(1), Segment(2), Segment(3)});
  const LeasedJob job = Lease({NewJob({1, 2})})[0];
  const LeasedJob other = Lease({NewJob({3})})[0];
  const std::string before = index_.Dump();
  EXPECT_EQ(Finish(job, {1, 3}, {}).status().code(), Code::kInvalidArgument) << "another job's";
  EXPECT_EQ(Finish(job, {1}, {}, {{IdOf(3), "x"}}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Finish(job, {1, 9}, {}).status().code(), Code::kNotFound) << "never heard of";
  EXPECT_EQ(index_.Dump(), before);
  EXPECT_TRUE(Finish(other, {3}, {}).ok());
}

TEST_F(JobsTest, ReturnedInputsWaitAndCountTheirFailures) {
  Add({Segment(1), Segment(2)});
  for (uint32_t failures = 1; failures <= 3; ++failures) {
    const LeasedJob job = Lease({NewJob({1})})[0];
    EXPECT_TRUE(ListFailedBlocks(index_.store(), std::nullopt, 10)->empty()) << "in a job it waits for nothing";
    EXPECT_EQ(Return(job, kTestTime + failures), 1u);
    const FailedBlock want{.id = IdOf(1), .failures = failures, .not_before_ns = kTestTime + failures, .error = "out of memory"};
    EXPECT_EQ(*ListFailedBlocks(index_.store(), std::nullopt, 10), std::vector<FailedBlock>{want});
    EXPECT_EQ(Free(), Ids({1, 2}));
    EXPECT_EQ(Return(job, kTestTime), 0u) << "over is over";
  }
  EXPECT_EQ(Return(Lease({NewJob({1})})[0], kTestTime + 50, /*counts=*/false), 1u);
  EXPECT_EQ(heard_.free.at({{0, 3, ""}, IdOf(1)}).failures, 3u);
  EXPECT_EQ(heard_.free.at({{0, 3, ""}, IdOf(1)}).not_before_ns, kTestTime + 50);
  // One that a worker merely put down has not failed.
  Return(Lease({NewJob({2})})[0], kTestTime + 60, /*counts=*/false);
  EXPECT_EQ(ListFailedBlocks(index_.store(), std::nullopt, 10)->size(), 1u);
  EXPECT_EQ(ListFailedBlocks(index_.store(), IdOf(1), 10)->size(), 0u);
  EXPECT_EQ(Free(), Ids({1, 2}));
  EXPECT_EQ(heard_.free.at({{0, 3, ""}, IdOf(2)}).not_before_ns, kTestTime + 60);
  // Whatever its lease is.
  const LeasedJob job = Lease({NewJob({2})})[0];
  EXPECT_EQ(Return({job.id, 0, {}}, kTestTime), 1u);
}

TEST_F(JobsTest, FailuresAreForgotten) {
  Add({Segment(1), Segment(2), Segment(3)});
  Return(Lease({NewJob({1, 2, 3})})[0], kTestTime + kMinute);
  EXPECT_EQ(Counted(EncodeForgetFailuresCommand({kTestTime, Ids({2, 9})})), 1u);
  EXPECT_EQ(Free(), Ids({1, 2, 3}));
  EXPECT_EQ(heard_.free.at({{0, 3, ""}, IdOf(2)}).failures, 0u);
  EXPECT_EQ(heard_.free.at({{0, 3, ""}, IdOf(2)}).not_before_ns, 0);
  const LeasedJob job = Lease({NewJob({3})})[0];
  EXPECT_EQ(Counted(EncodeForgetFailuresCommand({kTestTime, {}})), 2u) << "of one in a job too";
  EXPECT_EQ(Free(), Ids({1, 2}));
  Return(job, kTestTime);
  EXPECT_EQ(heard_.free.at({{0, 3, ""}, IdOf(3)}).failures, 1u);
  EXPECT_EQ(Counted(EncodeForgetFailuresCommand({kTestTime, {}})), 1u);
  EXPECT_EQ(Counted(EncodeForgetFailuresCommand({kTestTime, {}})), 0u);
}

TEST_F(JobsTest, AnInputThatIsRemovedMeanwhileFailsTheJob) {
  Add({Segment(1), Segment(2)});
  const LeasedJob job = Lease({NewJob({1, 2})})[0];
  ASSERT_TRUE(Replace({}, {1}).ok());
  const std::string before = index_.Dump();
  const Status status = Finish(job, {1, 2}, {Compacted(11)}).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.reason(), "input_gone");
  EXPECT_EQ(index_.Dump(), before);
  EXPECT_EQ(Return(job, kTestTime), 1u) << "the other one";
  EXPECT_EQ(Free(), Ids({2}));
  EXPECT_TRUE(Jobs().empty());
}

TEST_F(JobsTest, AnInputThatComesAgainIsAnotherBlock) {
  Add({Segment(1)});
  const LeasedJob job = Lease({NewJob({1})})[0];
  ASSERT_TRUE(Replace({}, {1}).ok());
  Purge({1});
  Add({Segment(1)});
  EXPECT_EQ(Finish(job, {1}, {Compacted(11)}).status().code(), Code::kNotFound);
  EXPECT_EQ(Return(job, kTestTime), 0u);
  EXPECT_EQ(Free(), Ids({1}));
}

TEST_F(JobsTest, AnOutputThatWasRemovedBeforeFailsTheJob) {
  Add({Segment(1), Compacted(11)});
  ASSERT_TRUE(Replace({}, {11}).ok());
  const LeasedJob job = Lease({NewJob({1})})[0];
  EXPECT_EQ(Finish(job, {1}, {Compacted(11)}).status().reason(), "output_removed");
  EXPECT_EQ(Counted(EncodeCondemnObjectsCommand({kTestTime, {{IdOf(12), 3, 1, "t", 9}}})), 1u);
  EXPECT_EQ(Finish(job, {1}, {Compacted(12)}).status().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(Finish(job, {1}, {Compacted(13)}).ok());
}

TEST_F(JobsTest, FromLevel2OnShardsShareAQueue) {
  BlockMeta one = Compacted(1, 2), other = Compacted(2, 2);
  one.shard = 7;
  other.shard = 9;
  Add({one, other});
  JobLease lease = NewJob({1, 2});
  lease.queue = {2, 0, "t"};
  const LeasedJob job = Lease({lease})[0];
  ASSERT_EQ(job.id, 1u);
  Return(job, kTestTime);
  EXPECT_EQ(Free(), Ids({1, 2}));
  EXPECT_EQ(*ListQueues(index_.store(), std::nullopt, 10), (std::vector<QueueName>{{2, 0, "t"}}));
  EXPECT_EQ(ReadBlock(index_.store(), IdOf(1))->shard, 7u) << "the object keeps its name";
}

TEST_F(JobsTest, FreeBlocksAreListedInPieces) {
  Add({Segment(5), Segment(2), Compacted(1), Compacted(4, 2), Compacted(3, 1, "u")});
  const auto all = ListFreeBlocks(index_.store(), std::nullopt, 100);
  ASSERT_EQ(all->size(), 5u);
  std::vector<FreeBlock> pieces;
  std::optional<FreeBlockCursor> after;
  for (int i = 0; i < 10; ++i) {
    const auto piece = ListFreeBlocks(index_.store(), after, 2);
    pieces.insert(pieces.end(), piece->begin(), piece->end());
    if (piece->size() < 2) break;
    after = FreeBlockCursor{piece->back().queue, piece->back().block.id};
  }
  ASSERT_EQ(pieces.size(), 5u);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(pieces[i].block, all->at(i).block);
  EXPECT_TRUE(ListFreeBlocks(index_.store(), std::nullopt, 0)->empty());
}

TEST_F(JobsTest, OneRoundOfEverything) {
  std::vector<std::string> commands = {CommandOf({Segment(1), Segment(2), Segment(3)})};
  commands.push_back(EncodeLeaseJobsCommand({kTestTime, {NewJob({1, 2})}}));  // token 2
  commands.push_back(EncodeReturnJobCommand({kTestTime, 1, 2, kTestTime + 5, true, "x"}));
  commands.push_back(EncodeForgetFailuresCommand({kTestTime, {}}));
  commands.push_back(EncodeLeaseJobsCommand({kTestTime, {NewJob({1, 2, 3})}}));  // token 5
  commands.push_back(EncodeQuarantineBlocksCommand({kTestTime, {{IdOf(2), "crc"}}}));
  commands.push_back(FinishOf({kTestTime, 2, 5, Ids({1, 3}), {Compacted(11)}, {}}));
  commands.push_back(EncodeReleaseBlocksCommand({kTestTime, Ids({2})}));
  commands.push_back(EncodeDeleteDataCommand({kTestTime, IdOf(1), {"t", "", "", 0, INT64_MAX}}));
  commands.push_back(EncodePurgeTombstonesCommand(kTestTime, Ids({11})));
  IndexUnderTest one_by_one;
  std::vector<std::string> answers;
  for (const std::string& command : commands) {
    answers.push_back(one_by_one.Round({command}).front());
    one_by_one.Restart();
  }
  EXPECT_EQ(index_.Round(commands), answers);
  EXPECT_EQ(index_.Dump(), one_by_one.Dump());
  EXPECT_TRUE(DecodeFinishJobAnswer(answers[6]).ok());
  EXPECT_EQ(Free(), Ids({2}));
}

TEST_F(JobsTest, CompactionIsPausedAcrossRestarts) {
  EXPECT_FALSE(*IsCompactionPaused(index_.store()));
  EXPECT_EQ(Counted(EncodeSetCompactionCommand({kTestTime, false})), 0u);
  EXPECT_EQ(index_.Dump(), "");
  EXPECT_EQ(Counted(EncodeSetCompactionCommand({kTestTime, true})), 1u);
  EXPECT_EQ(Counted(EncodeSetCompactionCommand({kTestTime, true})), 0u);
  index_.Restart();
  EXPECT_TRUE(*IsCompactionPaused(index_.store()));
  EXPECT_EQ(Counted(EncodeSetCompactionCommand({kTestTime, false})), 1u);
  EXPECT_FALSE(*IsCompactionPaused(index_.store()));
}

TEST_F(JobsTest, AStateThatIsTakenOverIsHeardOf) {
  IndexUnderTest other;
  ASSERT_TRUE(other.Add({Segment(1)}).ok());
  ASSERT_TRUE(index_.TakeStateOf(other).ok());
  EXPECT_EQ(heard_.restored, 1);
}

}  // namespace
}  // namespace brazier::index
