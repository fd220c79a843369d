// Profile types, label names, label values and series: sets over the series that have a profile in the range.
#include "worker/query_backend/report_kinds.h"

namespace brazier::query_backend {
namespace {

class LabelsBuilder final : public ReportBuilder {
 public:
  explicit LabelsBuilder(const ReportRequest& request) : request_(request) {}

  void AddRows(const DatasetView& view) override {
    seen_.assign(view.rows.series.size(), 0);
    for (const block::DatasetRow& row : view.rows.rows) {
      if (seen_[row.series] || !view.IsSelected(row) || !view.IsInRange(row)) continue;
      seen_[row.series] = 1;
      AddSeries(view.rows.series[row.series]);
    }
  }
  size_t MemoryBytes() const override { return memory_bytes_; }
  Report Finish() override {
    Report report;
    report.kind = request_.kind;
    report.strings = std::move(strings_);
    report.series = std::move(series_);
    return report;
  }

 private:
  void AddSeries(const Labels& labels) {
    switch (request_.kind) {
      case ReportKind::kProfileTypes: AddString(labels.Get(label::kProfileType)); break;
      case ReportKind::kLabelValues:
        if (labels.Has(request_.label_name)) AddString(labels.Get(request_.label_name));
        break;
      case ReportKind::kLabelNames:
        for (const Label& l : labels) AddString(l.name);
        break;
      case ReportKind::kSeries: AddProjection(labels); break;
      case ReportKind::kFlameGraph:
      case ReportKind::kTimeSeries:
      case ReportKind::kPprof: break;
    }
  }
  void AddString(std::string_view s) {
    if (strings_.emplace(s).second) memory_bytes_ += s.size() + 64;
  }
  void AddProjection(const Labels& labels) {
    if (request_.label_names.empty()) {
      if (series_.insert(labels).second) memory_bytes_ += labels.Bytes() + 64 * labels.size();
      return;
    }
    Labels projected;
    for (const std::string& name : request_.label_names) {
      if (labels.Has(name)) projected.Set(name, labels.Get(name));
    }
    if (projected.empty()) return;
    const size_t bytes = projected.Bytes() + 64 * projected.size();
    if (series_.insert(std::move(projected)).second) memory_bytes_ += bytes;
  }

  const ReportRequest request_;
  std::set<std::string> strings_;
  std::set<Labels> series_;
  std::vector<uint8_t> seen_;
  size_t memory_bytes_ = 0;
};

}  // namespace

std::unique_ptr<ReportBuilder> MakeLabelsBuilder(const ReportRequest& request) {
  return std::make_unique<LabelsBuilder>(request);
}

void MergeLabels(Report& into, Report&& from) {
  into.strings.merge(from.strings);
  into.series.merge(from.series);
}

}  // namespace brazier::query_backend
