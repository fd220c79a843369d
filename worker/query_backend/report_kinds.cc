#include "worker/query_backend/report_kinds.h"

#include <algorithm>
#include <array>

namespace brazier::query_backend {
namespace {

constexpr std::array kKinds = {
    ReportKindRow{ReportKind::kFlameGraph, MakeFlameGraphBuilder, MergeFlameGraphs},
    ReportKindRow{ReportKind::kTimeSeries, MakeTimeSeriesBuilder, MergeTimeSeries},
    ReportKindRow{ReportKind::kProfileTypes, MakeLabelsBuilder, MergeLabels},
    ReportKindRow{ReportKind::kLabelNames, MakeLabelsBuilder, MergeLabels},
    ReportKindRow{ReportKind::kLabelValues, MakeLabelsBuilder, MergeLabels},
    ReportKindRow{ReportKind::kSeries, MakeLabelsBuilder, MergeLabels},
    ReportKindRow{ReportKind::kPprof, MakePprofBuilder, MergePprofs},
    ReportKindRow{ReportKind::kTopFunctions, MakeTopFunctionsBuilder, MergeTopFunctions},
    ReportKindRow{ReportKind::kFunctionUsage, MakeTimeSeriesBuilder, MergeTimeSeries},
    ReportKindRow{ReportKind::kHeatmap, MakeHeatmapBuilder, MergeHeatmaps},
};

}  // namespace

const ReportKindRow* FindReportKind(ReportKind kind) {
  for (const ReportKindRow& row : kKinds) {
    if (row.kind == kind) return &row;
  }
  return nullptr;
}

size_t MemoryBytes(const Report& report) {
  // Of an entry of a set or a map, besides what it holds.
  constexpr size_t kEntryBytes = 64;
  size_t bytes = report.flame_tree.nodes.size() * sizeof(FlameTree::Node) + report.flame_tree.names.bytes();
  for (const auto& [labels, points] : report.time_series) {
    bytes += kEntryBytes + labels.Bytes() + points.size() * (kEntryBytes + sizeof(TimeSeriesPoint));
  }
  for (const std::string& text : report.strings) bytes += kEntryBytes + text.size();
  for (const Labels& labels : report.series) bytes += kEntryBytes + labels.Bytes();
  for (const auto& [labels, points] : report.exemplars) {
    for (const auto& [time_ns, exemplar] : points) bytes += kEntryBytes + sizeof(Exemplar) + exemplar.labels.Bytes();
  }
  for (const auto& [labels, cells] : report.heatmap) {
    for (const auto& [at, cell] : cells) {
      bytes += kEntryBytes + sizeof(HeatmapCell) + (cell.exemplar.has_value() ? cell.exemplar->labels.Bytes() : 0);
    }
  }
  for (const auto& [name, cost] : report.functions) bytes += kEntryBytes + name.size() + sizeof(cost);
  const StackProfile& profile = report.stack_profile;
  return bytes + profile.symbols.MemoryBytes() + profile.stacks.size() * (sizeof(uint32_t) + sizeof(int64_t));
}

Result<const Selector*> RowSelection::SelectorOf(const std::string& text) {
  const auto it = deletion_selectors_.find(text);
  if (it != deletion_selectors_.end()) return &it->second;
  Result<Selector> selector = Selector::Parse(text.empty() ? "{}" : text);
  if (!selector.ok()) return selector.status().Annotate("the selector of a deletion");
  return &deletion_selectors_.emplace(text, std::move(selector).value()).first->second;
}

Result<bool> RowSelection::Set(const QuerySpec& spec, const Selector& selector, const block::DatasetRows& rows,
                               const DatasetMeta& dataset, std::span<const DataFilter> deletions) {
  series_matches_.resize(rows.series.size());
  bool any = false;
  for (size_t s = 0; s < rows.series.size(); ++s) {
    series_matches_[s] = selector.Matches(rows.series[s]);
    any |= series_matches_[s] != 0;
  }
  const auto& ids = spec.filter.profile_ids;
  if (profile_ids_.size() != ids.size()) {
    profile_ids_ = ids;
    std::sort(profile_ids_.begin(), profile_ids_.end());
  }
  hidden_.assign(rows.profiles.size(), ids.empty() ? 0 : 1);
  for (size_t p = 0; p < rows.profiles.size() && !ids.empty(); ++p) {
    if (std::binary_search(profile_ids_.begin(), profile_ids_.end(), rows.profiles[p].identity)) hidden_[p] = 0;
  }
  for (uint32_t profile : dataset.hidden_profiles) {
    if (profile < hidden_.size()) hidden_[profile] = 1;
  }
  deleted_.clear();
  for (const DataFilter& deletion : deletions) {
    if (!MayConcern(deletion, dataset)) continue;
    ASSIGN_OR_RETURN(const Selector* deleted, SelectorOf(deletion.selector));
    DeletedRows& out = deleted_.emplace_back();
    out.times = {deletion.start_ns, deletion.end_ns};
    for (const Labels& labels : rows.series) out.series.push_back(deleted->Matches(labels));
  }
  return any;
}

void CountDataset(const DatasetMeta& dataset, QueryStats* stats) {
  stats->profiles_hidden += dataset.hidden_profiles.size();
  ++stats->datasets_read;
  stats->newest_data_ns = std::max(stats->newest_data_ns, dataset.max_time_ns);
}

}  // namespace brazier::query_backend
