#include "worker/query_backend/report_kinds.h"

#include <algorithm>
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

bool RowSelection::Set(const Selector& selector, const block::DatasetRows& rows, std::span<const uint32_t> hidden) {
  series_matches_.resize(rows.series.size());
  bool any = false;
  for (size_t s = 0; s < rows.series.size(); ++s) {
    series_matches_[s] = selector.Matches(rows.series[s]);
    any |= series_matches_[s] != 0;
  }
  hidden_.assign(rows.profiles.size(), 0);
  for (uint32_t profile : hidden) {
    if (profile < hidden_.size()) hidden_[profile] = 1;
  }
  return any;
}

void CountDataset(const DatasetMeta& dataset, const block::DatasetRows& rows, QueryStats* stats) {
  stats->profiles_hidden += dataset.hidden_profiles.size();
  ++stats->datasets_read;
  stats->rows_read += rows.rows.size();
  stats->newest_data_ns = std::max(stats->newest_data_ns, dataset.max_time_ns);
}

}  // namespace brazier::query_backend
