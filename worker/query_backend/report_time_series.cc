// Time series: row totals into right-edge buckets, grouped by labels. Samples are read only where stacks or spans are asked for, and
// for function usage, which is a time series of the stacks with a function. A row of a roll-up has the time of its bucket's end, and is
// only read where the buckets of the series are made of whole ones: then it falls where its profiles would.
#include <optional>

#include "worker/query_backend/function_stacks.h"
#include "worker/query_backend/profile_points.h"
#include "worker/query_backend/report_kinds.h"
#include "worker/query_backend/time_buckets.h"

namespace brazier::query_backend {
namespace {

void Choose(const Exemplar& candidate, std::map<int64_t, Exemplar>* chosen, int64_t bucket_ns) {
  const auto [it, is_new] = chosen->try_emplace(bucket_ns, candidate);
  if (!is_new && candidate.IsBefore(it->second)) it->second = candidate;
}

class TimeSeriesBuilder final : public ReportBuilder {
 public:
  TimeSeriesBuilder(const QuerySpec& spec, const ReportRequest& request)
      : request_(request), reads_samples_(NeedsSamples(spec, request)),
        points_(request, [this](const Labels& group, int64_t bucket_ns, const Exemplar& point) { Offer(group, bucket_ns, point); }) {
    if (request.kind == ReportKind::kFunctionUsage) functions_.emplace(request);
  }

  Samples samples() const override { return reads_samples_ ? Samples::kRows : Samples::kNone; }

  void AddRows(const DatasetView& view) override {
    series_.assign(view.rows.series.size(), nullptr);
    if (request_.exemplars) points_.Begin(view);
    // How many profiles there are says nothing of a function.
    if (functions_.has_value()) return;
    for (size_t i = 0; i < view.rows.rows.size(); ++i) {
      const block::DatasetRow& row = view.rows.rows[i];
      if (!view.IsMeant(row)) continue;
      TimeSeriesPoint* point = PointOf(view, row);
      if (point == nullptr) continue;
      point->count += view.profile_counts.empty() ? 1 : view.profile_counts[i];
      if (reads_samples_) continue;
      point->sum += static_cast<double>(row.total);
      if (request_.exemplars) points_.Add(view, row, row.total);
    }
  }

  bool BeginSymbols(const SymbolTable& symbols) override {
    return !functions_.has_value() || functions_->Match(symbols);
  }

  void AddSamples(const RowSamples& samples) override {
    const block::DatasetRow& row = samples.view.rows.rows[samples.row];
    int64_t sum = 0;
    bool is_any = false;
    for (size_t i = 0; i < samples.stacks.size(); ++i) {
      if (functions_.has_value() && !functions_->Has(samples.stacks[i])) continue;
      AddSaturating(&sum, samples.values[i]);
      is_any = true;
    }
    if (!is_any) return;
    TimeSeriesPoint* point = PointOf(samples.view, row);
    if (point == nullptr) return;
    point->sum += static_cast<double>(sum);
    if (request_.exemplars) points_.Add(samples.view, row, sum);
  }

  size_t MemoryBytes() const override { return memory_bytes_; }
  Report Finish() override {
    points_.End();
    Report report;
    report.kind = request_.kind;
    report.time_series = std::move(out_);
    report.exemplars = std::move(exemplars_);
    return report;
  }

 private:
  // What a point, a tree node, takes, about.
  static constexpr size_t kPointBytes = 64;

  // Null when it lies outside the grid.
  TimeSeriesPoint* PointOf(const DatasetView& view, const block::DatasetRow& row) {
    const std::optional<int64_t> bucket_ns = BucketOf(view.spec, request_, view.rows.profiles[row.profile].time_ns);
    if (!bucket_ns.has_value()) return nullptr;
    auto*& points = series_[row.series];
    if (points == nullptr) {
      Labels group = GroupOf(request_, view.rows.series[row.series]);
      const size_t group_bytes = group.Bytes() + kPointBytes * (1 + group.size());
      const auto [it, is_new] = out_.try_emplace(std::move(group));
      if (is_new) memory_bytes_ += group_bytes;
      points = &it->second;
    }
    const auto [it, is_new] = points->try_emplace(*bucket_ns);
    if (is_new) memory_bytes_ += kPointBytes;
    return &it->second;
  }

  void Offer(const Labels& group, int64_t bucket_ns, const Exemplar& point) {
    auto& of_group = exemplars_[group];
    const size_t before = of_group.size();
    Choose(point, &of_group, bucket_ns);
    if (of_group.size() > before) memory_bytes_ += kPointBytes + sizeof(Exemplar) + 2 * point.labels.Bytes();
  }

  const ReportRequest& request_;
  const bool reads_samples_;
  std::optional<FunctionStacks> functions_;
  ProfilePoints points_;
  TimeSeriesSet out_;
  ExemplarSet exemplars_;
  std::vector<std::map<int64_t, TimeSeriesPoint>*> series_;
  size_t memory_bytes_ = 0;
};

}  // namespace

std::unique_ptr<ReportBuilder> MakeTimeSeriesBuilder(const QuerySpec& spec, const ReportRequest& request) {
  return std::make_unique<TimeSeriesBuilder>(spec, request);
}

void MergeTimeSeries(Report& into, Report&& from) {
  for (auto& [labels, points] : from.time_series) {
    auto& target = into.time_series[labels];
    for (const auto& [time_ns, point] : points) {
      TimeSeriesPoint& p = target[time_ns];
      p.sum += point.sum;
      p.count += point.count;
    }
  }
  for (const auto& [labels, points] : from.exemplars) {
    for (const auto& [time_ns, exemplar] : points) Choose(exemplar, &into.exemplars[labels], time_ns);
  }
}

}  // namespace brazier::query_backend
