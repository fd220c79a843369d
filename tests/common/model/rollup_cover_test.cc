#include "common/model/rollup_cover.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "common/model/rollup.h"
#include "tests/support/fake_random.h"

namespace brazier {
namespace {

constexpr int64_t kHour = kRollupHourNs;
constexpr int64_t kDay = kRollupDayNs;
constexpr CoverOptions kBoth{true, true};
using Ranges = std::vector<TimeRange>;

TEST(RollupCover, WholeDaysThenHoursThenEdges) {
  const TimeRange data{kDay * 10 + 1, kDay * 20};
  // From half past one on the 13th to a quarter to five on the 16th.
  const TimeRange range{kDay * 12 + kHour * 3 / 2, kDay * 15 + kHour * 19 / 4};
  const RollupCover cover = CoverRange(range, data, kBoth);
  EXPECT_EQ(cover.days, (Ranges{{kDay * 14, kDay * 15}}));
  EXPECT_EQ(cover.hours, (Ranges{{kDay * 12 + kHour * 3, kDay * 13}, {kDay * 15 + kHour, kDay * 15 + kHour * 4}}));
  EXPECT_EQ(cover.raw, (Ranges{{range.first_ns, kDay * 12 + kHour * 2}, {kDay * 15 + kHour * 4 + 1, range.last_ns}}));
}

TEST(RollupCover, ABucketHoldsItsEndAndNotItsBeginning) {
  const TimeRange data{0, kHour * 10};
  EXPECT_EQ(CoverRange({kHour + 1, kHour * 2}, data, kBoth).hours, (Ranges{{kHour * 2, kHour * 2}}));
  EXPECT_TRUE(CoverRange({kHour + 1, kHour * 2}, data, kBoth).raw.empty());
  EXPECT_TRUE(CoverRange({kHour + 2, kHour * 2}, data, kBoth).hours.empty());
  EXPECT_TRUE(CoverRange({kHour + 1, kHour * 2 - 1}, data, kBoth).hours.empty());
  const RollupCover cover = CoverRange({kHour, kHour * 2}, data, kBoth);
  EXPECT_EQ(cover.hours, (Ranges{{kHour * 2, kHour * 2}}));
  EXPECT_EQ(cover.raw, (Ranges{{kHour, kHour}})) << "it ends the hour before";
}

TEST(RollupCover, BucketsMayBeUsedWhereTheRangeHoldsAllThatThereIs) {
  // A quarter of an hour of data: the day that holds it will do for every range around it.
  const TimeRange data{kDay * 3 + kHour * 5 + 10, kDay * 3 + kHour * 5 + 20};
  EXPECT_EQ(CoverRange({data.first_ns, data.last_ns}, data, kBoth).days, (Ranges{{kDay * 4, kDay * 4}}));
  EXPECT_EQ(CoverRange({data.first_ns, data.last_ns}, data, {.hours = true}).hours,
            (Ranges{{kDay * 3 + kHour * 6, kDay * 3 + kHour * 6}}));
  const TimeRange less{data.first_ns + 1, data.last_ns};
  EXPECT_EQ(CoverRange(less, data, kBoth).raw, (Ranges{less}));
  EXPECT_TRUE(CoverRange({data.last_ns + 1, data.last_ns + kDay}, data, kBoth).IsEmpty());
  EXPECT_TRUE(CoverRange({5, 4}, {0, 10}, kBoth).IsEmpty());
}

TEST(RollupCover, TimesWithoutBucketsAreReadRaw) {
  for (const TimeRange& data : {TimeRange{-5, kDay}, {0, INT64_MAX}, {INT64_MIN, INT64_MAX}}) {
    EXPECT_EQ(CoverRange({INT64_MIN, INT64_MAX}, data, kBoth).raw, (Ranges{{INT64_MIN, INT64_MAX}}));
    EXPECT_FALSE(CoverRange({INT64_MIN, INT64_MAX}, data, kBoth).UsesRollups());
  }
}

// By brute force: every profile of the range is read by exactly one of the three, every other by none, and a bucket is used where
// it may be.
TEST(RollupCover, RandomRangesAreReadExactlyOnce) {
  testing::FakeRandom random(41);
  const auto time = [&]() -> int64_t {
    // Whole hours and days, and what lies beside them, are what matters.
    const int64_t unit = random.Below(3) == 0 ? kDay : kHour;
    int64_t t = static_cast<int64_t>(random.Below(5 * kDay / unit)) * unit + static_cast<int64_t>(random.Below(3)) - 1;
    if (random.Below(3) == 0) t += static_cast<int64_t>(random.Below(kHour));
    return std::max<int64_t>(t, 0);
  };
  size_t with_days = 0, with_hours = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::vector<int64_t> profiles(1 + random.Below(60));
    for (int64_t& t : profiles) t = time();
    const auto [min, max] = std::minmax_element(profiles.begin(), profiles.end());
    TimeRange range{time(), time()};
    if (range.first_ns > range.last_ns) std::swap(range.first_ns, range.last_ns);
    if (random.Below(8) == 0) range.first_ns = INT64_MIN;
    if (random.Below(8) == 0) range.last_ns = INT64_MAX;
    const CoverOptions options{random.Below(4) != 0, random.Below(4) != 0};
    const RollupCover cover = CoverRange(range, {*min, *max}, options);
    const auto holds = [](const Ranges& ranges, int64_t t) {
      return std::count_if(ranges.begin(), ranges.end(), [&](const TimeRange& r) { return r.Holds(t); });
    };
    for (const int64_t t : profiles) {
      const int64_t day = RollupBucketEnd(t, kDay);
      const int64_t hour = RollupBucketEnd(t, kHour);
      const int64_t times = holds(cover.raw, t) + holds(cover.hours, hour) + holds(cover.days, day);
      ASSERT_EQ(times, range.Holds(t) ? 1 : 0) << "round " << round << ", profile at " << t;
      const auto whole = [&](int64_t end, int64_t bucket_ns) {
        return std::all_of(profiles.begin(), profiles.end(), [&](int64_t other) {
          return RollupBucketEnd(other, bucket_ns) != end || range.Holds(other);
        });
      };
      // Only the dataset's first and last time are known, not where profiles are missing in between.
      const auto surely_whole = [&](int64_t end, int64_t bucket_ns) {
        return range.first_ns <= std::max(end - bucket_ns + 1, *min) && std::min(end, *max) <= range.last_ns;
      };
      if (holds(cover.days, day) > 0) {
        ASSERT_TRUE(options.days && whole(day, kDay));
      }
      if (holds(cover.hours, hour) > 0) {
        ASSERT_TRUE(options.hours && whole(hour, kHour));
      }
      if (options.days && surely_whole(day, kDay)) {
        ASSERT_EQ(holds(cover.days, day), 1) << "round " << round;
      }
      if (options.hours && surely_whole(hour, kHour)) {
        ASSERT_EQ(holds(cover.raw, t), 0) << "round " << round;
      }
    }
    with_days += !cover.days.empty();
    with_hours += !cover.hours.empty();
    ASSERT_LE(cover.raw.size(), 2u);
    ASSERT_LE(cover.hours.size(), 2u);
    ASSERT_LE(cover.days.size(), 1u);
  }
  EXPECT_GT(with_days, 300u);
  EXPECT_GT(with_hours, 300u);
}

DatasetMeta Dataset() {
  DatasetMeta d;
  d.tenant = "t";
  d.service = "api";
  d.min_time_ns = kDay + 1;
  d.max_time_ns = 3 * kDay;
  d.profile_count = 100;
  d.sections = {{.kind = SectionKind::kSymbols, .size = 1},
                {.kind = SectionKind::kRows, .size = 10},
                {.kind = SectionKind::kSampleChunk, .size = 100, .row_count = 5, .min_time_ns = kDay + 1, .max_time_ns = 2 * kDay},
                {.kind = SectionKind::kSampleChunk, .size = 200, .row_count = 5, .min_time_ns = 2 * kDay + 1, .max_time_ns = 3 * kDay},
                {.kind = SectionKind::kHourRows, .size = 1'000},
                {.kind = SectionKind::kHourSamples, .size = 2'000, .row_count = 24, .min_time_ns = kDay + kHour, .max_time_ns = 2 * kDay},
                {.kind = SectionKind::kHourSamples, .size = 4'000, .row_count = 24, .min_time_ns = 2 * kDay + kHour, .max_time_ns = 3 * kDay},
                {.kind = SectionKind::kDayRows, .size = 10'000},
                {.kind = SectionKind::kDaySamples, .size = 20'000, .row_count = 2, .min_time_ns = 2 * kDay, .max_time_ns = 3 * kDay}};
  return d;
}
QuerySpec Ask(int64_t start_ns, int64_t end_ns, std::vector<ReportRequest> reports) {
  QuerySpec spec;
  spec.start_ns = start_ns;
  spec.end_ns = end_ns;
  spec.reports = std::move(reports);
  return spec;
}
struct Read {
  std::string what;
  uint64_t bytes;
  friend bool operator==(const Read&, const Read&) = default;
};
void PrintTo(const Read& read, std::ostream* out) { *out << read.what << ", " << read.bytes; }
Read ReadOf(const QuerySpec& spec, const DatasetMeta& dataset, std::vector<DataFilter> deletions = {}) {
  const DatasetCover cover = CoverDataset(spec, dataset, deletions);
  return {DescribeCover(cover), BytesOf(dataset, cover)};
}

TEST(RollupCover, OnlySectionsThatAreNeeded) {
  const DatasetMeta d = Dataset();
  const ReportRequest graph{.kind = ReportKind::kFlameGraph};
  EXPECT_EQ(ReadOf(Ask(0, 9 * kDay, {graph}), d), (Read{"2 days", 30'001}));
  EXPECT_EQ(ReadOf(Ask(0, 9 * kDay, {{.kind = ReportKind::kPprof}, graph}), d), (Read{"2 days", 30'001}));
  EXPECT_EQ(ReadOf(Ask(2 * kDay + 1, 2 * kDay + 2 * kHour, {graph}), d), (Read{"2 hours", 5'001}));
  EXPECT_EQ(ReadOf(Ask(2 * kDay + 1, 9 * kDay, {graph}), d), (Read{"1 days", 30'001}));
  EXPECT_EQ(ReadOf(Ask(2 * kDay, 9 * kDay, {graph}), d), (Read{"raw edges, 1 days", 30'111}));
  EXPECT_EQ(ReadOf(Ask(2 * kDay + 5, 2 * kDay + 7, {graph}), d), (Read{"raw", 211}));
  EXPECT_EQ(ReadOf(Ask(4 * kDay, 9 * kDay, {graph}), d), (Read{"nothing", 0}));
}

TEST(RollupCover, LabelsAreReadFromRows) {
  for (const ReportKind kind : {ReportKind::kProfileTypes, ReportKind::kLabelNames, ReportKind::kLabelValues, ReportKind::kSeries}) {
    EXPECT_EQ(ReadOf(Ask(0, 9 * kDay, {{.kind = kind}}), Dataset()), (Read{"raw", 10}));
  }
  EXPECT_EQ(ReadOf(Ask(0, 9 * kDay, {{.kind = ReportKind::kSeries}, {.kind = ReportKind::kFlameGraph}}), Dataset()),
            (Read{"raw edges, 2 days", 30'011}))
      << "samples are those of the flame graph";
}

TEST(RollupCover, TimeSeriesNeedStepAndStartOfWholeBuckets) {
  const auto series = [](int64_t start_ns, int64_t step_ns) {
    return ReadOf(Ask(start_ns, 9 * kDay, {{.kind = ReportKind::kTimeSeries, .step_ns = step_ns}}), Dataset());
  };
  EXPECT_EQ(series(kDay, kDay), (Read{"2 days", 10'000}));
  EXPECT_EQ(series(kDay, 2 * kDay), (Read{"2 days", 10'000}));
  EXPECT_EQ(series(kDay, kHour), (Read{"48 hours", 1'000}));
  EXPECT_EQ(series(kDay + kHour, kDay), (Read{"48 hours", 1'000}));
  EXPECT_EQ(series(kDay, 36 * kHour), (Read{"48 hours", 1'000}));
  EXPECT_EQ(series(kDay + 1, kHour), (Read{"raw", 10}));
  EXPECT_EQ(series(kDay, kHour / 2), (Read{"raw", 10}));
  EXPECT_EQ(series(kDay, 0), (Read{"nothing", 0}));
  // The first bucket of the series is whole though it begins before the range.
  EXPECT_EQ(series(2 * kDay, kDay), (Read{"2 days", 10'000}));
  // The last bucket of the series ends before the range does.
  EXPECT_EQ(ReadOf(Ask(kDay, 3 * kDay - 1, {{.kind = ReportKind::kTimeSeries, .step_ns = kDay}}), Dataset()),
            (Read{"1 days", 10'000}));
}

TEST(RollupCover, TheRangeOfATimeSeriesIsThatOfItsBuckets) {
  TimeRange range;
  const auto of = [&](int64_t start, int64_t end, int64_t step) {
    return RangeOf(Ask(start, end, {}), {.kind = ReportKind::kTimeSeries, .step_ns = step}, &range);
  };
  ASSERT_TRUE(of(100, 135, 10));
  EXPECT_EQ(range, (TimeRange{91, 130}));
  ASSERT_TRUE(of(INT64_MIN, INT64_MAX, INT64_MAX));
  EXPECT_EQ(range, (TimeRange{INT64_MIN, INT64_MAX - 1}));
  EXPECT_FALSE(of(100, 135, 0));
  EXPECT_FALSE(of(100, 99, 10));
}

TEST(RollupCover, WhatIsNotAllToBeCountedIsReadRaw) {
  const QuerySpec spec = Ask(0, 9 * kDay, {{.kind = ReportKind::kFlameGraph}});
  const Read rolled{"2 days", 30'001}, raw{"raw", 311};
  DatasetMeta d = Dataset();
  const DataFilter deletion{"t", "api", "{pod=\"1\"}", 2 * kDay, 2 * kDay};
  EXPECT_EQ(ReadOf(spec, d, {deletion}), raw);
  const auto with = [&](auto change) {
    DataFilter other = deletion;
    change(other);
    return ReadOf(spec, d, {other});
  };
  EXPECT_EQ(with([](DataFilter& f) { f.service.clear(); }), raw);
  EXPECT_EQ(with([](DataFilter& f) { f.service = "web"; }), rolled);
  EXPECT_EQ(with([](DataFilter& f) { f.tenant = "u"; }), rolled);
  EXPECT_EQ(with([](DataFilter& f) { f.start_ns = 0, f.end_ns = kDay; }), rolled);
  EXPECT_EQ(with([](DataFilter& f) { f.start_ns = 0, f.end_ns = kDay + 1; }), raw);
  EXPECT_EQ(with([](DataFilter& f) { f.start_ns = 3 * kDay + 1, f.end_ns = INT64_MAX; }), rolled);
  d.hidden_profiles = {7};
  EXPECT_EQ(ReadOf(spec, d), raw);
}

}  // namespace
}  // namespace brazier
