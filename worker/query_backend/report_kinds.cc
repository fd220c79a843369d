#include "worker/query_backend/report_kinds.h"

#include <array>

namespace brazier::query_backend {
namespace {

constexpr std::array kKinds = {
    ReportKindRow{ReportKind::kFlameGraph, true, MakeFlameGraphBuilder, MergeFlameGraphs},
    ReportKindRow{ReportKind::kTimeSeries, false, MakeTimeSeriesBuilder, MergeTimeSeries},
    ReportKindRow{ReportKind::kProfileTypes, false, MakeLabelsBuilder, MergeLabels},
    ReportKindRow{ReportKind::kLabelNames, false, MakeLabelsBuilder, MergeLabels},
    ReportKindRow{ReportKind::kLabelValues, false, MakeLabelsBuilder, MergeLabels},
    ReportKindRow{ReportKind::kSeries, false, MakeLabelsBuilder, MergeLabels},
    ReportKindRow{ReportKind::kPprof, true, MakePprofBuilder, MergePprofs},
};

}  // namespace

const ReportKindRow* FindReportKind(ReportKind kind) {
  for (const ReportKindRow& row : kKinds) {
    if (row.kind == kind) return &row;
  }
  return nullptr;
}

}  // namespace brazier::query_backend
