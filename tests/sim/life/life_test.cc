// Short runs of the simulated life of data, and proof that it sees what it looks for. More seeds: ./dev sim --life.
#include <gtest/gtest.h>

#include "tests/sim/life/life_simulation.h"

namespace brazier::simulation {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeeds = 4;
#else
constexpr uint64_t kSeeds = 25;
#endif

TEST(LifeTest, NoAnswerEverChanges) {
  LifeFigures total;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const LifeResult result = SimulateLife({.seed = seed});
    ASSERT_EQ(result.failure, "") << "seed " << seed << "; again: ./dev sim --life --seeds 1 --first " << seed;
    total.segments += result.figures.segments;
    total.jobs_finished += result.figures.jobs_finished;
    total.jobs_refused += result.figures.jobs_refused;
    total.workers_died += result.figures.workers_died;
    total.queries += result.figures.queries;
    total.rollup_rows += result.figures.rollup_rows;
    total.deletions += result.figures.deletions;
    total.damaged += result.figures.damaged;
    total.orphans += result.figures.orphans;
    total.objects_deleted += result.figures.objects_deleted;
  }
  // Luck did not keep anything away.
  EXPECT_GT(total.segments, kSeeds * 100);
  EXPECT_GT(total.jobs_finished, kSeeds * 30);
  EXPECT_GT(total.jobs_refused, kSeeds / 2);
  EXPECT_GT(total.workers_died, kSeeds * 3);
  EXPECT_GT(total.queries, kSeeds * 50);
  EXPECT_GT(total.rollup_rows, kSeeds * 50);
  EXPECT_GT(total.deletions, kSeeds * 2);
  EXPECT_GT(total.damaged, kSeeds);
  EXPECT_GT(total.orphans, kSeeds);
  EXPECT_GT(total.objects_deleted, kSeeds * 100);
}

TEST(LifeTest, TheSameSeedGivesTheSameRun) {
  for (uint64_t seed : {7, 8}) {
    EXPECT_EQ(SimulateLife({.seed = seed}).trace, SimulateLife({.seed = seed}).trace);
    EXPECT_NE(SimulateLife({.seed = seed}).trace, SimulateLife({.seed = seed + 100}).trace);
  }
}

// A planted bug must be found, or the checks are worth nothing.
class LifeCanaryTest : public ::testing::TestWithParam<LifeCanary> {};

TEST_P(LifeCanaryTest, IsCaughtWithinAFewSeeds) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    if (!SimulateLife({.seed = seed, .canary = GetParam()}).failure.empty()) return;
  }
  FAIL() << LifeCanaryName(GetParam()) << " was not caught in 20 seeds";
}

INSTANTIATE_TEST_SUITE_P(All, LifeCanaryTest,
                         ::testing::Values(LifeCanary::kLoseARepeatedTime, LifeCanary::kForgetDeletions));

}  // namespace
}  // namespace brazier::simulation
