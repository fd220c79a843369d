#include "common/model/label_report.h"

#include <gtest/gtest.h>

namespace brazier {
namespace {

Labels Set(std::vector<Label> labels) { return Labels(std::move(labels)); }
const Labels kFirst = Set({{"__profile_type__", "cpu"}, {"pod", "a"}, {"zone", "z"}});
const Labels kSecond = Set({{"__profile_type__", "mem"}, {"pod", "b"}});
const Labels kEmpty;

Report ReportOf(const ReportRequest& request, const std::vector<Labels>& sets) {
  LabelReport report(request);
  for (const Labels& labels : sets) report.Add(labels);
  return report.Take();
}
using Strings = std::set<std::string>;

TEST(LabelReport, EachKind) {
  const std::vector<Labels> sets = {kFirst, kSecond, kFirst};
  EXPECT_EQ(ReportOf({.kind = ReportKind::kProfileTypes}, sets).strings, (Strings{"cpu", "mem"}));
  EXPECT_EQ(ReportOf({.kind = ReportKind::kLabelNames}, sets).strings, (Strings{"__profile_type__", "pod", "zone"}));
  EXPECT_EQ(ReportOf({.kind = ReportKind::kLabelValues, .label_name = "zone"}, sets).strings, Strings{"z"});
  EXPECT_EQ(ReportOf({.kind = ReportKind::kSeries}, sets).series, (std::set<Labels>{kFirst, kSecond}));
  EXPECT_EQ(ReportOf({.kind = ReportKind::kSeries, .label_names = {"zone", "none"}}, sets).series,
            (std::set<Labels>{Set({{"zone", "z"}})}));
  EXPECT_EQ(ReportOf({.kind = ReportKind::kSeries}, {kEmpty}).series, std::set<Labels>{kEmpty});
  EXPECT_EQ(ReportOf({.kind = ReportKind::kProfileTypes}, {kEmpty}).strings, Strings{""});
}

// Covers() is what Add() would do, of every kind.
TEST(LabelReport, CoversExactlyWhatAddsNothing) {
  const std::vector<ReportRequest> requests = {{.kind = ReportKind::kProfileTypes},
                                               {.kind = ReportKind::kLabelNames},
                                               {.kind = ReportKind::kLabelValues, .label_name = "zone"},
                                               {.kind = ReportKind::kSeries},
                                               {.kind = ReportKind::kSeries, .label_names = {"pod"}},
                                               {.kind = ReportKind::kSeries, .label_names = {"none"}}};
  const std::vector<Labels> sets = {kEmpty, kFirst, kSecond, Set({{"pod", "a"}}), Set({{"pod", ""}}), Set({{"other", "a"}})};
  for (const ReportRequest& request : requests) {
    for (const Labels& there : sets) {
      for (const Labels& more : sets) {
        LabelReport report(request);
        report.Add(there);
        const bool covers = report.Covers(more);
        const size_t bytes = report.MemoryBytes();
        report.Add(more);
        const bool grew = report.MemoryBytes() != bytes;
        const Report with = report.Take();
        const Report without = ReportOf(request, {there});
        EXPECT_EQ(covers, with.strings == without.strings && with.series == without.series);
        EXPECT_TRUE(covers == !grew || more.empty());
      }
    }
  }
}

TEST(LabelReport, MergingPartsIsTheWhole) {
  for (const ReportKind kind : {ReportKind::kLabelNames, ReportKind::kSeries}) {
    Report merged = ReportOf({.kind = kind}, {kFirst});
    MergeLabelReports(merged, ReportOf({.kind = kind}, {kSecond, kFirst}));
    const Report whole = ReportOf({.kind = kind}, {kFirst, kSecond});
    EXPECT_EQ(merged.strings, whole.strings);
    EXPECT_EQ(merged.series, whole.series);
  }
}

TEST(LabelReport, KindsOfLabels) {
  for (const ReportKind kind : {ReportKind::kProfileTypes, ReportKind::kLabelNames, ReportKind::kLabelValues, ReportKind::kSeries}) {
    EXPECT_TRUE(LabelReport::IsLabelKind(kind));
  }
  for (const ReportKind kind : {ReportKind::kFlameGraph, ReportKind::kTimeSeries, ReportKind::kPprof, ReportKind{0}, ReportKind{99}}) {
    EXPECT_FALSE(LabelReport::IsLabelKind(kind));
  }
}

}  // namespace
}  // namespace brazier
