// Queries over compacted objects: every report over objects with roll-ups equals the report over the segments that they were made of,
// and long ranges read little.
#include <gtest/gtest.h>

#include "common/model/bad_block.h"
#include "common/model/rollup.h"
#include "common/model/rollup_cover.h"
#include "store/block/block_merge.h"
#include "store/block/block_reader.h"
#include "tests/support/fake_random.h"
#include "tests/support/make_labels.h"
#include "tests/worker/query_backend/block_fixture.h"

namespace brazier::query_backend {
namespace {

using testing::MakeLabels;

constexpr int64_t kHour = kRollupHourNs;
constexpr int64_t kDay = kRollupDayNs;
constexpr int64_t kBase = 20'000 * kDay;
constexpr char kHeapType[] = "memory:inuse_space:bytes:space:bytes";

class Outputs final : public block::MergeHost {
 public:
  explicit Outputs(object::ObjectStore& store) : store_(store) {}
  Status Put(block::BuiltBlock block) override {
    blocks.push_back(block.meta);
    return store_.Put(block.meta.ObjectKey(), {AsBytes(block.object)});
  }
  std::vector<BlockMeta> blocks;

 private:
  object::ObjectStore& store_;
};

class RollupQueriesTest : public BlockFixture {
 protected:
  std::vector<BlockMeta> Merge(const std::vector<BlockMeta>& inputs, block::MergeOptions options = {.hour_rollups = true, .day_rollups = true}) {
    options.level = 4;
    options.shard = 0;
    Outputs outputs(store_);
    Ulid bad;
    const auto figures = block::MergeBlocks(options, store_, inputs, outputs, &bad);
    EXPECT_TRUE(figures.ok()) << figures.status().ToString();
    return outputs.blocks;
  }

  testing::FakeRandom random_{71};
  // Whole hours and days of three days, what lies a nanosecond beside them, and times in between.
  int64_t RandomTime() {
    const int64_t unit = random_.Below(3) == 0 ? kDay : kHour;
    int64_t t = kBase + static_cast<int64_t>(random_.Below(3 * kDay / unit + 1)) * unit;
    if (random_.Below(2) == 0) t += static_cast<int64_t>(random_.Below(3)) - 1;
    if (random_.Below(2) == 0) t += static_cast<int64_t>(random_.Below(kHour));
    return t;
  }
  ProfileBatch RandomProfile(Hash128 identity) {
    testing::FoldedSamples samples;
    for (uint64_t n = random_.Below(6); n > 0; --n) {
      std::string stack = "main";
      for (uint64_t d = random_.Below(4); d > 0; --d) stack += ";f" + std::to_string(random_.Below(4));
      samples.emplace_back(stack, static_cast<int64_t>(1 + random_.Below(100)));
    }
    ProfileBatch batch = BatchBuilder("t", "service-" + std::to_string(random_.Below(2)))
                             .Profile(identity, RandomTime(), samples, MakeLabels({{"pod", std::to_string(random_.Below(3))}}),
                                      random_.Below(3) == 0 ? kHeapType : kCpuType)
                             .Build();
    batch.profiles[0].duration_ns = static_cast<int64_t>(random_.Below(1'000));
    batch.profiles[0].period = static_cast<int64_t>(random_.Below(10));
    return batch;
  }
  // Segments of random profiles; some come a second time, in another segment, where the index hides them.
  std::vector<BlockMeta> RandomSegments() {
    std::vector<BlockMeta> segments;
    std::vector<ProfileBatch> seen;
    for (uint64_t s = 2 + random_.Below(5); s > 0; --s) {
      std::vector<ProfileBatch> batches;
      for (uint64_t n = 1 + random_.Below(25); n > 0; --n) batches.push_back(RandomProfile(NextIdentity()));
      if (seen.empty() || random_.Below(2) == 0) {
        seen.push_back(batches[0]);
        segments.push_back(Store(batches));
        continue;
      }
      // A segment of its own, so that the position of what repeats is known.
      const ProfileBatch repeat = seen[random_.Below(seen.size())];
      segments.push_back(Store(batches));
      segments.push_back(Store({repeat}));
      segments.back().datasets[0].hidden_profiles = {0};
    }
    return segments;
  }
  QuerySpec RandomSpec() {
    QuerySpec spec = Spec();
    spec.start_ns = RandomTime();
    spec.end_ns = RandomTime();
    if (spec.start_ns > spec.end_ns) std::swap(spec.start_ns, spec.end_ns);
    if (random_.Below(6) == 0) spec.end_ns = kBase + 9 * kDay;
    const std::string cpu = std::string("__profile_type__=\"") + kCpuType + "\"";
    const std::vector<std::string> selectors = {
        "{}", "{pod=\"1\"}", "{pod!=\"1\"}", "{service_name=\"service-0\"}", "{" + cpu + "}", "{" + cpu + ",pod=~\"1|2\"}", "{pod=\"9\"}"};
    spec.selector = selectors[random_.Below(selectors.size())];
    if (random_.Below(4) == 0) spec.call_site = {"main", "f1"};
    const std::vector<int64_t> steps = {kHour, kHour, 2 * kHour, 90 * kHour / 60, kDay, 7 * kHour, kHour / 4, 3 * kDay};
    spec.reports = {{.kind = ReportKind::kFlameGraph},
                    {.kind = ReportKind::kTimeSeries, .step_ns = steps[random_.Below(steps.size())], .group_by = {"pod"}},
                    {.kind = ReportKind::kLabelNames},
                    {.kind = ReportKind::kLabelValues, .label_name = "pod"},
                    {.kind = ReportKind::kSeries},
                    {.kind = ReportKind::kPprof}};
    for (const ReportRequest& report : MoreReports(spec.reports[1].step_ns)) spec.reports.push_back(report);
    if (random_.Below(4) == 0) spec.filter.functions = {"f2"};
    if (random_.Below(5) == 0) spec.filter.min_value = 60;
    return spec;
  }
  static std::string Describe(const QuerySpec& spec) {
    return "range [" + std::to_string(spec.start_ns) + ", " + std::to_string(spec.end_ns) + "], selector " + spec.selector +
           ", step " + std::to_string(spec.reports[1].step_ns);
  }
  // As ComparableOf, of queries for one report each: a report alone may read less than together with others.
  Comparable OneByOne(QuerySpec spec, const std::vector<BlockMeta>& blocks) {
    QueryResult all;
    const std::vector<ReportRequest> reports = spec.reports;
    for (const ReportRequest& report : reports) {
      spec.reports = {report};
      all.reports.push_back(OneReport(spec, blocks));
    }
    return ComparableOf(all);
  }
};

TEST_F(RollupQueriesTest, EveryReportIsWhatItWasBeforeCompaction) {
  size_t with_rollups = 0, without_rows = 0, not_empty = 0;
  for (int round = 0; round < 25; ++round) {
    const std::vector<BlockMeta> segments = RandomSegments();
    const std::vector<std::vector<BlockMeta>> merged = {
        Merge(segments), Merge(segments, {.hour_rollups = true}),
        // Many outputs, and beside them a segment that came later.
        Merge({segments.begin() + 1, segments.end()}, {.block_bytes_max = 3'000, .hour_rollups = true, .day_rollups = true})};
    for (int i = 0; i < 12; ++i) {
      const QuerySpec spec = RandomSpec();
      Comparable expected = ComparableOf(Answer(spec, segments));
      expected.hidden = 0;
      not_empty += !expected.flame_graph.empty();
      for (size_t m = 0; m < merged.size(); ++m) {
        std::vector<BlockMeta> blocks = merged[m];
        if (m == 2) blocks.push_back(segments[0]);
        const QueryResult result = Answer(spec, blocks);
        Comparable got = ComparableOf(result);
        got.hidden = 0;
        ASSERT_TRUE(got == expected) << "round " << round << ", merge " << m << ", " << Describe(spec);
        ASSERT_TRUE(OneByOne(spec, blocks) == expected) << "round " << round << ", merge " << m << ", " << Describe(spec);
        with_rollups += result.stats.rollup_rows_read > 0;
      }
      QuerySpec graph = spec;
      graph.reports.resize(1);
      const QueryStats stats = Answer(graph, merged[0]).stats;
      without_rows += stats.rollup_rows_read > 0 && stats.rows_read == 0;
    }
  }
  EXPECT_GT(with_rollups, 300u) << "of 900: the others' ranges have no whole hour";
  EXPECT_GT(without_rows, 10u);
  EXPECT_GT(not_empty, 150u);
}

TEST_F(RollupQueriesTest, DeletionsAreHiddenAtOnceAndGoneAfterCompaction) {
  size_t rounds_that_delete = 0;
  for (int round = 0; round < 25; ++round) {
    const std::vector<BlockMeta> segments = RandomSegments();
    std::vector<DataFilter> deletions;
    for (uint64_t n = 1 + random_.Below(2); n > 0; --n) {
      DataFilter filter{"t", random_.Below(2) == 0 ? "service-0" : "", random_.Below(3) == 0 ? "" : "{pod=\"1\"}", RandomTime(),
                        RandomTime()};
      if (filter.start_ns > filter.end_ns) std::swap(filter.start_ns, filter.end_ns);
      deletions.push_back(std::move(filter));
    }
    const auto with_deletions = [&](std::vector<BlockMeta> blocks) {
      for (BlockMeta& block : blocks) block.deletions = deletions;
      return blocks;
    };
    const std::vector<BlockMeta> merged = Merge(segments);
    const std::vector<BlockMeta> gone = Merge(with_deletions(segments));
    for (int i = 0; i < 8; ++i) {
      const QuerySpec spec = RandomSpec();
      const auto comparable = [&](const std::vector<BlockMeta>& blocks) {
        Comparable out = OneByOne(spec, blocks);
        out.hidden = 0;
        return out;
      };
      const Comparable expected = comparable(with_deletions(segments));
      ASSERT_TRUE(comparable(with_deletions(merged)) == expected) << "round " << round << ", " << Describe(spec);
      ASSERT_TRUE(comparable(gone) == expected) << "round " << round << ", " << Describe(spec);
      ASSERT_TRUE(comparable(with_deletions(gone)) == expected) << "round " << round << ", " << Describe(spec);
      rounds_that_delete += !(comparable(segments) == expected);
    }
  }
  EXPECT_GT(rounds_that_delete, 30u);
}

// A profile every half a minute for three days.
class RollupCostTest : public RollupQueriesTest {
 protected:
  RollupCostTest() {
    std::vector<BlockMeta> segments;
    for (int day = 0; day < 3; ++day) {
      BatchBuilder batch("t", "api");
      for (int64_t t = 30 * kNsPerSecond; t <= kDay; t += 30 * kNsPerSecond) {
        testing::FoldedSamples samples;
        for (int i = 0; i < 20; ++i) samples.emplace_back("main;f" + std::to_string(random_.Below(40)), 1 + random_.Below(1'000'000));
        batch.Profile(NextIdentity(), kBase + day * kDay + t, samples);
      }
      segments.push_back(Store({batch.Build()}));
    }
    segments_ = segments;
    merged_ = Merge(segments);
    EXPECT_EQ(merged_.size(), 1u);
  }
  // Stored bytes of a kind of sections, of those that meet a range of times.
  uint64_t Bytes(SectionKind kind, int64_t min_ns = INT64_MIN, int64_t max_ns = INT64_MAX) const {
    uint64_t bytes = 0;
    for (const SectionRef& s : merged_[0].datasets[0].sections) {
      if (s.kind == kind && s.min_time_ns <= max_ns && s.max_time_ns >= min_ns) bytes += s.size;
    }
    return bytes;
  }
  std::vector<BlockMeta> segments_, merged_;
};

TEST_F(RollupCostTest, ALongRangeReadsAFewRowsAndBytes) {
  QuerySpec spec = Spec();
  spec.end_ns = kBase + 10 * kDay;
  const QueryResult before = Answer(spec, segments_);
  const QueryResult after = Answer(spec, merged_);
  EXPECT_EQ(FoldedOf(before.reports[0].flame_tree), FoldedOf(after.reports[0].flame_tree));
  EXPECT_EQ(before.stats.rows_read, 3u * 2'880);
  EXPECT_EQ(after.stats.rows_read, 0u);
  EXPECT_EQ(after.stats.rollup_rows_read, 3u);
  EXPECT_LE(after.stats.samples_read, 3u * 40);
  EXPECT_LT(after.stats.bytes_read, merged_[0].size / 50);
  EXPECT_EQ(after.stats.bytes_read, Bytes(SectionKind::kSymbols) + Bytes(SectionKind::kDayRows) + Bytes(SectionKind::kDaySamples));
  // As a time series, without samples.
  spec.start_ns = kBase;
  spec.reports = {{.kind = ReportKind::kTimeSeries, .step_ns = kHour}};
  const QueryResult series = Answer(spec, merged_);
  EXPECT_EQ(series.stats.rollup_rows_read, 72u);
  EXPECT_EQ(series.stats.rows_read, 0u);
  EXPECT_EQ(series.stats.bytes_read, Bytes(SectionKind::kHourRows));
  EXPECT_EQ(series.reports[0].time_series.begin()->second.at(kBase + kHour).count, 120u);
}

TEST_F(RollupCostTest, ANarrowRangeReadsTheChunksOfItsHour) {
  ASSERT_GE(block::SampleChunks(merged_[0].datasets[0], SectionKind::kSampleChunk)->size(), 72u);
  QuerySpec spec = Spec();
  spec.start_ns = kBase + kDay + kHour / 2;
  spec.end_ns = spec.start_ns + kHour / 4;
  const QueryResult before = Answer(spec, segments_);
  const QueryResult after = Answer(spec, merged_);
  EXPECT_EQ(FoldedOf(before.reports[0].flame_tree), FoldedOf(after.reports[0].flame_tree));
  EXPECT_EQ(after.stats.rollup_rows_read, 0u);
  EXPECT_EQ(after.stats.samples_read, before.stats.samples_read);
  const uint64_t chunks = Bytes(SectionKind::kSampleChunk, spec.start_ns, spec.end_ns);
  EXPECT_LT(chunks, Bytes(SectionKind::kSampleChunk) / 50);
  EXPECT_EQ(after.stats.bytes_read, Bytes(SectionKind::kSymbols) + Bytes(SectionKind::kRows) + chunks);
}

TEST_F(RollupCostTest, EdgesOfALongRangeAreReadRaw) {
  QuerySpec spec = Spec();
  spec.start_ns = kBase + kHour / 2;
  spec.end_ns = kBase + 3 * kDay - kHour / 2;
  const QueryResult before = Answer(spec, segments_);
  const QueryResult after = Answer(spec, merged_);
  EXPECT_EQ(FoldedOf(before.reports[0].flame_tree), FoldedOf(after.reports[0].flame_tree));
  EXPECT_EQ(after.stats.rollup_rows_read, 72u + 3u) << "all that the two sections have";
  EXPECT_LE(after.stats.samples_read, (2u * 60 + 2u) * 20 + 46 * 40 + 40);
}

TEST_F(RollupCostTest, MissingColumnsAreCorruptionAndNotFewerSamples) {
  for (const SectionKind kind : {SectionKind::kSampleChunk, SectionKind::kDaySamples}) {
    BlockMeta block = merged_[0];
    auto& sections = block.datasets[0].sections;
    for (auto it = sections.end(); it != sections.begin();) {
      if ((--it)->kind != kind) continue;
      sections.erase(it);  // the last one
      break;
    }
    QuerySpec spec = Spec();
    spec.end_ns = kBase + (kind == SectionKind::kDaySamples ? 10 * kDay : kDay + kHour / 2);
    spec.start_ns = kind == SectionKind::kDaySamples ? 0 : kBase + kDay + 1;
    const auto result = Execute(spec, ReadNode({block}));
    EXPECT_EQ(result.status().code(), Code::kCorruption);
    EXPECT_EQ(BlamedBlock(result.status()), block.id);
  }
}

TEST_F(RollupCostTest, CompactedDatasetsOfAFewProfilesAreCachedAsSegmentsAre) {
  QuerySpec spec = Spec();
  spec.selector = std::string("{__profile_type__=\"") + kCpuType + "\"}";
  const std::vector<BlockMeta> merged = Merge({Store({RandomProfile(NextIdentity()), RandomProfile(NextIdentity())})},
                                              {.hour_rollups = false});
  const Folded first = FlameGraph(spec, merged);
  EXPECT_EQ(first, FlameGraph(spec, merged));
  EXPECT_GT(registry_.GetCounter("brazier_query_backend_cache_hits_total", "").value(), 0u);
}

}  // namespace
}  // namespace brazier::query_backend
