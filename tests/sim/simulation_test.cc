// Short runs of the simulation, and proof that it sees what it looks for. More seeds: ./dev sim.
#include <gtest/gtest.h>

#include "tests/sim/simulated_cluster.h"

namespace brazier::simulation {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeeds = 8;
#else
constexpr uint64_t kSeeds = 60;
#endif

TEST(SimulationTest, EveryCheckHolds) {
  SimulationResult total;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const SimulationOptions options{.seed = seed};
    SCOPED_TRACE(ReplayCommand(options));
    const SimulationResult result = Simulate(options);
    ASSERT_EQ(result.failure, "") << "seed " << seed << "; again: " << ReplayCommand(options);
    total.workload.adds_acknowledged += result.workload.adds_acknowledged;
    total.workload.reads_answered += result.workload.reads_answered;
    total.leaders += result.leaders;
    total.snapshots += result.snapshots;
    total.faults.crashes += result.faults.crashes;
    total.faults.partitions += result.faults.partitions;
    total.faults.stalls += result.faults.stalls;
    total.faults.full_disks += result.faults.full_disks;
    total.faults.transfers += result.faults.transfers;
    total.faults.lost_disks += result.faults.lost_disks;
    total.group.joins += result.group.joins;
    total.group.rejoins += result.group.rejoins;
    total.group.removals += result.group.removals;
  }
  // Neither did the faults keep the members from working, nor luck keep the faults away.
  EXPECT_GT(total.workload.adds_acknowledged, kSeeds * 20);
  EXPECT_GT(total.workload.reads_answered, kSeeds * 40);
  EXPECT_GT(total.leaders, kSeeds * 2);
  EXPECT_GT(total.snapshots, kSeeds / 4);
  EXPECT_GT(total.faults.crashes, kSeeds);
  EXPECT_GT(total.faults.partitions, kSeeds / 2);
  EXPECT_GT(total.faults.stalls, kSeeds / 2);
  EXPECT_GT(total.faults.full_disks, kSeeds / 2);
  EXPECT_GT(total.faults.transfers, kSeeds / 2);
  EXPECT_GT(total.faults.lost_disks, kSeeds / 2);
  EXPECT_GT(total.group.joins, kSeeds);
  EXPECT_GT(total.group.rejoins, kSeeds / 4);
  EXPECT_GT(total.group.removals, kSeeds);
}

TEST(SimulationTest, TheSameSeedGivesTheSameRun) {
  for (uint64_t seed : {7, 8, 9}) {
    const SimulationResult first = Simulate({.seed = seed});
    const SimulationResult second = Simulate({.seed = seed});
    EXPECT_EQ(first.trace, second.trace);
    EXPECT_EQ(first.events, second.events);
    EXPECT_NE(first.trace, Simulate({.seed = seed + 100}).trace);
  }
}

// A planted bug must be found, or the checks are worth nothing.
class CanaryTest : public ::testing::TestWithParam<Canary> {};

TEST_P(CanaryTest, IsCaughtWithinAFewSeeds) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const SimulationResult result = Simulate({.seed = seed, .canary = GetParam()});
    if (!result.failure.empty()) return;
  }
  FAIL() << CanaryName(GetParam()) << " was not caught in 20 seeds";
}

INSTANTIATE_TEST_SUITE_P(All, CanaryTest,
                         ::testing::Values(Canary::kUnsyncedLog, Canary::kSkippedCommand,
                                         Canary::kReadsWithoutBarrier, Canary::kEmptyDiskOldId));

}  // namespace
}  // namespace brazier::simulation
