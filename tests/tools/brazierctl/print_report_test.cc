#include <gtest/gtest.h>

#include "tools/brazierctl/print_report.h"

namespace brazier::ctl {
namespace {

// main 100 -> work 90 (self 30) -> main 60 (recursion), main -> idle 10.
FlameTree Tree() {
  FlameTreeBuilder builder;
  const uint32_t main_name = builder.NameId("main");
  const uint32_t main = builder.Child(FlameTreeBuilder::kRoot, main_name);
  const uint32_t work = builder.Child(main, builder.NameId("work"));
  builder.AddSelf(work, 30);
  builder.AddSelf(builder.Child(work, main_name), 60);
  builder.AddSelf(builder.Child(main, builder.NameId("idle")), 10);
  return builder.Finish();
}

const FunctionCosts kCosts = {{"main", {60, 100}}, {"work", {30, 90}}, {"idle", {10, 10}}};

TEST(TopFunctions, SortsBySelf) {
  EXPECT_EQ(TopFunctionsText(kCosts, "samples", 40),
            "total 100\n"
            "      self          total        function\n"
            "        60  60.0%        100 100.0%  main\n"
            "        30  30.0%         90  90.0%  work\n"
            "        10  10.0%         10  10.0%  idle\n");
}

TEST(TopFunctions, SaysWhatItLeftOut) {
  const std::string text = TopFunctionsText(kCosts, "samples", 1);
  EXPECT_EQ(text.find("work"), std::string::npos);
  EXPECT_NE(text.find("... 2 more\n"), std::string::npos);
}

TEST(Tree, IndentsWithTheHeaviestFirst) {
  EXPECT_EQ(TreeText(Tree(), "samples", 0),
            "       100 100.0% total\n"
            "       100 100.0%   main\n"
            "        90  90.0%     work\n"
            "        60  60.0%       main\n"
            "        10  10.0%     idle\n");
  const std::string text = TreeText(Tree(), "samples", 0.2);
  EXPECT_EQ(text.find("idle"), std::string::npos);
  EXPECT_NE(text.find("... 1 smaller branches"), std::string::npos);
}

TEST(Folded, IsOneLinePerStackWithAValue) {
  EXPECT_EQ(FoldedText(Tree()), "main;work 30\nmain;work;main 60\nmain;idle 10\n");
}

TEST(Reports, AnEmptyAnswerIsPrintedToo) {
  const FlameTree empty;
  EXPECT_EQ(FoldedText(empty), "");
  EXPECT_NE(TopFunctionsText({}, "nanoseconds", 10).find("total 0ns"), std::string::npos);
  EXPECT_EQ(TreeText(empty, "samples", 0.01), "         0   0.0% total\n");
}

TEST(Values, HaveTheUnitOfTheirType) {
  EXPECT_EQ(ValueText(1.5e9, "nanoseconds"), "1.50s");
  EXPECT_EQ(ValueText(2e6, "nanoseconds"), "2.00ms");
  EXPECT_EQ(ValueText(2 << 20, "bytes"), "2.00MiB");
  EXPECT_EQ(ValueText(1000, "bytes"), "1000B");
  EXPECT_EQ(ValueText(1234, "count"), "1234");
}

TEST(TimeSeries, OneLinePerPoint) {
  Report report;
  report.kind = ReportKind::kTimeSeries;
  const Labels api(std::vector<Label>{{"service_name", "api"}});
  report.time_series[api][1'700'000'000'000'000'000] = {.sum = 12, .count = 3};
  EXPECT_EQ(TimeSeriesText(report), "{service_name=\"api\"}\n  2023-11-14T22:13:20Z  12 in 3 profiles\n");
  report.exemplars[api][1'700'000'000'000'000'000] = {.value = 7, .profile_id = {1, 2}, .trace_id = {}, .labels = {}};
  EXPECT_EQ(TimeSeriesText(report), "{service_name=\"api\"}\n  2023-11-14T22:13:20Z  12 in 3 profiles, largest 7 in "
                                    "00000000-0000-0001-0000-000000000002\n");
  report.exemplars.clear();
  report.kind = ReportKind::kFunctionUsage;
  EXPECT_EQ(TimeSeriesText(report), "{service_name=\"api\"}\n  2023-11-14T22:13:20Z  12\n");
}

TEST(Stats, FailuresAreNotToBeOverlooked) {
  QueryStats stats;
  stats.blocks_planned = 3;
  stats.blocks_read = 2;
  stats.rows_read = 12'000;
  EXPECT_EQ(StatsText(stats).find("could not be read"), std::string::npos);
  EXPECT_NE(StatsText(stats).find("12000 profiles, "), std::string::npos);
  EXPECT_EQ(FailedBlocksText(stats), "");
  stats.rollup_rows_read = 720;
  EXPECT_NE(StatsText(stats).find("from 720 roll-up rows and 12000 rows, "), std::string::npos);
  stats.blocks_failed = 1;
  stats.failed_blocks = {"blocks/1/t/A.brz"};
  EXPECT_TRUE(StatsText(stats).ends_with("\nINCOMPLETE: 1 block could not be read: blocks/1/t/A.brz\n"));
  stats.blocks_failed = 3;
  stats.failed_blocks = {"a", "b"};
  EXPECT_EQ(FailedBlocksText(stats), "INCOMPLETE: 3 blocks could not be read: a, b, ...\n");
}

}  // namespace
}  // namespace brazier::ctl
