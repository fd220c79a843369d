// The janitor: objects go after the delay and at their rate, failures stay and hold up nobody, a restart anywhere does no harm.
#include "server/metastore/lifecycle/janitor.h"

#include <gtest/gtest.h>

#include "store/object/memory_object_store.h"
#include "tests/server/metastore/lifecycle/fake_lifecycle_index.h"
#include "tests/support/controlled_object_store.h"
#include "tests/support/fake_clock.h"

namespace brazier::metastore {
namespace {

using brazier::testing::ControlledObjectStore;
using brazier::testing::FakeClock;
using brazier::testing::kTestNowNs;
using testing::FakeLifecycleIndex;

constexpr int64_t kMinute = 60 * kNsPerSecond;

struct JanitorTest : ::testing::Test {
  FakeClock clock;
  FakeLifecycleIndex index{clock};
  object::MemoryObjectStore memory;
  ControlledObjectStore objects{memory};
  MetricsRegistry registry;
  LifecycleMetrics metrics{registry};
  JanitorOptions options{.delete_delay_ns = 15 * kMinute, .objects_per_second = 1'000'000};
  Result<uint64_t> free_bytes = uint64_t{1} << 40;
  bool stops = false;
  int pauses = 0;
  std::unique_ptr<Janitor> janitor;

  Janitor& Make() {
    janitor = std::make_unique<Janitor>(options, index, objects, [this] { return free_bytes; }, clock, metrics,
                                        [this](int64_t ns) {
                                          ++pauses;
                                          clock.Advance(ns);
                                          return !stops;
                                        });
    return *janitor;
  }
  std::string Remove(uint64_t n, uint64_t size = 100) {
    BlockMeta block;
    block.id = Ulid{{n << 16, n}};
    block.level = 1;
    block.size = size;
    block.datasets = {DatasetMeta{.tenant = "a"}};
    EXPECT_TRUE(memory.Put(block.ObjectKey(), {AsBytes(std::string_view("x"))}).ok());
    index.Add(block);
    index.Remove(block.id);
    return block.ObjectKey();
  }
  size_t ObjectsLeft() { return memory.List("", "", 1'000'000)->size(); }
};

TEST_F(JanitorTest, DeletesAfterTheDelayAndNotBefore) {
  Janitor& janitor = Make();
  Remove(1);
  clock.Advance(10 * kMinute);
  Remove(2);
  ASSERT_TRUE(janitor.RunOnce().ok());
  EXPECT_EQ(ObjectsLeft(), 2u);
  EXPECT_EQ(metrics.tombstones.value(), 2);
  EXPECT_EQ(metrics.tombstones_bytes.value(), 200);
  EXPECT_EQ(metrics.tombstones_oldest_seconds.value(), 600);
  clock.Advance(5 * kMinute + 1);
  ASSERT_TRUE(janitor.RunOnce().ok());
  EXPECT_EQ(ObjectsLeft(), 1u);
  EXPECT_EQ(index.state.tombstones.size(), 1u);
  EXPECT_EQ(metrics.tombstones.value(), 1);
  EXPECT_EQ(metrics.objects_deleted_total.value(), 1u);
  EXPECT_EQ(metrics.objects_deleted_bytes_total.value(), 100u);
  index.leads = false;
  clock.Advance(60 * kMinute);
  ASSERT_TRUE(janitor.RunOnce().ok());
  EXPECT_EQ(ObjectsLeft(), 1u) << "another one leads";
  EXPECT_EQ(metrics.tombstones.value(), 0);
}

TEST_F(JanitorTest, WhatCannotBeDeletedStaysAndHoldsUpNobody) {
  Janitor& janitor = Make();
  std::string bad;
  for (uint64_t n = 1; n <= 1'200; ++n) {
    const std::string key = Remove(n);
    if (n == 7) bad = key;
  }
  objects.FailDeletes(bad, Unavailable("access denied"));
  clock.Advance(16 * kMinute);
  ASSERT_TRUE(janitor.RunOnce().ok());
  EXPECT_EQ(ObjectsLeft(), 1u);
  ASSERT_EQ(index.state.tombstones.size(), 1u);
  EXPECT_EQ(index.state.tombstones.begin()->second.ObjectKey(), bad);
  EXPECT_EQ(metrics.object_deletes_failed_total.value(), 1u);
  ASSERT_TRUE(janitor.RunOnce().ok());
  EXPECT_EQ(metrics.object_deletes_failed_total.value(), 2u);
  objects.FailDeletes("", Status());
  ASSERT_TRUE(janitor.RunOnce().ok());
  EXPECT_EQ(ObjectsLeft(), 0u);
  EXPECT_TRUE(index.state.tombstones.empty());
}

TEST_F(JanitorTest, AStoreThatIsAwayIsNotHammered) {
  Janitor& janitor = Make();
  for (uint64_t n = 1; n <= 1'200; ++n) Remove(n);
  objects.FailDeletes("", Unavailable("away"));
  clock.Advance(16 * kMinute);
  ASSERT_TRUE(janitor.RunOnce().ok());
  EXPECT_EQ(objects.deletes(), Janitor::kFailuresInARowMax);
  EXPECT_EQ(index.state.tombstones.size(), 1'200u);
  objects.FailDeletes("", Status());
  ASSERT_TRUE(janitor.RunOnce().ok());
  EXPECT_EQ(ObjectsLeft(), 0u);
}

TEST_F(JanitorTest, KeepsToItsRate) {
  options.objects_per_second = 50;
  Janitor& janitor = Make();
  for (uint64_t n = 1; n <= 1'000; ++n) Remove(n);
  clock.Advance(16 * kMinute);
  const int64_t start_ns = clock.MonotonicNs();
  while (!index.state.tombstones.empty()) ASSERT_TRUE(janitor.RunOnce().ok());
  const int64_t took_ns = clock.MonotonicNs() - start_ns;
  EXPECT_GE(took_ns, 19 * kNsPerSecond);
  EXPECT_LE(took_ns, 21 * kNsPerSecond);
}

// Whatever it saw, it asks again before long: a member that was cut off must not act on it.
TEST_F(JanitorTest, ActsOnAFreshViewOnly) {
  options.objects_per_second = 1;
  Janitor& janitor = Make();
  for (uint64_t n = 1; n <= 500; ++n) Remove(n);
  clock.Advance(16 * kMinute);
  int64_t seen_ns = 0;
  index.before_view = [&] { seen_ns = clock.MonotonicNs(); };
  index.leads = true;
  ASSERT_TRUE(janitor.RunOnce().ok());
  EXPECT_GE(index.views, 500 / 21);
}

TEST_F(JanitorTest, ACrashBetweenDeleteAndPurgeIsRepeated) {
  Make();
  for (uint64_t n = 1; n <= 10; ++n) Remove(n);
  clock.Advance(16 * kMinute);
  index.failure = Unavailable("no majority");
  EXPECT_FALSE(janitor->RunOnce().ok());
  EXPECT_EQ(ObjectsLeft(), 0u);
  EXPECT_EQ(index.state.tombstones.size(), 10u);
  index.failure = Status();
  ASSERT_TRUE(Make().RunOnce().ok()) << "a new process";
  EXPECT_TRUE(index.state.tombstones.empty());
}

TEST_F(JanitorTest, AStopEndsAPassAndKeepsWhatIsDone) {
  options.objects_per_second = 10;
  Janitor& janitor = Make();
  for (uint64_t n = 1; n <= 10; ++n) Remove(n);
  clock.Advance(16 * kMinute);
  stops = true;
  ASSERT_TRUE(janitor.RunOnce().ok());
  EXPECT_EQ(pauses, 1);
  EXPECT_EQ(ObjectsLeft(), index.state.tombstones.size());
  EXPECT_GT(index.state.tombstones.size(), 0u);
}

TEST_F(JanitorTest, AFullDiskDoesNotWait) {
  options.free_bytes_min = 1'000;
  Janitor& janitor = Make();
  Remove(1);
  ASSERT_TRUE(janitor.RunOnce().ok());
  EXPECT_EQ(ObjectsLeft(), 1u);
  free_bytes = uint64_t{999};
  ASSERT_TRUE(janitor.RunOnce().ok());
  EXPECT_EQ(ObjectsLeft(), 0u);
  Remove(2);
  free_bytes = Unavailable("statvfs");
  ASSERT_TRUE(janitor.RunOnce().ok());
  EXPECT_EQ(ObjectsLeft(), 1u) << "who cannot tell keeps to the delay";
}

TEST_F(JanitorTest, ForgetsDeletionsThatWereConfirmedLongAgo) {
  Janitor& janitor = Make();
  const auto add = [&](uint64_t n, int64_t confirmed_ns) {
    index.state.deletions.push_back({.id = Ulid{{n, n}}, .created_ns = 1, .confirmed_ns = confirmed_ns});
  };
  const int64_t day = 24 * 60 * kMinute;
  add(1, clock.NowNs() - 31 * day);
  add(2, clock.NowNs() - 29 * day);
  add(3, 0);
  ASSERT_TRUE(janitor.RunOnce().ok());
  ASSERT_EQ(index.state.deletions.size(), 2u);
  EXPECT_EQ(index.state.deletions[0].id, (Ulid{{2, 2}}));
  EXPECT_EQ(metrics.deletions_pending.value(), 1);
}

TEST(Pacer, LetsThroughWhatTheRateAllows) {
  Pacer pacer(100, 50'000'000);
  int64_t now_ns = 0;
  EXPECT_EQ(pacer.Take(5, now_ns), 0) << "the burst";
  EXPECT_EQ(pacer.Take(1, now_ns), 0) << "paid for by then";
  EXPECT_EQ(pacer.Take(1, now_ns), 10'000'000);
  now_ns += kNsPerSecond;
  int64_t waited = 0;
  for (int i = 0; i < 1'000; ++i) {
    const int64_t wait_ns = pacer.Take(1, now_ns);
    now_ns += wait_ns;
    waited += wait_ns;
  }
  EXPECT_NEAR(static_cast<double>(waited), 9.95e9, 0.05e9);
}

}  // namespace
}  // namespace brazier::metastore
