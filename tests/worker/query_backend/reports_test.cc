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

// Stacks by themselves, and with spans: one sample for each.
class StackReportsTest : public ReportsTest {
 protected:
  struct Spanned {
    std::string stack;
    int64_t value;
    uint64_t span = 0;
    uint64_t trace = 0;
  };
  ProfileBatch Of(int64_t second, const std::vector<Spanned>& samples, Labels labels = {}, const std::string& service = "api") {
    testing::FoldedSamples folded;
    for (const Spanned& s : samples) folded.emplace_back(s.stack, s.value);
    ProfileBatch batch =
        BatchBuilder("t", service).Profile(NextIdentity(), kBase + second * kSecond, folded, std::move(labels)).Build();
    EXPECT_EQ(batch.stacks.size(), samples.size()) << "stacks of a profile are distinct, and in the order in which they first come";
    for (const Spanned& s : samples) {
      batch.span_ids.push_back(s.span);
      batch.trace_ids.push_back({s.trace, s.trace});
    }
    return batch;
  }
  static QuerySpec Stepped(ReportKind kind, int64_t start = 0, int64_t end = 30, int64_t step = 10) {
    QuerySpec spec = TimeSeries(start, end, step);
    spec.reports[0].kind = kind;
    return spec;
  }
  static std::map<std::string, std::pair<int64_t, int64_t>> CostsOf(const Report& report) {
    std::map<std::string, std::pair<int64_t, int64_t>> out;
    for (const auto& [name, cost] : report.functions) out[name] = {cost.self, cost.total};
    return out;
  }
};

TEST_F(StackReportsTest, TopFunctionsCountRecursionOnce) {
  const std::vector<BlockMeta> blocks = {
      Store({BatchBuilder("t", "a").Profile(NextIdentity(), 1, {{"main", 1}, {"main;f", 2}, {"main;f;f", 4}, {"main;f;g;f", 8}}).Build()}),
      Store({BatchBuilder("t", "b").Profile(NextIdentity(), 2, {{"main;g", 16}, {"main;in/line", 32}}).Build()})};
  using Costs = std::map<std::string, std::pair<int64_t, int64_t>>;
  EXPECT_EQ(CostsOf(OneReport(Spec(ReportKind::kTopFunctions), blocks)),
            (Costs{{"main", {1, 63}}, {"f", {14, 14}}, {"g", {16, 24}}, {"in", {0, 32}}, {"line", {32, 32}}}));
}

TEST_F(StackReportsTest, LargestFunctionsByTotalThenSelfThenName) {
  const FunctionCosts costs = {{"a", {0, 5}}, {"b", {5, 5}}, {"c", {1, 9}}, {"d", {5, 5}}};
  std::string names;
  for (const auto& [name, cost] : LargestFunctions(costs, 0)) names += *name;
  EXPECT_EQ(names, "cbda");
  EXPECT_EQ(LargestFunctions(costs, 2).size(), 2u);
}

TEST_F(StackReportsTest, FunctionUsageIsOfStacksThatHaveIt) {
  const std::vector<BlockMeta> blocks = {Store({Of(5, {{"main;json.Parse;read", 1}, {"main;serve", 2}}, MakeLabels({{"pod", "1"}})),
                                                Of(6, {{"main;json.Parse;json.Parse", 4}}, MakeLabels({{"pod", "2"}}))}),
                                         Store({Of(15, {{"main;json.Print", 8}}), Of(16, {{"main;other", 16}}, {}, "web")})};
  const auto ask = [&](const std::string& function, bool is_regex, std::vector<std::string> by = {}) {
    QuerySpec spec = Stepped(ReportKind::kFunctionUsage);
    spec.reports[0].function = function;
    spec.reports[0].is_function_regex = is_regex;
    spec.reports[0].group_by = std::move(by);
    return LinesOf(OneReport(spec, blocks));
  };
  const std::string ten = std::to_string(kBase + 10 * kSecond), twenty = std::to_string(kBase + 20 * kSecond);
  using Lines = std::vector<std::string>;
  EXPECT_EQ(ask("json.Parse", false), (Lines{"point {} " + ten + " 5.000000/0"}));
  EXPECT_EQ(ask("json\\..*", true), (Lines{"point {} " + ten + " 5.000000/0", "point {} " + twenty + " 8.000000/0"}));
  EXPECT_EQ(ask("json", true), Lines()) << "names match as a whole";
  EXPECT_EQ(ask("other", false, {"service_name"}), (Lines{"point {service_name=web,} " + twenty + " 16.000000/0"}));
}

TEST_F(StackReportsTest, FunctionUsageReadsNoSamplesThatCannotHaveIt) {
  std::vector<ProfileBatch> batches;
  for (int service = 0; service < 20; ++service) {
    std::vector<Spanned> samples;
    for (int i = 0; i < 200; ++i) samples.push_back({"main;s" + std::to_string(service) + ";f" + std::to_string(i), 1000 + i * 7919 % 997});
    batches.push_back(Of(5, samples, {}, "service-" + std::to_string(service)));
  }
  const auto block = Store(batches);
  QuerySpec spec = Stepped(ReportKind::kFunctionUsage);
  spec.reports[0].function = "s7";
  const QueryResult one = Answer(spec, {block});
  EXPECT_EQ(one.stats.samples_read, 200u);
  EXPECT_EQ(one.stats.datasets_read, 20u);
  EXPECT_EQ(LinesOf(one.reports[0]).size(), 1u);
  spec.reports[0].function = "main";
  const QueryResult all = Answer(spec, {block});
  EXPECT_EQ(all.stats.samples_read, 4000u);
  EXPECT_LT(one.stats.bytes_read, all.stats.bytes_read);
  spec.reports[0].function = "nowhere";
  const QueryResult none = Answer(spec, {block});
  EXPECT_EQ(none.stats.samples_read, 0u);
  EXPECT_LT(none.stats.bytes_read, one.stats.bytes_read);
  EXPECT_TRUE(none.reports[0].time_series.empty());
}

TEST_F(StackReportsTest, FiltersPickSamples) {
  const Spanned a{"main;a", 1, 11, 1}, b{"main;b", 2, 12, 1}, c{"main;c", 4, 13, 2}, none{"main;d", 8};
  const ProfileBatch first = Of(5, {a, b, c, none}), second = Of(6, {{"main;a", 16, 13, 3}});
  const Hash128 second_id = second.profiles[0].identity;
  const std::vector<BlockMeta> blocks = {Store({first}), Store({second})};
  const auto ask = [&](SampleFilter filter, ReportKind kind = ReportKind::kFlameGraph) {
    QuerySpec spec = Stepped(kind);
    spec.filter = std::move(filter);
    return OneReport(spec, blocks);
  };
  EXPECT_EQ(FoldedOf(ask({.span_ids = {13, 11}}).flame_tree), (Folded{{"main;a", 17}, {"main;c", 4}}));
  EXPECT_EQ(FoldedOf(ask({.trace_ids = {{1, 1}}}).flame_tree), (Folded{{"main;a", 1}, {"main;b", 2}}));
  EXPECT_EQ(FoldedOf(ask({.span_ids = {13}, .trace_ids = {{3, 3}}}).flame_tree), (Folded{{"main;a", 16}}));
  EXPECT_EQ(FoldedOf(ask({.span_ids = {99}}).flame_tree), Folded());
  EXPECT_EQ(FoldedOf(ask({.profile_ids = {{9, 9}, second_id}}).flame_tree), (Folded{{"main;a", 16}}));
  EXPECT_EQ(FoldedOf(ask({.functions = {"a"}}).flame_tree), (Folded{{"main;a", 17}}));
  EXPECT_EQ(FoldedOf(ask({.functions = {"a", "main"}}).flame_tree), (Folded{{"main;a", 17}}));
  EXPECT_EQ(FoldedOf(ask({.functions = {"a", "b"}}).flame_tree), Folded());
  EXPECT_EQ(FoldedOf(ask({.min_value = 16}).flame_tree), (Folded{{"main;a", 16}}));
  EXPECT_EQ(FoldedOf(ask({.min_value = 15}).flame_tree), (Folded{{"main;a", 17}, {"main;b", 2}, {"main;c", 4}, {"main;d", 8}}));
  EXPECT_EQ(ask({.span_ids = {12}}, ReportKind::kPprof).stack_profile.duration_ns, 1'000) << "of the profile that has it";
  const auto points = [&](SampleFilter filter) { return PointsOf(ask(std::move(filter), ReportKind::kTimeSeries).time_series[Labels()]); };
  EXPECT_EQ(points({}), (Points{{10, 31}}));
  EXPECT_EQ(points({.span_ids = {13}}), (Points{{10, 20}}));
  EXPECT_EQ(points({.functions = {"a"}}), (Points{{10, 17}}));
  EXPECT_EQ(points({.min_value = 16}), (Points{{10, 16}}));
}

TEST_F(StackReportsTest, TimeSeriesOfACallSiteCountAllProfiles) {
  const auto block = Store({Of(5, {{"main;a", 1}, {"main;b", 2}}), Of(6, {{"main;b", 4}}), Of(15, {{"main;b", 8}})});
  QuerySpec spec = Stepped(ReportKind::kTimeSeries);
  spec.call_site = {"main", "a"};
  const Report report = OneReport(spec, {block});
  EXPECT_EQ(PointsOf(report.time_series.at(Labels())), (Points{{10, 1}, {20, 0}})) << "there were profiles, without it";
  EXPECT_EQ(report.time_series.at(Labels()).begin()->second.count, 2u);
}

// Reports that are asked for together read different ranges: buckets reach back before the start.
TEST_F(StackReportsTest, ReportsOfDifferentRangesDoNotMix) {
  const auto block = Store({Of(-5, {{"main;early", 1}}), Of(5, {{"main;a", 2}}), Of(29, {{"main;late", 4}})});
  QuerySpec spec = Stepped(ReportKind::kFunctionUsage, 0, 29, 10);
  spec.reports[0].function = "main";
  spec.reports.push_back({.kind = ReportKind::kFlameGraph});
  const QueryResult result = Answer(spec, {block});
  EXPECT_EQ(PointsOf(result.reports[0].time_series.at(Labels())), (Points{{0, 1}, {10, 2}}));
  EXPECT_EQ(FoldedOf(result.reports[1].flame_tree), (Folded{{"main;a", 2}, {"main;late", 4}}));
}

TEST_F(StackReportsTest, ExemplarsNameTheLargestProfile) {
  const auto eu = MakeLabels({{"region", "eu"}, {"pod", "1"}}), us = MakeLabels({{"region", "us"}, {"pod", "2"}});
  const std::vector<ProfileBatch> profiles = {Of(3, {{"main", 5}}, eu), Of(4, {{"main", 9}}, us), Of(5, {{"main", 9}}, eu), Of(15, {{"main", 1}}, eu)};
  const std::vector<BlockMeta> blocks = {Store({profiles[2], profiles[3]}), Store({profiles[0], profiles[1]})};
  QuerySpec spec = Stepped(ReportKind::kTimeSeries);
  EXPECT_TRUE(OneReport(spec, blocks).exemplars.empty());
  spec.reports[0].exemplars = true;
  const Report all = OneReport(spec, blocks);
  const auto& points = all.exemplars.at(Labels());
  ASSERT_EQ(points.size(), 2u);
  const Exemplar& first = points.at(kBase + 10 * kSecond);
  EXPECT_EQ(first.value, 9);
  EXPECT_EQ(first.profile_id, profiles[1].profiles[0].identity) << "of two with 9 the one with the smaller id";
  EXPECT_EQ(first.time_ns, kBase + 4 * kSecond);
  EXPECT_EQ(first.labels.Get("pod"), "2");
  spec.reports[0].group_by = {"region"};
  const Report by_region = OneReport(spec, blocks);
  EXPECT_EQ(by_region.exemplars.size(), 2u);
  EXPECT_FALSE(by_region.exemplars.at(MakeLabels({{"region", "eu"}})).begin()->second.labels.Has("region"));
}

// A profile in several series of one group is one profile.
TEST_F(StackReportsTest, RowsOfOneProfileAreOnePoint) {
  ProfileBatch batch = BatchBuilder("t", "api")
                           .Profile(NextIdentity(), kBase + 5 * kSecond, {{"main", 3}}, MakeLabels({{"thread", "1"}, {"pod", "1"}}))
                           .Profile({}, kBase + 5 * kSecond, {{"main", 4}}, MakeLabels({{"thread", "2"}, {"pod", "1"}}))
                           .Build();
  batch.rows[1].profile = 0;
  batch.profiles.pop_back();
  QuerySpec spec = Stepped(ReportKind::kHeatmap);
  spec.reports[0].exemplars = true;
  const Report report = OneReport(spec, {Store({batch})});
  const auto& cells = report.heatmap.at(Labels());
  ASSERT_EQ(cells.size(), 1u);
  EXPECT_EQ(cells.begin()->first, std::make_pair(kBase + 10 * kSecond, int64_t{7}));
  EXPECT_EQ(cells.begin()->second.count, 1u);
  EXPECT_EQ(cells.begin()->second.exemplar->labels.Get("pod"), "1");
  EXPECT_FALSE(cells.begin()->second.exemplar->labels.Has("thread")) << "in which they differ";
}

TEST_F(StackReportsTest, HeatmapsCountProfilesOrSpans) {
  const std::vector<BlockMeta> blocks = {
      Store({Of(5, {{"main;a", 1, 11, 1}, {"main;b", 2, 12, 1}, {"main;c", 4}}), Of(6, {{"main;a", 7, 13, 2}})}),
      Store({Of(7, {{"main;a", 2, 14, 3}}), Of(15, {{"main;a", 3}})})};
  QuerySpec spec = Stepped(ReportKind::kHeatmap);
  const auto cells = [&] {
    std::map<std::pair<int64_t, int64_t>, uint64_t> out;
    const Report report = OneReport(spec, blocks);
    for (const auto& [at, cell] : report.heatmap.at(Labels())) out[{(at.first - kBase) / kSecond, at.second}] = cell.count;
    return out;
  };
  using Cells = std::map<std::pair<int64_t, int64_t>, uint64_t>;
  EXPECT_EQ(cells(), (Cells{{{10, 7}, 2}, {{10, 2}, 1}, {{20, 3}, 1}}));
  spec.reports[0].of_spans = true;
  EXPECT_EQ(cells(), (Cells{{{10, 1}, 1}, {{10, 2}, 2}, {{10, 7}, 1}}));
  spec.reports[0].exemplars = true;
  const Report named = OneReport(spec, blocks);
  const Exemplar& exemplar = *named.heatmap.at(Labels()).at({kBase + 10 * kSecond, 7}).exemplar;
  EXPECT_EQ(exemplar.span_id, 13u);
  EXPECT_EQ(exemplar.trace_id, (Hash128{2, 2}));
}

TEST_F(ReportsTest, EveryKindHasARowAndMergingWithNothingChangesNothing) {
  for (int kind = 1; kind <= static_cast<int>(kLastReportKind); ++kind) {
    const ReportKindRow* row = FindReportKind(static_cast<ReportKind>(kind));
    ASSERT_NE(row, nullptr) << kind;
    EXPECT_EQ(static_cast<int>(row->kind), kind);
    const ReportRequest request{.kind = row->kind, .step_ns = 1, .group_by = {}, .label_names = {}, .label_name = "", .function = "f"};
    const QuerySpec spec = Spec();
    Report empty = row->make(spec, request)->Finish();
    EXPECT_EQ(empty.kind, row->kind);
    Report other = row->make(spec, request)->Finish();
    row->merge(empty, std::move(other));
    EXPECT_EQ(empty.kind, row->kind);
    EXPECT_EQ(FoldedOf(empty.flame_tree), Folded());
  }
  EXPECT_EQ(FindReportKind(static_cast<ReportKind>(0)), nullptr);
  EXPECT_EQ(FindReportKind(static_cast<ReportKind>(static_cast<int>(kLastReportKind) + 1)), nullptr);
}

}  // namespace
}  // namespace brazier::query_backend
