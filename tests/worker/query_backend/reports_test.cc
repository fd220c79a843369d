#include <gtest/gtest.h>

#include "tests/support/make_labels.h"
#include "tests/worker/query_backend/block_fixture.h"
#include "worker/query_backend/report_kinds.h"

namespace brazier::query_backend {
namespace {

using testing::MakeLabels;

constexpr int64_t kSecond = kNsPerSecond;
// Tests count seconds from here, so that no range begins at zero.
constexpr int64_t kBase = 1'000'000 * kSecond;
using Points = std::map<int64_t, double>;  // seconds after kBase -> sum

class ReportsTest : public BlockFixture {
 protected:
  ProfileBatch Api(int64_t second, int64_t value, Labels labels = {}, const std::string& type = kCpuType) {
    return BatchBuilder("t", "api")
        .Profile(NextIdentity(), kBase + second * kSecond, {{"main", value}}, std::move(labels), type)
        .Build();
  }
  static QuerySpec TimeSeries(int64_t start, int64_t end, int64_t step, std::vector<std::string> by = {}) {
    QuerySpec spec = Spec(ReportKind::kTimeSeries);
    spec.start_ns = kBase + start * kSecond;
    spec.end_ns = kBase + end * kSecond;
    spec.reports[0].step_ns = step * kSecond;
    spec.reports[0].group_by = std::move(by);
    return spec;
  }
  static Points PointsOf(const std::map<int64_t, TimeSeriesPoint>& points) {
    Points out;
    for (const auto& [t, point] : points) out[(t - kBase) / kSecond] = point.sum;
    return out;
  }
  Points OneSeries(const QuerySpec& spec, const std::vector<BlockMeta>& blocks) {
    const Report report = OneReport(spec, blocks);
    EXPECT_LE(report.time_series.size(), 1u);
    return report.time_series.empty() ? Points() : PointsOf(report.time_series.begin()->second);
  }
};

// The table that was measured on the reference system.
TEST_F(ReportsTest, TimeSeriesBuckets) {
  const auto block = Store({Api(0, 1), Api(10, 11), Api(15, 16), Api(20, 21), Api(25, 26), Api(30, 31)});
  EXPECT_EQ(OneSeries(TimeSeries(0, 30, 10), {block}), (Points{{0, 1}, {10, 11}, {20, 37}, {30, 57}}));
  EXPECT_EQ(OneSeries(TimeSeries(5, 30, 10), {block}), (Points{{5, 1}, {15, 27}, {25, 47}}));
  EXPECT_EQ(OneSeries(TimeSeries(1, 30, 15), {block}), (Points{{1, 1}, {16, 27}}));
}

TEST_F(ReportsTest, TimeSeriesEdges) {
  const auto block = Store({Api(0, 1), Api(10, 2), Api(20, 4)});
  EXPECT_EQ(OneSeries(TimeSeries(10, 10, 10), {block}), (Points{{10, 2}})) << "(0, 10] without 0";
  EXPECT_EQ(OneSeries(TimeSeries(9, 19, 10), {block}), (Points{{9, 1}, {19, 2}}));
  EXPECT_EQ(OneSeries(TimeSeries(11, 15, 100), {block}), (Points{{11, 3}})) << "a step longer than the range";
  EXPECT_EQ(OneSeries(TimeSeries(40, 50, 10), {block}), Points());
  QuerySpec huge = TimeSeries(5, 30, 10);
  huge.reports[0].step_ns = INT64_MAX;  // whose next edge is beyond what a time can hold
  EXPECT_EQ(OneSeries(huge, {block}), (Points{{5, 1}}));
}

TEST_F(ReportsTest, TimeSeriesCountProfiles) {
  const auto block = Store({Api(1, 5), Api(2, 6), Api(3, 7)});
  const Report report = OneReport(TimeSeries(0, 10, 10), {block});
  ASSERT_EQ(report.time_series.size(), 1u);
  const TimeSeriesPoint& point = report.time_series.begin()->second.at(kBase + 10 * kSecond);
  EXPECT_EQ(point.sum, 18);
  EXPECT_EQ(point.count, 3u);
}

TEST_F(ReportsTest, TimeSeriesGroupBy) {
  const auto eu = MakeLabels({{"region", "eu"}, {"pod", "1"}});
  const auto eu2 = MakeLabels({{"region", "eu"}, {"pod", "2"}});
  const auto us = MakeLabels({{"region", "us"}, {"pod", "1"}});
  const std::vector<BlockMeta> blocks = {Store({Api(5, 1, eu), Api(5, 2, us), Api(5, 4)}),
                                         Store({Api(5, 8, eu2), Api(15, 16, us)})};
  const auto ask = [&](std::vector<std::string> by) {
    std::map<Labels, Points> out;
    for (const auto& [labels, points] : OneReport(TimeSeries(0, 20, 10, std::move(by)), blocks).time_series) {
      out[labels] = PointsOf(points);
    }
    return out;
  };
  EXPECT_EQ(ask({}), (std::map<Labels, Points>{{Labels(), {{10, 15}, {20, 16}}}}));
  EXPECT_EQ(ask({"region"}), (std::map<Labels, Points>{{Labels(), {{10, 4}}},
                                                       {MakeLabels({{"region", "eu"}}), {{10, 9}}},
                                                       {MakeLabels({{"region", "us"}}), {{10, 2}, {20, 16}}}}))
      << "a label that is missing is absent from the group";
  EXPECT_EQ(ask({"region", "pod"}).size(), 4u);
  EXPECT_EQ(ask({"nowhere"}), ask({}));
}

TEST_F(ReportsTest, LabelReports) {
  const auto block = Store({Api(1, 1, MakeLabels({{"region", "eu"}})), Api(2, 1, MakeLabels({{"region", "us"}})),
                            Api(100, 1, MakeLabels({{"late", "x"}})),
                            Api(3, 1, {}, "memory:alloc:bytes::")});
  QuerySpec spec = Spec();
  spec.start_ns = kBase;
  spec.end_ns = kBase + 10 * kSecond;
  spec.reports = {{.kind = ReportKind::kProfileTypes},
                  {.kind = ReportKind::kLabelNames},
                  {.kind = ReportKind::kLabelValues, .label_name = "region"},
                  {.kind = ReportKind::kLabelValues, .label_name = "late"},
                  {.kind = ReportKind::kSeries, .label_names = {"region", "service_name"}},
                  {.kind = ReportKind::kSeries}};
  const QueryResult r = Answer(spec, {block});
  ASSERT_EQ(r.reports.size(), 6u);
  EXPECT_EQ(r.reports[0].strings, (std::set<std::string>{kCpuType, "memory:alloc:bytes::"}));
  EXPECT_EQ(r.reports[1].strings, (std::set<std::string>{"__profile_type__", "region", "service_name"}));
  EXPECT_EQ(r.reports[2].strings, (std::set<std::string>{"eu", "us"}));
  EXPECT_TRUE(r.reports[3].strings.empty()) << "only what has a profile in the range";
  EXPECT_EQ(r.reports[4].series,
            (std::set<Labels>{MakeLabels({{"region", "eu"}, {"service_name", "api"}}),
                              MakeLabels({{"region", "us"}, {"service_name", "api"}}),
                              MakeLabels({{"service_name", "api"}})}));
  EXPECT_EQ(r.reports[5].series.size(), 3u);
  EXPECT_EQ(r.stats.samples_read, 0u) << "labels need no samples";
}

TEST_F(ReportsTest, LabelAndTimeSeriesReportsFetchNoSamples) {
  const auto block = Store({Api(1, 1)});
  QuerySpec labels = Spec(ReportKind::kLabelNames);
  const uint64_t without = Answer(labels, {block}).stats.bytes_read;
  const uint64_t with = Answer(Spec(), {block}).stats.bytes_read;
  EXPECT_LT(without, with);
}

TEST_F(ReportsTest, PprofsMergeByWholeStack) {
  const std::vector<BlockMeta> blocks = {
      Store({BatchBuilder("t", "a").Profile(NextIdentity(), 1, {{"main;work", 3}, {"main", 1}}).Build(),
             BatchBuilder("t", "b").Profile(NextIdentity(), 2, {{"main;work", 4}}).Build()}),
      Store({BatchBuilder("t", "a").Profile(NextIdentity(), 3, {{"main;in/line", 5}, {"main;work", 8}}).Build()})};
  for (const int threads : {1, 2}) {
    const auto result = Execute(Spec(ReportKind::kPprof), ReadNode(blocks), threads);
    ASSERT_TRUE(result.ok());
    const StackProfile& profile = result->reports[0].stack_profile;
    EXPECT_EQ(FoldedOf(profile), (Folded{{"main", 1}, {"main;work", 15}, {"main;in;line", 5}}));
    EXPECT_TRUE(std::is_sorted(profile.stacks.begin(), profile.stacks.end()));
    EXPECT_EQ(profile.duration_ns, 3'000);
    EXPECT_EQ(profile.period, 10);
    size_t inlined = 0;
    for (const Location& location : profile.symbols.locations) inlined += location.line_count == 2;
    EXPECT_EQ(inlined, 1u) << "locations keep their lines";
  }
}

TEST_F(ReportsTest, EveryKindHasARowAndMergingWithNothingChangesNothing) {
  for (int kind = 1; kind <= 7; ++kind) {
    const ReportKindRow* row = FindReportKind(static_cast<ReportKind>(kind));
    ASSERT_NE(row, nullptr) << kind;
    EXPECT_EQ(static_cast<int>(row->kind), kind);
    ReportRequest request{.kind = row->kind, .step_ns = 1};
    Report empty = row->make(request)->Finish();
    EXPECT_EQ(empty.kind, row->kind);
    Report other = row->make(request)->Finish();
    row->merge(empty, std::move(other));
    EXPECT_EQ(empty.kind, row->kind);
    EXPECT_EQ(FoldedOf(empty.flame_tree), Folded());
  }
  EXPECT_EQ(FindReportKind(static_cast<ReportKind>(0)), nullptr);
  EXPECT_EQ(FindReportKind(static_cast<ReportKind>(8)), nullptr);
}

}  // namespace
}  // namespace brazier::query_backend
