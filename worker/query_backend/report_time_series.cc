// Time series: row totals into right-edge buckets, grouped by labels. Reads no samples. A row of a roll-up has the time of its
// bucket's end, and is only read where the buckets of the series are made of whole ones: then it falls where its profiles would.
#include "worker/query_backend/report_kinds.h"

namespace brazier::query_backend {
namespace {

class TimeSeriesBuilder final : public ReportBuilder {
 public:
  explicit TimeSeriesBuilder(const ReportRequest& request) : request_(request) {}

  void AddRows(const DatasetView& view) override {
    series_.assign(view.rows.series.size(), nullptr);
    for (size_t i = 0; i < view.rows.rows.size(); ++i) {
      const block::DatasetRow& row = view.rows.rows[i];
      if (!view.IsMeant(row)) continue;
      const int64_t time_ns = view.rows.profiles[row.profile].time_ns;
      int64_t bucket_ns;
      if (!BucketOf(view.spec, time_ns, &bucket_ns)) continue;
      auto*& points = series_[row.series];
      if (points == nullptr) {
        Labels group = GroupOf(view.rows.series[row.series]);
        const size_t group_bytes = group.Bytes() + kPointBytes * (1 + group.size());
        const auto [it, is_new] = out_.try_emplace(std::move(group));
        if (is_new) memory_bytes_ += group_bytes;
        points = &it->second;
      }
      const auto [it, is_new] = points->try_emplace(bucket_ns);
      if (is_new) memory_bytes_ += kPointBytes;
      TimeSeriesPoint& point = it->second;
      point.sum += static_cast<double>(row.total);
      point.count += view.profile_counts.empty() ? 1 : view.profile_counts[i];
    }
  }
  size_t MemoryBytes() const override { return memory_bytes_; }
  Report Finish() override {
    Report report;
    report.kind = ReportKind::kTimeSeries;
    report.time_series = std::move(out_);
    return report;
  }

 private:
  // What a point, a tree node, takes, about.
  static constexpr size_t kPointBytes = 64;

  // The smallest start + k * step that is >= time; false when the point lies outside the grid.
  bool BucketOf(const QuerySpec& spec, int64_t time_ns, int64_t* bucket_ns) const {
    const int64_t step = request_.step_ns;
    if (step <= 0 || time_ns <= spec.start_ns - step || time_ns > spec.end_ns) return false;
    if (time_ns <= spec.start_ns) {
      *bucket_ns = spec.start_ns;
      return true;
    }
    // Compared as numbers of steps: the edge itself may be beyond what a time can hold.
    const int64_t k = (time_ns - spec.start_ns - 1) / step + 1;
    if (k > (spec.end_ns - spec.start_ns) / step) return false;
    *bucket_ns = spec.start_ns + k * step;
    return true;
  }

  Labels GroupOf(const Labels& labels) const {
    Labels group;
    for (const std::string& name : request_.group_by) {
      if (labels.Has(name)) group.Set(name, labels.Get(name));
    }
    return group;
  }

  const ReportRequest request_;
  TimeSeriesSet out_;
  std::vector<std::map<int64_t, TimeSeriesPoint>*> series_;
  size_t memory_bytes_ = 0;
};

}  // namespace

std::unique_ptr<ReportBuilder> MakeTimeSeriesBuilder(const ReportRequest& request) {
  return std::make_unique<TimeSeriesBuilder>(request);
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
}

}  // namespace brazier::query_backend
