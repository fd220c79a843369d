// Suspects: what the leader cannot read either is quarantined, what it can is left alone and not read again and again.
#include "server/metastore/lifecycle/suspects.h"

#include <gtest/gtest.h>

#include "tests/server/metastore/lifecycle/fake_lifecycle_index.h"
#include "tests/server/metastore/rebuild/bucket.h"
#include "tests/support/controlled_object_store.h"
#include "tests/support/fake_clock.h"

namespace brazier::metastore {
namespace {

using brazier::testing::ControlledObjectStore;
using brazier::testing::FakeClock;
using testing::FakeLifecycleIndex;
using testing::MakeObject;

struct SuspectsTest : ::testing::Test {
  FakeClock clock;
  FakeLifecycleIndex index{clock};
  object::MemoryObjectStore memory;
  ControlledObjectStore objects{memory};
  MetricsRegistry registry;
  LifecycleMetrics metrics{registry};
  bool stops = false;
  int wakes = 0;
  Suspects suspects{uint64_t{1} << 40, index, objects, clock, metrics,
                    [this](int64_t ns) {
                      clock.Advance(ns);
                      return !stops;
                    },
                    [this] { ++wakes; }};

  BlockMeta Put(uint64_t n) {
    const block::BuiltBlock built = MakeObject(static_cast<int64_t>(n), n, {{"red", "api", n + 1}}, 1, 1);
    PutBytes(built.meta, built.object);
    index.Add(built.meta);
    return built.meta;
  }
  void PutBytes(const BlockMeta& block, const std::string& bytes) {
    ASSERT_TRUE(memory.Put(block.ObjectKey(), {AsBytes(std::string_view(bytes))}).ok());
  }
  void Damage(const BlockMeta& block) {
    std::string bytes = memory.Get(block.ObjectKey()).value();
    bytes[bytes.size() / 4] ^= 0x10;
    PutBytes(block, bytes);
  }
  void Suspect(const BlockMeta& block) {
    EXPECT_TRUE(suspects.Report(block.id).ok());
    suspects.RunOnce();
  }
  uint64_t Count(const char* outcome) { return metrics.Suspects(outcome).value(); }
};

TEST_F(SuspectsTest, ADamagedBlockIsQuarantinedAndAWholeOneIsNot) {
  const BlockMeta bad = Put(1);
  const BlockMeta good = Put(2);
  Damage(bad);
  Suspect(bad);
  Suspect(good);
  EXPECT_EQ(wakes, 2);
  ASSERT_EQ(index.state.quarantined.size(), 1u);
  EXPECT_EQ(index.state.quarantined.begin()->first, bad.id);
  EXPECT_EQ(index.state.quarantined.begin()->second.reason.rfind("read failed: ", 0), 0u);
  EXPECT_EQ(Count("quarantined"), 1u);
  EXPECT_EQ(Count("whole"), 1u);
}

TEST_F(SuspectsTest, AWholeBlockIsNotReadAgainForAWhile) {
  const BlockMeta block = Put(1);
  Suspect(block);
  Damage(block);
  Suspect(block);
  EXPECT_TRUE(index.state.quarantined.empty()) << "its readers must not make the leader read it without end";
  clock.Advance(Suspects::kWholeForNs);
  Suspect(block);
  EXPECT_EQ(index.state.quarantined.size(), 1u);
}

TEST_F(SuspectsTest, WhatIsGoneOrUnknownIsNothing) {
  const BlockMeta block = Put(1);
  index.Remove(block.id);
  Suspect(block);
  EXPECT_TRUE(suspects.Report(Ulid{{1, 2}}).ok());
  suspects.RunOnce();
  EXPECT_EQ(Count("gone"), 2u);
}

TEST_F(SuspectsTest, AMissingObjectIsBelievedUnlessNothingIsThere) {
  const BlockMeta lost = Put(1);
  const BlockMeta other = Put(2);
  ASSERT_TRUE(memory.Put("metastore/snapshots/1/x", {AsBytes(std::string_view("no block"))}).ok());
  ASSERT_TRUE(memory.Delete(lost.ObjectKey()).ok());
  Suspect(lost);
  EXPECT_EQ(Count("quarantined"), 1u);
  ASSERT_TRUE(memory.Delete(other.ObjectKey()).ok());
  Suspect(other);
  EXPECT_EQ(Count("doubted"), 1u);
  EXPECT_EQ(index.state.quarantined.size(), 1u);
}

TEST_F(SuspectsTest, ManyMissingObjectsAreDoubted) {
  Put(0);
  for (uint64_t n = 1; n <= Suspects::kMissingPerHourMax + 10; ++n) {
    const BlockMeta block = Put(n);
    ASSERT_TRUE(memory.Delete(block.ObjectKey()).ok());
    Suspect(block);
  }
  EXPECT_EQ(Count("quarantined"), Suspects::kMissingPerHourMax);
  EXPECT_EQ(Count("doubted"), 10u);
  clock.Advance(3600 * kNsPerSecond);
  const BlockMeta block = Put(1'000);
  ASSERT_TRUE(memory.Delete(block.ObjectKey()).ok());
  Suspect(block);
  EXPECT_EQ(Count("quarantined"), Suspects::kMissingPerHourMax + 1) << "an hour later some are believed again";
}

TEST_F(SuspectsTest, WhatCameBackIsWhole) {
  Put(1);
  const block::BuiltBlock away = MakeObject(2, 2, {{"red", "api", 3}}, 1, 1);
  index.Add(away.meta);
  // Both reads miss it; the store is back before it is called lost.
  objects.BeforeLists([&] { PutBytes(away.meta, away.object); });
  Suspect(away.meta);
  EXPECT_TRUE(index.state.quarantined.empty());
  EXPECT_EQ(Count("whole"), 1u);
}

// A report wakes the loop, which must not make it read faster.
TEST_F(SuspectsTest, AWakeDoesNotShortenAPause) {
  const BlockMeta block = Put(1);
  Damage(block);  // it is read twice
  int pauses = 0;
  Suspects slow{/*bytes_per_second=*/100, index, objects, clock, metrics,
                [&](int64_t ns) {
                  ++pauses;
                  clock.Advance(std::min<int64_t>(ns, kNsPerSecond / 10));
                  return true;
                },
                [] {}};
  const int64_t begin_ns = clock.MonotonicNs();
  ASSERT_TRUE(slow.Report(block.id).ok());
  slow.RunOnce();
  const auto seconds = static_cast<double>(clock.MonotonicNs() - begin_ns) / 1e9;
  EXPECT_GT(seconds, 1);
  EXPECT_GT(pauses, 2);
  EXPECT_EQ(index.state.quarantined.size(), 1u);
}

TEST_F(SuspectsTest, AStoreThatDoesNotAnswerIsNoVerdict) {
  const BlockMeta block = Put(1);
  Damage(block);
  index.failure = Unavailable("no quorum");
  Suspect(block);
  EXPECT_TRUE(index.state.quarantined.empty());
  index.failure = Status();
  suspects.RunOnce();
  EXPECT_EQ(index.state.quarantined.size(), 1u) << "it is still in the line";
}

TEST_F(SuspectsTest, ABlockThatCanNeverBeCheckedHoldsUpNobody) {
  const BlockMeta stuck = Put(1);
  const BlockMeta bad = Put(2);
  Damage(stuck);
  Damage(bad);
  index.failure = Unavailable("no quorum");
  ASSERT_TRUE(suspects.Report(stuck.id).ok());
  ASSERT_TRUE(suspects.Report(bad.id).ok());
  suspects.RunOnce();
  index.failure = Status();
  suspects.RunOnce();
  EXPECT_EQ(index.state.quarantined.size(), 2u) << "the one behind it, then it again";
  const BlockMeta never = Put(3);
  Damage(never);
  index.failure = Unavailable("no quorum");
  ASSERT_TRUE(suspects.Report(never.id).ok());
  for (int i = 0; i < Suspects::kTriesMax; ++i) suspects.RunOnce();
  index.failure = Status();
  suspects.RunOnce();
  EXPECT_EQ(index.state.quarantined.size(), 2u) << "forgotten";
  Suspect(never);
  EXPECT_EQ(index.state.quarantined.size(), 3u) << "until it is reported again";
}

TEST_F(SuspectsTest, OnlyTheLeaderLooks) {
  const BlockMeta block = Put(1);
  Damage(block);
  ASSERT_TRUE(suspects.Report(block.id).ok());
  index.leads = false;
  EXPECT_EQ(suspects.Report(block.id).reason(), "not_leader");
  suspects.RunOnce();
  index.leads = true;
  suspects.RunOnce();
  EXPECT_TRUE(index.state.quarantined.empty()) << "what an earlier leader was told is forgotten";
}

TEST_F(SuspectsTest, TheLineIsBounded) {
  for (uint64_t n = 0; n < Suspects::kWaitingMax; ++n) ASSERT_TRUE(suspects.Report(Ulid{{1, n}}).ok());
  EXPECT_TRUE(suspects.Report(Ulid{{1, 0}}).ok()) << "it waits already";
  const Status refused = suspects.Report(Ulid{{2, 0}});
  EXPECT_EQ(refused.reason(), "suspects");
  EXPECT_NE(refused.message().find(Ulid{{2, 0}}.ToString()), std::string::npos) << refused.message();
  EXPECT_EQ(Count("refused"), 1u);
}

}  // namespace
}  // namespace brazier::metastore
