// Heatmaps: how often each value came in each bucket of time; a point is a profile, or a sample that has a span. The values are kept as
// they are, because the range of the axis is known only when all are there.
#include "worker/query_backend/profile_points.h"
#include "worker/query_backend/report_kinds.h"
#include "worker/query_backend/time_buckets.h"

namespace brazier::query_backend {
namespace {

void Choose(const Exemplar& candidate, std::optional<Exemplar>* chosen) {
  if (!chosen->has_value() || candidate.IsBefore(**chosen)) *chosen = candidate;
}

class HeatmapBuilder final : public ReportBuilder {
 public:
  HeatmapBuilder(const QuerySpec& spec, const ReportRequest& request)
      : request_(request), reads_samples_(NeedsSamples(spec, request)),
        points_(request, [this](const Labels& group, int64_t bucket_ns, const Exemplar& point) { Count(group, bucket_ns, point); }) {}

  Samples samples() const override { return reads_samples_ ? Samples::kRows : Samples::kNone; }
  void AddRows(const DatasetView& view) override {
    points_.Begin(view);
    if (reads_samples_) return;
    for (const block::DatasetRow& row : view.rows.rows) {
      if (view.IsMeant(row)) points_.Add(view, row, row.total);
    }
  }
  void AddSamples(const RowSamples& samples) override {
    const block::DatasetRow& row = samples.view.rows.rows[samples.row];
    if (request_.of_spans) return AddSpans(samples, row);
    int64_t sum = 0;
    for (const int64_t value : samples.values) AddSaturating(&sum, value);
    if (!samples.values.empty()) points_.Add(samples.view, row, sum);
  }
  size_t MemoryBytes() const override { return memory_bytes_; }
  Report Finish() override {
    points_.End();
    Report report;
    report.kind = ReportKind::kHeatmap;
    report.heatmap = std::move(out_);
    return report;
  }

 private:
  void AddSpans(const RowSamples& samples, const block::DatasetRow& row) {
    if (samples.spans.empty()) return;
    const ProfileBatch::Profile& profile = samples.view.rows.profiles[row.profile];
    const std::optional<int64_t> bucket_ns = BucketOf(samples.view.spec, request_, profile.time_ns);
    if (!bucket_ns.has_value()) return;
    const Labels& series = samples.view.rows.series[row.series];
    const Labels group = GroupOf(request_, series);
    Exemplar point{.profile_id = profile.identity, .time_ns = profile.time_ns, .trace_id = {},
                   .labels = LabelsBesideGroup(request_, series)};
    for (size_t i = 0; i < samples.spans.size(); ++i) {
      if (samples.spans[i] == 0) continue;
      point.value = samples.values[i];
      point.span_id = samples.spans[i];
      point.trace_id = samples.traces.empty() ? Hash128() : samples.traces[i];
      Count(group, *bucket_ns, point);
    }
  }
  void Count(const Labels& group, int64_t bucket_ns, const Exemplar& point) {
    const auto [series, is_new_series] = out_.try_emplace(group);
    if (is_new_series) memory_bytes_ += kEntryBytes + group.Bytes() + kEntryBytes * group.size();
    const auto [cell, is_new] = series->second.try_emplace({bucket_ns, point.value});
    if (is_new) memory_bytes_ += kEntryBytes + sizeof(HeatmapCell) + (request_.exemplars ? 2 * point.labels.Bytes() : 0);
    ++cell->second.count;
    if (request_.exemplars) Choose(point, &cell->second.exemplar);
  }

  static constexpr size_t kEntryBytes = 64;  // of a map, about
  const ReportRequest& request_;
  const bool reads_samples_;
  ProfilePoints points_;
  HeatmapSet out_;
  size_t memory_bytes_ = 0;
};

}  // namespace

std::unique_ptr<ReportBuilder> MakeHeatmapBuilder(const QuerySpec& spec, const ReportRequest& request) {
  return std::make_unique<HeatmapBuilder>(spec, request);
}

void MergeHeatmaps(Report& into, Report&& from) {
  for (auto& [labels, cells] : from.heatmap) {
    auto& target = into.heatmap[labels];
    for (const auto& [at, cell] : cells) {
      HeatmapCell& sum = target[at];
      sum.count += cell.count;
      if (cell.exemplar.has_value()) Choose(*cell.exemplar, &sum.exemplar);
    }
  }
}

}  // namespace brazier::query_backend
