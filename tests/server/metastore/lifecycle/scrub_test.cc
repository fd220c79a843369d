// Scrub over a bucket and an index: what is wrong is found and quarantined, what is right is left alone, races are no findings, orphans
// go when they are old enough, and a wrong index or bucket makes it do nothing.
#include "server/metastore/lifecycle/scrub.h"

#include <gtest/gtest.h>

#include "tests/server/metastore/lifecycle/fake_lifecycle_index.h"
#include "tests/server/metastore/rebuild/bucket.h"
#include "tests/support/controlled_object_store.h"
#include "tests/support/fake_clock.h"

namespace brazier::metastore {
namespace {

using brazier::testing::ControlledObjectStore;
using brazier::testing::FakeClock;
using brazier::testing::kTestNowNs;
using testing::FakeLifecycleIndex;
using testing::MakeObject;

constexpr int64_t kHour = int64_t{3600} * kNsPerSecond;

struct ScrubTest : ::testing::Test {
  FakeClock clock;
  FakeLifecycleIndex index{clock};
  object::MemoryObjectStore memory;
  ControlledObjectStore objects{memory};
  MetricsRegistry registry;
  LifecycleMetrics metrics{registry};
  ScrubOptions options{.interval_ns = 7 * 24 * kHour, .bytes_per_second = uint64_t{1} << 40, .orphan_age_ns = kHour};
  bool stops = false;
  int wakes = 0;
  std::unique_ptr<Scrub> scrub;

  Scrub& Make() {
    scrub = std::make_unique<Scrub>(options, index, objects, clock, metrics,
                                    [this](int64_t ns) {
                                      clock.Advance(ns);
                                      return !stops;
                                    },
                                    [this] { ++wakes; });
    return *scrub;
  }
  block::BuiltBlock Object(uint64_t n, uint32_t level = 1) {
    return MakeObject(static_cast<int64_t>(n), n, {{"red", "api", n + 1}, {"red", "web", n + 1000}}, 1, level);
  }
  // In both.
  BlockMeta Put(uint64_t n, uint32_t level = 1) {
    const block::BuiltBlock built = Object(n, level);
    PutBytes(built.meta.ObjectKey(), built.object);
    index.Add(built.meta);
    return built.meta;
  }
  void PutBytes(const std::string& key, const std::string& bytes) {
    ASSERT_TRUE(memory.Put(key, {AsBytes(std::string_view(bytes))}).ok());
  }
  void Damage(const BlockMeta& block, uint64_t offset) {
    std::string bytes = memory.Get(block.ObjectKey()).value();
    bytes[offset] = static_cast<char>(bytes[offset] ^ 0x10);
    PutBytes(block.ObjectKey(), bytes);
  }
  contract::ScrubReport Run(bool repairs) {
    EXPECT_TRUE(scrub->Start(repairs).ok());
    scrub->RunOnce();
    return scrub->Report();
  }
  static std::string Text(const contract::ScrubReport& report) {
    std::string text = report.error;
    for (const std::string& finding : report.findings) text += finding + "\n";
    return text;
  }
  bool Exists(const BlockMeta& block) { return memory.Head(block.ObjectKey()).ok(); }
};

TEST_F(ScrubTest, AWholeBucketHasNoFindings) {
  Make();
  uint64_t bytes = 0;
  for (uint64_t n = 1; n <= 30; ++n) bytes += Put(n, n % 3).size;
  const auto report = Run(true);
  EXPECT_EQ(Text(report), "");
  EXPECT_FALSE(report.is_running);
  EXPECT_EQ(report.started_ns, kTestNowNs);
  EXPECT_GE(report.ended_ns, report.started_ns);
  EXPECT_EQ(report.objects, 30u);
  EXPECT_EQ(report.objects_total, 30u);
  EXPECT_GT(report.bytes, bytes / 3) << "all sections are read";
  EXPECT_LE(report.bytes, bytes);
  EXPECT_EQ(metrics.scrub_timestamp_seconds.value(), report.ended_ns / kNsPerSecond);
  EXPECT_EQ(wakes, 1);
}

// One flipped bit anywhere but in bytes that no section has.
TEST_F(ScrubTest, EveryFlippedByteIsFound) {
  Make();
  const BlockMeta block = Put(1);
  const std::string whole = memory.Get(block.ObjectKey()).value();
  uint64_t unfound = 0;
  for (uint64_t offset = 0; offset < whole.size(); ++offset) {
    PutBytes(block.ObjectKey(), whole);
    Damage(block, offset);
    const auto verdict = CheckObject(objects, block, [](uint64_t) { return true; });
    ASSERT_TRUE(verdict.ok());
    unfound += verdict->state == ObjectState::kWhole;
  }
  EXPECT_EQ(unfound, 0u);
  for (uint64_t size = 0; size < whole.size(); size += 7) {
    PutBytes(block.ObjectKey(), whole.substr(0, size));
    const auto verdict = CheckObject(objects, block, [](uint64_t) { return true; });
    ASSERT_TRUE(verdict.ok());
    EXPECT_EQ(verdict->state, ObjectState::kCorrupt) << size;
  }
}

TEST_F(ScrubTest, RepairsQuarantineAndReleaseAndOthersChangeNothing) {
  Make();
  Put(1);
  const BlockMeta corrupt = Put(2);
  const BlockMeta missing = Put(3);
  const BlockMeta different = Put(4);
  const std::string good = memory.Get(corrupt.ObjectKey()).value();
  const std::string lost = memory.Get(missing.ObjectKey()).value();
  Damage(corrupt, corrupt.datasets[1].sections.back().offset);
  ASSERT_TRUE(memory.Delete(missing.ObjectKey()).ok());
  BlockMeta entry = different;
  entry.datasets[0].sample_count += 1;
  index.state.blocks[different.id] = entry;

  auto report = Run(false);
  EXPECT_EQ(report.corrupt, 1u) << Text(report);
  EXPECT_EQ(report.missing, 1u);
  EXPECT_EQ(report.different, 1u);
  EXPECT_EQ(report.quarantined, 0u);
  EXPECT_TRUE(index.state.quarantined.empty());
  EXPECT_NE(Text(report).find(corrupt.ObjectKey() + ": corrupt: "), std::string::npos) << Text(report);

  report = Run(true);
  EXPECT_EQ(report.quarantined, 3u);
  ASSERT_EQ(index.state.quarantined.size(), 3u);
  EXPECT_NE(index.state.quarantined.at(corrupt.id).reason.find("section samples of tenant \"red\", service \"web\""),
            std::string::npos)
      << index.state.quarantined.at(corrupt.id).reason;
  EXPECT_EQ(metrics.scrub_corrupt.value(), 1);
  report = Run(true);
  EXPECT_EQ(report.corrupt + report.missing + report.different, 3u) << "they are still bad";
  EXPECT_EQ(report.quarantined, 0u);

  PutBytes(corrupt.ObjectKey(), good);
  PutBytes(missing.ObjectKey(), lost);
  index.state.blocks[different.id] = different;
  report = Run(false);
  EXPECT_EQ(report.released, 0u);
  EXPECT_EQ(index.state.quarantined.size(), 3u);
  report = Run(true);
  EXPECT_EQ(report.released, 3u) << Text(report);
  EXPECT_TRUE(index.state.quarantined.empty());
  EXPECT_EQ(metrics.scrub_corrupt.value(), 0);
}

// Replaced after the scrub saw it in the index, its object deleted before it was read.
TEST_F(ScrubTest, WhatIsReplacedMeanwhileIsNoFinding) {
  Make();
  for (uint64_t n = 1; n <= 10; ++n) Put(n);
  const BlockMeta replaced = Object(5).meta;
  const BlockMeta damaged = Object(6).meta;
  Damage(damaged, damaged.datasets[0].sections.front().offset);
  index.before_view = [&] {
    // The first view has them both; those after it have neither.
    if (index.views == 2 && Exists(replaced)) {
      index.Remove(replaced.id);
      index.Remove(damaged.id);
      ASSERT_TRUE(memory.Delete(replaced.ObjectKey()).ok());
    }
  };
  const auto report = Run(true);
  EXPECT_EQ(Text(report), "");
  EXPECT_TRUE(index.state.quarantined.empty());
  EXPECT_TRUE(index.state.tombstones.size() == 2);
}

TEST_F(ScrubTest, OrphansGoWhenTheyAreOldEnough) {
  Make();
  for (uint64_t n = 1; n <= 5; ++n) Put(n);
  const BlockMeta segment = Object(20, 0).meta, block = Object(21, 2).meta;
  for (const auto& built : {Object(20, 0), Object(21, 2)}) PutBytes(built.meta.ObjectKey(), built.object);
  auto report = Run(false);
  EXPECT_EQ(report.orphans, 2u);
  clock.Advance(2 * kHour);
  scrub->RunOnce();
  EXPECT_TRUE(index.state.tombstones.empty()) << "it was only to look";

  report = Run(true);
  EXPECT_EQ(report.orphans, 2u) << Text(report);
  EXPECT_EQ(report.condemned, 0u);
  clock.Advance(kHour - 1);
  scrub->RunOnce();
  EXPECT_TRUE(index.state.tombstones.empty()) << "too young";
  clock.Advance(1);
  scrub->RunOnce();
  EXPECT_EQ(scrub->Report().condemned, 2u);
  ASSERT_EQ(index.state.tombstones.size(), 2u);
  EXPECT_EQ(index.state.TombstoneOfId(segment.id)->ObjectKey(), segment.ObjectKey());
  EXPECT_EQ(index.state.TombstoneOfId(block.id)->ObjectKey(), block.ObjectKey());
  EXPECT_EQ(index.state.TombstoneOfId(block.id)->size, block.size);
  EXPECT_EQ(metrics.orphans_condemned_total.value(), 2u);
  EXPECT_FALSE(index.Add(segment)) << "it can never be registered any more";
  report = Run(true);
  EXPECT_EQ(report.orphans, 0u) << "it waits for the janitor";
}

TEST_F(ScrubTest, AnOrphanThatGetsABlockIsNone) {
  Make();
  for (uint64_t n = 1; n <= 5; ++n) Put(n);
  const auto late = Object(20, 0), gone = Object(21, 0), last = Object(22, 0);
  for (const auto& built : {late, gone, last}) PutBytes(built.meta.ObjectKey(), built.object);
  EXPECT_EQ(Run(true).orphans, 3u);
  index.Add(late.meta);
  ASSERT_TRUE(memory.Delete(gone.meta.ObjectKey()).ok());
  clock.Advance(2 * kHour);
  // The last one is registered between the check and the command: the index decides.
  index.before_change = [&] { index.Add(last.meta); };
  scrub->RunOnce();
  EXPECT_TRUE(index.state.tombstones.empty());
  EXPECT_TRUE(Exists(late.meta) && Exists(last.meta));
}

TEST_F(ScrubTest, OutputsOfRunningJobsAreNoOrphans) {
  Make();
  Put(1);
  const auto output = Object(20, 3);
  PutBytes(output.meta.ObjectKey(), output.object);
  index.state.jobs = {{.id = 1, .queue = {2, 0, "red"}, .output_level = 3, .inputs = {Object(30, 2).meta.id, output.meta.id}}};
  EXPECT_EQ(Run(true).orphans, 0u);
  index.state.jobs.clear();
  EXPECT_EQ(Run(true).orphans, 1u);
  index.state.jobs = {{.id = 2, .queue = {1, 1, ""}, .output_level = 3, .inputs = {output.meta.id}}};
  clock.Advance(2 * kHour);
  scrub->RunOnce();
  EXPECT_TRUE(index.state.tombstones.empty()) << "a job began again";
  index.state.jobs = {{.id = 3, .queue = {2, 0, "blue"}, .output_level = 3, .inputs = {output.meta.id}}};
  scrub->RunOnce();
  EXPECT_EQ(index.state.tombstones.size(), 1u) << "another tenant's";
}

TEST_F(ScrubTest, AnIndexThatLostItsBlocksCostsNoObject) {
  options.orphan_age_ns = 0;
  Make();
  for (uint64_t n = 1; n <= 300; ++n) {
    const BlockMeta block = Put(n);
    if (n > 150) index.state.blocks.erase(block.id);  // as if it came from an old copy
  }
  const auto report = Run(true);
  EXPECT_EQ(report.orphans, 150u);
  EXPECT_NE(Text(report).find("has the index lost blocks"), std::string::npos);
  clock.Advance(100 * kHour);
  scrub->RunOnce();
  EXPECT_TRUE(index.state.tombstones.empty());
}

TEST_F(ScrubTest, AWrongBucketQuarantinesNothing) {
  Make();
  for (uint64_t n = 1; n <= 300; ++n) {
    const BlockMeta block = Put(n);
    if (n > 150) {
      ASSERT_TRUE(memory.Delete(block.ObjectKey()).ok());
    }
  }
  const auto report = Run(true);
  EXPECT_EQ(report.missing, 150u);
  EXPECT_EQ(report.quarantined, 0u);
  EXPECT_NE(Text(report).find("is this the right bucket"), std::string::npos);
  EXPECT_TRUE(index.state.quarantined.empty());
}

TEST_F(ScrubTest, AnEmptyBucketQuarantinesNothingHoweverSmallTheIndex) {
  Make();
  for (uint64_t n = 1; n <= 3; ++n) {
    const BlockMeta block = Put(n);
    ASSERT_TRUE(memory.Delete(block.ObjectKey()).ok());
    PutBytes("metastore/snapshots/1/x", "not a block");
    const auto report = Run(true);
    EXPECT_EQ(report.missing, n);
    EXPECT_TRUE(index.state.quarantined.empty()) << n;
    ASSERT_FALSE(report.findings.empty());
    EXPECT_NE(report.findings[0].find("is this the right bucket"), std::string::npos) << Text(report);
  }
}

TEST_F(ScrubTest, HalfOfASmallBucketMayNotBeMissing) {
  Make();
  for (uint64_t n = 1; n <= 9; ++n) {
    const BlockMeta block = Put(n);
    if (n <= 5) {
      ASSERT_TRUE(memory.Delete(block.ObjectKey()).ok());
    }
  }
  EXPECT_EQ(Run(true).quarantined, 0u);
  Put(10);
  EXPECT_EQ(Run(true).quarantined, 5u) << "not more than half of ten";
}

// More than there is room for findings: what matters most is still told.
TEST_F(ScrubTest, ADoubtIsToldFirst) {
  Make();
  for (size_t n = 0; n < Scrub::kFindingsMax + 100; ++n) PutBytes("blocks/stray" + std::to_string(n), "x");
  for (uint64_t n = 1; n <= 8; ++n) index.Add(Object(n).meta);
  Put(9);
  const auto report = Run(true);
  EXPECT_EQ(report.findings.size(), Scrub::kFindingsMax);
  EXPECT_NE(report.findings[0].find("is this the right bucket"), std::string::npos) << report.findings[0];
  EXPECT_TRUE(index.state.quarantined.empty());
}

TEST_F(ScrubTest, WhatCameBackIsNotQuarantined) {
  Make();
  for (uint64_t n = 1; n <= 10; ++n) Put(n);
  const auto away = Object(20), lost = Object(21);
  index.Add(away.meta);
  index.Add(lost.meta);
  // The last view is that of the check before the command.
  index.before_view = [&] {
    if (scrub->Report().missing == 2) PutBytes(away.meta.ObjectKey(), away.object);
  };
  const auto report = Run(true);
  EXPECT_EQ(report.missing, 2u);
  EXPECT_EQ(report.quarantined, 1u);
  ASSERT_EQ(index.state.quarantined.size(), 1u);
  EXPECT_EQ(index.state.quarantined.begin()->first, lost.meta.id);
}

TEST_F(ScrubTest, AnIndexThatForgotASmallBucketCostsNoObject) {
  options.orphan_age_ns = 0;
  Make();
  for (uint64_t n = 1; n <= 9; ++n) {
    const auto built = Object(n);
    PutBytes(built.meta.ObjectKey(), built.object);
  }
  EXPECT_EQ(Run(true).orphans, 9u);
  Put(100);
  EXPECT_EQ(Run(true).orphans, 9u);
  clock.Advance(100 * kHour);
  scrub->RunOnce();
  EXPECT_TRUE(index.state.tombstones.empty());
}

TEST_F(ScrubTest, StraysAreReportedAndLeftAlone) {
  options.orphan_age_ns = 0;
  Make();
  const BlockMeta block = Put(1);
  const BlockMeta other = Put(2);
  PutBytes("blocks/readme.txt", "hello");
  PutBytes("blocks/01/red/" + block.id.ToString() + ".brz", "x");  // not as we write it, and an id that is known
  PutBytes("blocks/2/red/" + block.id.ToString() + ".brz", memory.Get(block.ObjectKey()).value());
  PutBytes("metastore/snapshots/1/x", "x");
  const auto report = Run(true);
  scrub->RunOnce();
  EXPECT_EQ(report.corrupt + report.missing + report.different + report.orphans, 0u) << Text(report);
  EXPECT_NE(Text(report).find("stray, left alone: blocks/readme.txt"), std::string::npos);
  EXPECT_NE(Text(report).find("stray, left alone: blocks/01/red/"), std::string::npos) << Text(report);
  EXPECT_NE(Text(report).find("stray, left alone: blocks/2/red/"), std::string::npos) << Text(report);
  EXPECT_TRUE(index.state.tombstones.empty());
  EXPECT_EQ(memory.List("", "", 100)->size(), 6u);
  // Its own object is not there: only the copy under another name is.
  ASSERT_TRUE(memory.Delete(block.ObjectKey()).ok());
  EXPECT_EQ(Run(true).missing, 1u);
}

TEST_F(ScrubTest, GoesOnWhereItWasHeldUp) {
  Make();
  for (uint64_t n = 1; n <= 10; ++n) Put(n);
  ASSERT_TRUE(scrub->Start(true).ok());
  EXPECT_EQ(scrub->Start(true).reason(), "scrub_runs");
  EXPECT_TRUE(scrub->Report().is_running);
  int views = 0;
  index.before_view = [&] {
    if (++views == 1) objects.FailReads(Unavailable("away"));
  };
  scrub->RunOnce();
  EXPECT_TRUE(scrub->Report().is_running);
  objects.FailReads(Status());
  index.view_failure = Unavailable("no majority");
  clock.Advance(2 * kNsPerSecond);
  scrub->RunOnce();
  EXPECT_TRUE(scrub->Report().is_running);
  index.view_failure = Status();
  scrub->RunOnce();
  const auto report = scrub->Report();
  EXPECT_FALSE(report.is_running);
  EXPECT_EQ(report.objects, 10u);
  EXPECT_EQ(Text(report), "");

  ASSERT_TRUE(scrub->Start(true).ok());
  objects.FailReads(Unavailable("away"));
  for (int i = 0; i < Scrub::kHeldUpMax; ++i) scrub->RunOnce();
  EXPECT_FALSE(scrub->Report().is_running);
  EXPECT_NE(scrub->Report().error.find("away"), std::string::npos);
  EXPECT_EQ(metrics.scrub_failures_total.value(), 1u);
}

TEST_F(ScrubTest, KeepsToItsRateAndEndsWithTheProcess) {
  options.bytes_per_second = 10'000;
  Make();
  uint64_t bytes = 0;
  for (uint64_t n = 1; n <= 30; ++n) {
    const BlockMeta block = Put(n);
    for (const DatasetMeta& dataset : block.datasets) {
      for (const SectionRef& section : dataset.sections) bytes += section.size;
    }
  }
  const int64_t start_ns = clock.MonotonicNs();
  EXPECT_GE(Run(false).bytes, bytes);
  EXPECT_GE(static_cast<double>(clock.MonotonicNs() - start_ns) * 1e-9, static_cast<double>(bytes) / 10'000 - 1);
  stops = true;
  EXPECT_EQ(Run(false).error, "the process stops");
}

TEST_F(ScrubTest, TheScheduleRepairs) {
  Make();
  const BlockMeta block = Put(1);
  Damage(block, block.datasets[0].sections.front().offset);
  scrub->RunOnce();
  EXPECT_EQ(scrub->Report().started_ns, 0);
  clock.Advance(Scrub::kFirstNs);
  scrub->RunOnce();
  EXPECT_EQ(scrub->Report().quarantined, 1u);
  const int64_t first_ns = scrub->Report().started_ns;
  clock.Advance(6 * 24 * kHour);
  scrub->RunOnce();
  EXPECT_EQ(scrub->Report().started_ns, first_ns);
  clock.Advance(25 * kHour);
  scrub->RunOnce();
  EXPECT_GT(scrub->Report().started_ns, first_ns);
  index.leads = false;
  ASSERT_TRUE(scrub->Start(true).ok());
  scrub->RunOnce();
  EXPECT_FALSE(scrub->Report().is_running);
  EXPECT_EQ(scrub->Report().error, "another member leads now");
}

TEST(ObjectKeys, AreReadAsTheyAreWritten) {
  for (const uint32_t level : {0u, 1u, 4u}) {
    BlockMeta block;
    block.id = Ulid{{uint64_t{123} << 16, 5}};
    block.shard = 17;
    block.level = level;
    block.datasets = {DatasetMeta{.tenant = "a.b"}};
    const auto object = ParseObjectKey(block.ObjectKey(), 9);
    ASSERT_TRUE(object.has_value());
    EXPECT_EQ(object->id, block.id);
    EXPECT_EQ(object->shard, 17u);
    EXPECT_EQ(object->level > 0, level > 0);
    EXPECT_EQ(object->tenant, level == 0 ? "" : "a.b");
    EXPECT_EQ(object->size, 9u);
  }
  const std::string id = Ulid{{uint64_t{123} << 16, 5}}.ToString();
  for (const std::string& key :
       {std::string(""), std::string("blocks/"), "blocks/1/" + id + ".brz", "segments/" + id + ".brz", "segments/x/" + id + ".brz",
        "segments/1/" + id, "segments/01/" + id + ".brz", "segments/1/a/" + id + ".brz", "other/1/" + id + ".brz",
        "blocks/1/a/b/" + id + ".brz", "segments/4294967296/" + id + ".brz", "segments/-1/" + id + ".brz"}) {
    EXPECT_FALSE(ParseObjectKey(key, 1).has_value()) << key;
  }
}

TEST(OrphanLedger, IsBoundedAndForgetsWhatAWalkDidNotMeet) {
  OrphanLedger ledger;
  ledger.BeginWalk();
  const auto see = [&](uint64_t n, int64_t now_ns) { ledger.See({.id = Ulid{{n, 1}}}, "key", now_ns); };
  see(1, 100);
  see(2, 200);
  see(1, 300);
  ledger.FinishWalk();
  EXPECT_EQ(ledger.Due(99, std::nullopt, 10).size(), 0u);
  EXPECT_EQ(ledger.Due(100, std::nullopt, 10).size(), 1u) << "since it was first seen";
  EXPECT_EQ(ledger.Due(200, std::nullopt, 1).size(), 1u);
  EXPECT_EQ(ledger.Due(200, Ulid{{1, 1}}, 10).size(), 1u);
  ledger.BeginWalk();
  see(2, 400);
  ledger.FinishWalk();
  EXPECT_EQ(ledger.size(), 1u);
  for (uint64_t n = 10; n < OrphanLedger::kObjectsMax + 100; ++n) see(n, 1);
  EXPECT_EQ(ledger.size(), OrphanLedger::kObjectsMax);
}

}  // namespace
}  // namespace brazier::metastore
