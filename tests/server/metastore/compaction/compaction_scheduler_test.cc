#include "server/metastore/compaction/compaction_scheduler.h"

#include <gtest/gtest.h>

#include "tests/server/metastore/compaction/scheduler_model.h"

namespace brazier::metastore {
namespace {

using contract::CompactionJob;
using contract::ReturnReason;

const index::QueueName kSegments{.level = 0, .shard = 1, .tenant = ""};
index::QueueName QueueAt(uint32_t level, const std::string& tenant = "t", uint32_t shard = 1) {
  return {.level = level, .shard = level >= 2 ? 0 : shard, .tenant = level == 0 ? "" : tenant};
}

class CompactionSchedulerTest : public ::testing::Test {
 protected:
  CompactionSchedulerTest() { scheduler_.Begin(false); }

  // Does at once whatever the scheduler wants done; answers what workers got.
  std::vector<CompactionJob> Step() {
    std::vector<CompactionJob> jobs;
    for (;;) {
      const Decisions decisions = scheduler_.Decide(now_);
      for (const PullAnswer& answer : decisions.answers) {
        answered_.push_back(answer.pull);
        jobs.insert(jobs.end(), answer.jobs.begin(), answer.jobs.end());
      }
      for (const LeaseProposal& lease : decisions.leases) scheduler_.Leased(lease.number, model_.Lease(lease, now_), now_);
      for (const JobReturn& plan : decisions.returns) {
        model_.Return(plan, now_);
        scheduler_.Returned(plan.id, plan.token, plan.counts, Status::Ok(), now_);
      }
      reload_ = decisions.reload;
      if (decisions.answers.empty() && decisions.leases.empty() && decisions.returns.empty()) {
        return jobs;
      }
    }
  }
  // A worker asks; what it gets now.
  std::vector<CompactionJob> PullAndStep(size_t credits = 1, const std::string& worker = "w") {
    scheduler_.Pull(++pull_, worker, credits, now_ + 3600 * kSecond, now_);
    return Step();
  }
  void Advance(int64_t ns) {
    now_ += ns;
    for (const char* worker : {"w", "v"}) scheduler_.Heartbeat(worker, {}, now_);
  }
  void Fail(const CompactionJob& job, ReturnReason reason = ReturnReason::kFailed) {
    const JobReturn plan = scheduler_.PlanReturn(job.id, job.token, reason, "error", now_);
    model_.Return(plan, now_);
    scheduler_.Returned(plan.id, plan.token, plan.counts, Status::Ok(), now_);
  }
  void Finish(const CompactionJob& job) {
    EXPECT_TRUE(model_.Finish(job.id, job.token, job.inputs, std::nullopt, now_));
    EXPECT_TRUE(scheduler_.Finished(job.id, job.token).has_value());
  }

  CompactionPolicy policy_;
  CompactionScheduler scheduler_{policy_};
  SchedulerModel model_{scheduler_};
  int64_t now_ = kT0;
  uint64_t pull_ = 0;
  std::vector<uint64_t> answered_;
  bool reload_ = false;
};

TEST_F(CompactionSchedulerTest, ABatchClosesWhenItsOldestBlockIsOldEnough) {
  const Ulid first = model_.Add(kSegments, 100, now_);
  EXPECT_TRUE(PullAndStep().empty());
  EXPECT_EQ(scheduler_.NextNs(now_), std::min(now_ + 3 * kSecond, now_ + 5 * kSecond + 1));
  Advance(2 * kSecond);
  const Ulid second = model_.Add(kSegments, 100, now_);
  EXPECT_TRUE(Step().empty());
  EXPECT_EQ(scheduler_.NextNs(now_), kT0 + 3 * kSecond);
  Advance(kSecond - 1);
  EXPECT_TRUE(Step().empty());
  Advance(1);
  const auto jobs = Step();
  ASSERT_EQ(jobs.size(), 1u) << "the pull that waited got it as soon as it was due";
  EXPECT_EQ(jobs[0].inputs, (std::vector<Ulid>{first, second})) << "all that waits goes along";
  EXPECT_EQ(jobs[0].level, 1u);
  EXPECT_EQ(jobs[0].shard, 1u);
  EXPECT_EQ(jobs[0].tenant, "");
  EXPECT_EQ(jobs[0].block_bytes_max, policy_.block_bytes_max);
  EXPECT_FALSE(jobs[0].hour_rollups);
  EXPECT_EQ(answered_, (std::vector<uint64_t>{1}));
}

TEST_F(CompactionSchedulerTest, ABatchClosesByCountAndByBytes) {
  for (int i = 0; i < 1'000; ++i) model_.Add(kSegments, 100, now_);
  auto jobs = PullAndStep();
  ASSERT_EQ(jobs.size(), 1u) << "at once, no age is needed";
  EXPECT_EQ(jobs[0].inputs.size(), 1'000u);
  for (int i = 0; i < 3; ++i) model_.Add(kSegments, 30u << 20, now_);
  model_.Add(kSegments, 1, now_);
  jobs = PullAndStep();
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].inputs.size(), 3u) << "90 MiB: the one that reaches 64 is the last";
}

TEST_F(CompactionSchedulerTest, ABacklogIsMadeOfSeveralJobs) {
  for (int i = 0; i < 2'500; ++i) model_.Add(kSegments, 100, now_);
  Advance(3 * kSecond);
  const auto jobs = PullAndStep(16);
  ASSERT_EQ(jobs.size(), 3u);
  EXPECT_EQ(jobs[2].inputs.size(), 500u);
}

TEST_F(CompactionSchedulerTest, EachLevelHasItsAge) {
  const std::vector<int64_t> ages = {3 * kSecond, 60 * kSecond, 900 * kSecond, 86'400 * kSecond};
  for (uint32_t level = 0; level < 4; ++level) {
    model_.Add(QueueAt(level), 10, now_);
    model_.Add(QueueAt(level), 10, now_);
    Advance(ages[level] - 1);
    EXPECT_TRUE(PullAndStep().empty()) << level;
    Advance(1);
    const auto jobs = Step();
    ASSERT_EQ(jobs.size(), 1u) << level;
    EXPECT_EQ(jobs[0].level, level + 1);
    EXPECT_EQ(jobs[0].shard, level < 2 ? 1u : 0u);
    EXPECT_EQ(jobs[0].hour_rollups, level >= 2);
    EXPECT_EQ(jobs[0].day_rollups, level >= 3);
    Finish(jobs[0]);
  }
}

TEST_F(CompactionSchedulerTest, ALoneBlockGoesUpButNotToTheLastLevel) {
  for (uint32_t level = 0; level < 3; ++level) model_.Add(QueueAt(level), 10, now_);
  model_.Add(QueueAt(3), 10, now_);
  model_.Add(QueueAt(4), 10, now_);
  Advance(100 * 86'400 * kSecond);
  EXPECT_EQ(PullAndStep(16).size(), 3u);
  EXPECT_EQ(scheduler_.NextNs(now_), now_ + 15 * kSecond) << "nothing but the leases";
}

TEST_F(CompactionSchedulerTest, DeletedDataIsRewrittenAtOnce) {
  model_.Add(QueueAt(3), 10, now_);
  const Ulid other = model_.Add(QueueAt(3), 10, now_);
  const Ulid last = model_.Add(QueueAt(4), 10, now_);
  model_.Add(QueueAt(4), 10, now_);
  EXPECT_TRUE(PullAndStep(16).empty());
  model_.Delete(other, now_);
  model_.Delete(last, now_);
  const auto jobs = Step();
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].level, 4u);
  EXPECT_EQ(jobs[0].inputs.size(), 2u) << "the next job of its queue";
  EXPECT_EQ(jobs[1].level, 4u) << "at its own level";
  EXPECT_EQ(jobs[1].inputs, std::vector<Ulid>{last}) << "and nothing else of the last level";
}

TEST_F(CompactionSchedulerTest, WhatMustBeRewrittenStaysSoThroughAFailedJob) {
  const Ulid id = model_.Add(QueueAt(4), 10, now_);
  model_.Delete(id, now_);
  auto jobs = PullAndStep();
  ASSERT_EQ(jobs.size(), 1u);
  Fail(jobs[0]);
  EXPECT_TRUE(PullAndStep().empty());
  Advance(5 * kSecond);
  EXPECT_EQ(Step().size(), 1u);
}

TEST_F(CompactionSchedulerTest, FailuresWaitLongerEachTimeThenAlone) {
  const Ulid bad = model_.Add(kSegments, 10, now_);
  const Ulid good = model_.Add(kSegments, 10, now_);
  Advance(3 * kSecond);
  const std::vector<int64_t> waits = {5, 10, 20, 40, 80, 160, 320, 600, 600};
  for (size_t failure = 0; failure < waits.size(); ++failure) {
    auto jobs = PullAndStep(16);
    if (failure == 2) {
      ASSERT_EQ(jobs.size(), 2u) << "two failures: each alone";
      const bool first_is_bad = jobs[0].inputs == std::vector<Ulid>{bad};
      EXPECT_EQ(jobs[first_is_bad ? 1 : 0].inputs, std::vector<Ulid>{good});
      Finish(jobs[first_is_bad ? 1 : 0]);
      jobs = {jobs[first_is_bad ? 0 : 1]};
    }
    ASSERT_EQ(jobs.size(), 1u) << failure;
    EXPECT_EQ(jobs[0].inputs.size(), failure < 2 ? 2u : 1u);
    Fail(jobs[0]);
    EXPECT_TRUE(PullAndStep(16).empty());
    Advance(waits[failure] * kSecond - 1);
    EXPECT_TRUE(Step().empty()) << failure;
    Advance(1);
    scheduler_.Pull(++pull_, "w", 0, now_, now_);  // the next round pulls anew
    scheduler_.Heartbeat("w", {}, now_);
  }
  const auto jobs = PullAndStep(16);
  ASSERT_EQ(jobs.size(), 1u) << "never given up";
  EXPECT_EQ(jobs[0].inputs, std::vector<Ulid>{bad});
}

TEST_F(CompactionSchedulerTest, RetryForgetsFailures) {
  model_.Add(kSegments, 10, now_);
  Advance(3 * kSecond);
  for (int i = 0; i < 2; ++i) {
    auto jobs = PullAndStep();
    ASSERT_EQ(jobs.size(), 1u);
    Fail(jobs[0]);
    EXPECT_TRUE(PullAndStep().empty());
    model_.ForgetFailures(now_);
    Advance(3 * kSecond);
    scheduler_.Pull(++pull_, "w", 0, now_, now_);
    scheduler_.Heartbeat("w", {}, now_);
  }
}

TEST_F(CompactionSchedulerTest, WhatIsUnavailableIsHeldAgainstNobody) {
  const Ulid id = model_.Add(kSegments, 10, now_);
  Advance(3 * kSecond);
  for (int i = 0; i < 20; ++i) {
    auto jobs = PullAndStep();
    ASSERT_EQ(jobs.size(), 1u) << i;
    Fail(jobs[0], ReturnReason::kUnavailable);
    EXPECT_TRUE(PullAndStep().empty()) << "it waits a while";
    scheduler_.Pull(++pull_, "w", 0, now_, now_);
    Advance(600 * kSecond);
  }
  EXPECT_EQ(model_.blocks().at(id).failures, 0u);
}

TEST_F(CompactionSchedulerTest, AWorkerThatStopsGivesItsJobToTheNextAtOnce) {
  const Ulid id = model_.Add(QueueAt(2), 10, now_);
  Advance(900 * kSecond);
  auto jobs = PullAndStep();
  ASSERT_EQ(jobs.size(), 1u);
  Fail(jobs[0], ReturnReason::kStopping);
  jobs = PullAndStep(1, "v");
  ASSERT_EQ(jobs.size(), 1u) << "its age counts from before";
  EXPECT_EQ(jobs[0].inputs, std::vector<Ulid>{id});
}

TEST_F(CompactionSchedulerTest, ALeaseThatNobodySpeaksOfGoesToTheNextWorkerWhoAsks) {
  model_.Add(kSegments, 10, now_);
  Advance(3 * kSecond);
  const auto first = PullAndStep(1, "dead");
  ASSERT_EQ(first.size(), 1u);
  EXPECT_TRUE(PullAndStep(1, "w").empty());
  Advance(15 * kSecond - 1);
  EXPECT_TRUE(Step().empty());
  EXPECT_EQ(scheduler_.NextNs(now_), now_ + 1);
  Advance(1);
  const auto second = Step();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].id, first[0].id);
  EXPECT_GT(second[0].token, first[0].token);
  EXPECT_EQ(second[0].inputs, first[0].inputs);
  // The dead one comes back: it may stop, and what it says changes nothing.
  EXPECT_EQ(scheduler_.Heartbeat("dead", {{.id = first[0].id, .token = first[0].token}}, now_), std::vector{first[0].id});
  EXPECT_FALSE(scheduler_.Finished(first[0].id, first[0].token).has_value());
  EXPECT_FALSE(model_.Finish(first[0].id, first[0].token, first[0].inputs, std::nullopt, now_));
  EXPECT_TRUE(scheduler_.Heartbeat("w", {{.id = second[0].id, .token = second[0].token}}, now_).empty());
  Finish(second[0]);
}

TEST_F(CompactionSchedulerTest, HeartbeatsKeepALease) {
  model_.Add(kSegments, 10, now_);
  Advance(3 * kSecond);
  const auto jobs = PullAndStep(1, "w");
  ASSERT_EQ(jobs.size(), 1u);
  for (int i = 0; i < 20; ++i) {
    Advance(10 * kSecond);
    EXPECT_TRUE(scheduler_.Heartbeat("w", {{.id = jobs[0].id, .token = jobs[0].token, .bytes_done = 3, .bytes_total = 10}}, now_)
                    .empty());
    EXPECT_TRUE(PullAndStep(1, "v").empty());
  }
  EXPECT_EQ(scheduler_.jobs().at(jobs[0].id).bytes_done, 3u);
}

TEST_F(CompactionSchedulerTest, FourLostLeasesAreAFailure) {
  const Ulid id = model_.Add(kSegments, 10, now_);
  Advance(3 * kSecond);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(PullAndStep(1, "dead" + std::to_string(i)).size(), 1u) << i;
    Advance(15 * kSecond);
  }
  EXPECT_TRUE(PullAndStep().empty());
  EXPECT_EQ(model_.blocks().at(id).failures, 1u);
  EXPECT_EQ(model_.blocks().at(id).not_before_ns, now_ + 5 * kSecond);
  EXPECT_TRUE(scheduler_.jobs().empty());
  const SchedulerEvents events = scheduler_.TakeEvents();
  EXPECT_EQ(events.leases_expired, 4u);
  EXPECT_EQ(events.retried.at(1), 3u);
  EXPECT_EQ(events.failed.at(1), 1u);
}

TEST_F(CompactionSchedulerTest, ANewLeaderGivesJobsAFreshLeaseTime) {
  model_.Add(kSegments, 10, now_);
  Advance(3 * kSecond);
  const auto jobs = PullAndStep(1, "w");
  ASSERT_EQ(jobs.size(), 1u);
  Advance(14 * kSecond);
  CompactionScheduler next(policy_);
  next.Begin(false);
  model_.Load(next, now_);
  EXPECT_TRUE(next.Heartbeat("w", {{.id = jobs[0].id, .token = jobs[0].token}}, now_).empty()) << "the lease is known";
  next.Pull(1, "v", 1, now_ + 3600 * kSecond, now_);
  now_ += 15 * kSecond - 1;
  next.Heartbeat("v", {}, now_);
  EXPECT_TRUE(next.Decide(now_).leases.empty());
  ++now_;
  EXPECT_EQ(next.Decide(now_).leases.size(), 1u);
}

TEST_F(CompactionSchedulerTest, WhatWaitedUnderTheLastLeaderIsNotPutOff) {
  model_.Add(QueueAt(3), 10, now_);
  model_.Add(QueueAt(3), 10, now_);
  now_ += 86'000 * kSecond;
  CompactionScheduler next(policy_);
  next.Begin(false);
  model_.Load(next, now_);
  next.Pull(1, "w", 1, now_ + 3600 * kSecond, now_);
  now_ += 400 * kSecond - 1;
  next.Heartbeat("w", {}, now_);
  EXPECT_TRUE(next.Decide(now_).leases.empty());
  ++now_;
  EXPECT_EQ(next.Decide(now_).leases.size(), 1u);
}

TEST_F(CompactionSchedulerTest, OldBlocksThatAreHeardOfGather) {
  model_.AddAs(IdAt(kT0 - 3600 * kSecond, 1), kSegments, 10, now_);
  model_.AddAs(IdAt(kT0 + 3600 * kSecond, 2), kSegments, 10, now_);  // a clock that is ahead
  EXPECT_TRUE(PullAndStep().empty());
  Advance(3 * kSecond);
  const auto jobs = Step();
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].inputs.size(), 2u);
}

TEST_F(CompactionSchedulerTest, LowerLevelsGoFirstThenWhatWasDueFirst) {
  model_.Add(QueueAt(2), 1, now_);
  Advance(10 * kSecond);
  model_.Add(QueueAt(1, "t", 1), 1, now_);
  Advance(10 * kSecond);
  model_.Add(QueueAt(1, "t", 2), 1, now_);
  model_.Add(kSegments, 1, now_);
  Advance(900 * kSecond);
  const auto jobs = PullAndStep(16);
  ASSERT_EQ(jobs.size(), 4u);
  EXPECT_EQ(jobs[0].level, 1u);
  EXPECT_EQ(jobs[1].level, 2u);
  EXPECT_EQ(jobs[1].shard, 1u);
  EXPECT_EQ(jobs[2].shard, 2u);
  EXPECT_EQ(jobs[3].level, 3u);
}

TEST_F(CompactionSchedulerTest, TenantsTakeTurns) {
  for (uint32_t shard = 1; shard <= 20; ++shard) model_.Add(QueueAt(1, "large", shard), 1, now_);
  Advance(kSecond);
  for (uint32_t shard = 1; shard <= 2; ++shard) model_.Add(QueueAt(1, "small", shard), 1, now_);
  Advance(60 * kSecond);
  const auto jobs = PullAndStep(6);
  std::vector<std::string> tenants;
  for (const CompactionJob& job : jobs) tenants.push_back(job.tenant);
  EXPECT_EQ(tenants, (std::vector<std::string>{"large", "small", "large", "small", "large", "large"}));
}

TEST_F(CompactionSchedulerTest, ATenantWithOneBusyQueueDoesNotKeepOthersWaiting) {
  for (int i = 0; i < 500; ++i) model_.Add(QueueAt(1, "large"), 1, now_);
  for (int i = 0; i < 50; ++i) model_.Add(QueueAt(1, "small"), 1, now_);
  const auto jobs = PullAndStep(3);
  ASSERT_EQ(jobs.size(), 3u);
  EXPECT_TRUE(jobs[1].tenant == "small" || jobs[0].tenant == "small");
}

TEST_F(CompactionSchedulerTest, NothingIsHandedOutWhilePaused) {
  model_.Add(kSegments, 10, now_);
  scheduler_.SetPaused(true);
  Advance(3 * kSecond);
  EXPECT_TRUE(PullAndStep().empty());
  scheduler_.SetPaused(false);
  const auto jobs = Step();
  ASSERT_EQ(jobs.size(), 1u);
  scheduler_.SetPaused(true);
  Advance(60 * kSecond);
  EXPECT_TRUE(PullAndStep(1, "v").empty()) << "no lease is given anew either";
  Finish(jobs[0]);
}

TEST_F(CompactionSchedulerTest, ForcedBlocksAreDueNowAndOnce) {
  model_.Add(QueueAt(1, "a"), 1, now_);
  model_.Add(QueueAt(2, "a"), 1, now_);
  model_.Add(QueueAt(3, "b"), 1, now_);
  model_.Add(QueueAt(4, "b"), 1, now_);
  scheduler_.Force({2}, "", now_);
  EXPECT_EQ(PullAndStep(16).size(), 1u);
  scheduler_.Force({}, "b", now_);
  auto jobs = PullAndStep(16);
  ASSERT_EQ(jobs.size(), 1u) << "also a lone one, and not the last level";
  EXPECT_EQ(jobs[0].tenant, "b");
  EXPECT_TRUE(model_.Finish(jobs[0].id, jobs[0].token, jobs[0].inputs, QueueAt(4, "b"), now_));
  scheduler_.Finished(jobs[0].id, jobs[0].token);
  scheduler_.Force({4}, "", now_);
  jobs = PullAndStep(16);
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].level, 4u);
  EXPECT_EQ(jobs[0].inputs.size(), 2u);
  EXPECT_TRUE(model_.Finish(jobs[0].id, jobs[0].token, jobs[0].inputs, QueueAt(4, "b"), now_));
  scheduler_.Finished(jobs[0].id, jobs[0].token);
  EXPECT_TRUE(PullAndStep(16).empty()) << "what came of it is not forced";
}

TEST_F(CompactionSchedulerTest, PullsEndShortlyBeforeTheirTime) {
  scheduler_.Pull(7, "w", 1, now_ + 2 * kSecond, now_);
  Step();
  EXPECT_TRUE(answered_.empty());
  const int64_t next_ns = scheduler_.NextNs(now_);
  EXPECT_LT(next_ns, now_ + 2 * kSecond);
  Advance(next_ns - now_);
  EXPECT_TRUE(Step().empty());
  EXPECT_EQ(answered_, std::vector<uint64_t>{7});
}

TEST_F(CompactionSchedulerTest, ASilentWorkerGetsNothing) {
  scheduler_.Pull(7, "killed", 1, now_ + 3600 * kSecond, now_);
  Advance(6 * kSecond);
  model_.Add(kSegments, 10, now_);
  Advance(3 * kSecond);
  EXPECT_TRUE(Step().empty());
  EXPECT_EQ(answered_, std::vector<uint64_t>{7}) << "its pull is over";
  EXPECT_EQ(PullAndStep(1, "alive").size(), 1u);
}

TEST_F(CompactionSchedulerTest, AWorkerHasOnePullAndTakesItBackWithoutCredits) {
  scheduler_.Pull(1, "w", 1, now_ + 3600 * kSecond, now_);
  scheduler_.Pull(2, "w", 2, now_ + 3600 * kSecond, now_);
  Step();
  EXPECT_EQ(answered_, std::vector<uint64_t>{1});
  scheduler_.Pull(3, "w", 0, now_ + 3600 * kSecond, now_);
  model_.Add(kSegments, 10, now_);
  Advance(3 * kSecond);
  EXPECT_TRUE(Step().empty());
  EXPECT_EQ(answered_, (std::vector<uint64_t>{1, 2, 3}));
}

TEST_F(CompactionSchedulerTest, WaitingPullsAreBounded) {
  policy_.pulls_max = 2;
  CompactionScheduler scheduler(policy_);
  EXPECT_TRUE(scheduler.Pull(1, "a", 1, now_ + kSecond, now_));
  EXPECT_TRUE(scheduler.Pull(2, "b", 1, now_ + kSecond, now_));
  EXPECT_FALSE(scheduler.Pull(3, "c", 1, now_ + kSecond, now_));
}

TEST_F(CompactionSchedulerTest, WhatIsNotFreeIsLeftOutAndTheRestIsTriedAgain) {
  const Ulid gone = model_.Add(kSegments, 10, now_);
  const Ulid here = model_.Add(kSegments, 10, now_);
  Advance(3 * kSecond);
  scheduler_.Pull(1, "w", 1, now_ + 3600 * kSecond, now_);
  const Decisions decisions = scheduler_.Decide(now_);
  ASSERT_EQ(decisions.leases.size(), 1u);
  model_.Remove(gone, now_);  // in the log before the proposal
  scheduler_.Leased(decisions.leases[0].number, model_.Lease(decisions.leases[0], now_), now_);
  const auto jobs = Step();
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].inputs, std::vector<Ulid>{here});
  EXPECT_FALSE(reload_);
}

TEST_F(CompactionSchedulerTest, AnAnswerThatIsLostLeadsToAReload) {
  model_.Add(kSegments, 10, now_);
  Advance(3 * kSecond);
  scheduler_.Pull(1, "w", 1, now_ + 3600 * kSecond, now_);
  Decisions decisions = scheduler_.Decide(now_);
  ASSERT_EQ(decisions.leases.size(), 1u);
  const auto applied = model_.Lease(decisions.leases[0], now_);  // and yet:
  scheduler_.Leased(decisions.leases[0].number, DeadlineExceeded("no answer"), now_);
  decisions = scheduler_.Decide(now_);
  EXPECT_TRUE(decisions.reload);
  EXPECT_TRUE(decisions.leases.empty());
  scheduler_.Reload();
  model_.Load(scheduler_, now_);
  EXPECT_FALSE(scheduler_.Decide(now_).reload);
  EXPECT_EQ(scheduler_.blocks_known(), 0u);
  ASSERT_EQ(scheduler_.jobs().size(), 1u) << "a job that nobody was told of";
  Advance(15 * kSecond);
  const auto jobs = Step();
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].id, applied[0].id);
}

TEST_F(CompactionSchedulerTest, AProposalInFlightKeepsItsBlocksThroughAReload) {
  model_.Add(kSegments, 10, now_);
  Advance(3 * kSecond);
  scheduler_.Pull(1, "w", 1, now_ + 3600 * kSecond, now_);
  scheduler_.Pull(2, "v", 1, now_ + 3600 * kSecond, now_);
  const Decisions decisions = scheduler_.Decide(now_);
  ASSERT_EQ(decisions.leases.size(), 1u);
  scheduler_.Reload();
  model_.Load(scheduler_, now_);
  EXPECT_TRUE(scheduler_.Decide(now_).leases.empty()) << "not in two proposals";
  scheduler_.Leased(decisions.leases[0].number, model_.Lease(decisions.leases[0], now_), now_);
  EXPECT_EQ(Step().size(), 1u);
}

TEST_F(CompactionSchedulerTest, MemoryIsBoundedAndWhatIsForgottenIsReadAgain) {
  policy_.blocks_known_max = 100;
  CompactionScheduler scheduler(policy_);
  scheduler.Begin(false);
  model_.SetScheduler(scheduler);
  for (int i = 0; i < 150; ++i) model_.Add(QueueAt(2), 10, now_);
  EXPECT_EQ(scheduler.blocks_known(), 100u);
  for (int i = 0; i < 50; ++i) model_.Add(kSegments, 10, now_);
  EXPECT_EQ(scheduler.blocks_known(), 100u);
  EXPECT_EQ(scheduler.Levels(now_)[0].blocks, 50u) << "lower levels go first";
  EXPECT_FALSE(scheduler.Decide(now_).reload) << "no room yet";
  now_ += 3 * kSecond;
  scheduler.Pull(1, "w", 1, now_ + 3600 * kSecond, now_);
  const Decisions decisions = scheduler.Decide(now_);
  ASSERT_EQ(decisions.leases.size(), 1u);
  scheduler.Leased(decisions.leases[0].number, model_.Lease(decisions.leases[0], now_), now_);
  ASSERT_TRUE(scheduler.Decide(now_).reload);
  scheduler.Reload();
  model_.Load(scheduler, now_);
  EXPECT_EQ(scheduler.blocks_known(), 100u);
  EXPECT_FALSE(scheduler.Decide(now_).reload);
}

TEST_F(CompactionSchedulerTest, TheLastLevelAloneNeedsNoReload) {
  policy_.blocks_known_max = 100;
  CompactionScheduler scheduler(policy_);
  scheduler.Begin(false);
  model_.SetScheduler(scheduler);
  std::vector<Ulid> ids;
  for (int i = 0; i < 150; ++i) ids.push_back(model_.Add(QueueAt(4), 10, now_));
  for (int i = 0; i < 60; ++i) model_.Remove(ids[static_cast<size_t>(i)], now_);
  EXPECT_FALSE(scheduler.Decide(now_).reload);
  model_.Delete(ids.back(), now_);  // forgotten, and yet
  scheduler.Pull(1, "w", 1, now_ + 3600 * kSecond, now_);
  const Decisions decisions = scheduler.Decide(now_);
  ASSERT_EQ(decisions.leases.size(), 1u);
  EXPECT_EQ(decisions.leases[0].jobs[0].inputs, std::vector<Ulid>{ids.back()});
}

}  // namespace
}  // namespace brazier::metastore
