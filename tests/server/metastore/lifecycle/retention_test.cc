// Retention over an index: policies per tenant, blocks that go away meanwhile, the disk, and who does not lead.
#include "server/metastore/lifecycle/retention.h"

#include <gtest/gtest.h>

#include "tests/server/metastore/lifecycle/fake_lifecycle_index.h"
#include "tests/support/fake_clock.h"

namespace brazier::metastore {
namespace {

using brazier::testing::FakeClock;
using brazier::testing::kTestNowNs;
using testing::FakeLifecycleIndex;

constexpr int64_t kDay = int64_t{24} * 3600 * kNsPerSecond;

struct RetentionTest : ::testing::Test {
  FakeClock clock;
  FakeLifecycleIndex index{clock};
  MetricsRegistry registry;
  LifecycleMetrics metrics{registry};
  RetentionOptions options;
  std::unique_ptr<config::TenantOverrides> overrides;
  Result<uint64_t> free_bytes = uint64_t{1'000'000};

  Ulid Add(const std::string& tenant, int64_t age_ns, uint64_t size, uint32_t level = 3) {
    BlockMeta block;
    block.id = Ulid{{static_cast<uint64_t>((kTestNowNs - age_ns) / kNsPerMs) << 16, ++last}};
    block.level = level;
    block.max_time_ns = kTestNowNs - age_ns;
    block.size = size;
    block.datasets = {DatasetMeta{.tenant = tenant}};
    index.Add(block);
    return block.id;
  }
  void SetOverrides(const std::string& yaml) {
    overrides = config::TenantOverrides::Open("o.yaml", {},
                                              {.stamp = [](const std::string&) { return config::FileStamp(); },
                                               .read = [yaml](const std::string&) { return yaml; }})
                    .value();
  }
  Status Run() {
    return Retention(options, index, overrides.get(), [this] { return free_bytes; }, clock, metrics).RunOnce();
  }
  uint64_t Removed(RetentionReason reason) { return metrics.blocks_removed_total[static_cast<size_t>(reason)]->value(); }
  uint64_t last = 0;
};

TEST_F(RetentionTest, TenantsHaveLimitsOfTheirOwn) {
  options.policy = {.age_ns = 31 * kDay};
  const Ulid gone = Add("a", 32 * kDay, 10);
  const Ulid week = Add("week", 8 * kDay, 10);
  const Ulid kept = Add("for-ever", 400 * kDay, 10);
  const Ulid large = Add("small", 2 * kDay, 100);
  const Ulid small = Add("small", 1 * kDay, 100);
  SetOverrides(
      "tenants: { week: { retention.age: 7d }, for-ever: { retention.age: 0 }, small: { retention.bytes-max: 150B } }");
  ASSERT_TRUE(Run().ok());
  EXPECT_FALSE(index.state.blocks.contains(gone));
  EXPECT_FALSE(index.state.blocks.contains(week));
  EXPECT_FALSE(index.state.blocks.contains(large));
  EXPECT_TRUE(index.state.blocks.contains(kept));
  EXPECT_TRUE(index.state.blocks.contains(small));
  EXPECT_EQ(Removed(RetentionReason::kAge), 2u);
  EXPECT_EQ(Removed(RetentionReason::kTenantBytes), 1u);
  EXPECT_EQ(index.state.tombstones.size(), 3u);
}

TEST_F(RetentionTest, WhoDoesNotLeadDoesNothing) {
  options.policy = {.age_ns = kDay};
  Add("a", 2 * kDay, 10);
  index.leads = false;
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(index.views, 0);
  EXPECT_EQ(index.state.blocks.size(), 1u);
}

TEST_F(RetentionTest, ABlockThatWentAwayDoesNotKeepTheOthers) {
  options.policy = {.age_ns = kDay};
  std::vector<Ulid> ids;
  for (int i = 0; i < 1'234; ++i) ids.push_back(Add("a", 2 * kDay + i, 10));
  bool is_first = true;
  index.before_change = [&] {
    if (std::exchange(is_first, false)) {
      for (const size_t i : {3, 600, 1'233}) index.Remove(ids[i]);
    }
  };
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(index.state.blocks.empty());
  EXPECT_EQ(Removed(RetentionReason::kAge), 1'231u);
  EXPECT_LT(index.commands.size(), 60u);
}

TEST_F(RetentionTest, AnIndexThatDoesNotAnswerIsTriedAgain) {
  options.policy = {.age_ns = kDay};
  Add("a", 2 * kDay, 10);
  index.failure = Unavailable("no majority");
  EXPECT_EQ(Run().code(), Code::kUnavailable);
  EXPECT_EQ(metrics.retention_failures_total.value(), 1u);
  index.failure = Status();
  EXPECT_TRUE(Run().ok());
  EXPECT_TRUE(index.state.blocks.empty());
}

TEST_F(RetentionTest, AFullDiskTakesTheOldestAndWaitsForWhatIsBeingDeleted) {
  options.free_bytes_min = 1'000;
  const Ulid oldest = Add("a", 9 * kDay, 300);
  const Ulid second = Add("b", 8 * kDay, 300);
  const Ulid third = Add("a", 7 * kDay, 300);
  free_bytes = uint64_t{600};
  ASSERT_TRUE(Run().ok());
  EXPECT_FALSE(index.state.blocks.contains(oldest));
  EXPECT_FALSE(index.state.blocks.contains(second));
  EXPECT_TRUE(index.state.blocks.contains(third));
  EXPECT_EQ(Removed(RetentionReason::kFreeDisk), 2u);
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(index.state.blocks.contains(third)) << "their objects are still there; it would not be needed";
  index.state.tombstones.clear();  // deleted, and the disk is fuller than before
  free_bytes = uint64_t{900};
  ASSERT_TRUE(Run().ok());
  EXPECT_FALSE(index.state.blocks.contains(third));
}

TEST_F(RetentionTest, ADiskThatCannotBeLookedAtRemovesNothing) {
  options.free_bytes_min = 1'000;
  Add("a", 9 * kDay, 300);
  free_bytes = Unavailable("statvfs");
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(index.state.blocks.size(), 1u);
}

}  // namespace
}  // namespace brazier::metastore
