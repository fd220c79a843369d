// Profile types, label names, label values and series: sets over the series that have a profile in the range.
#include "common/model/label_report.h"
#include "worker/query_backend/report_kinds.h"

namespace brazier::query_backend {
namespace {

class LabelsBuilder final : public ReportBuilder {
 public:
  explicit LabelsBuilder(const ReportRequest& request) : report_(request) {}

  void AddRows(const DatasetView& view) override {
    seen_.assign(view.rows.series.size(), 0);
    for (const block::DatasetRow& row : view.rows.rows) {
      if (seen_[row.series] || !view.IsMeant(row)) continue;
      seen_[row.series] = 1;
      report_.Add(view.rows.series[row.series]);
    }
  }
  size_t MemoryBytes() const override { return report_.MemoryBytes(); }
  Report Finish() override { return report_.Take(); }

 private:
  LabelReport report_;
  std::vector<uint8_t> seen_;
};

}  // namespace

std::unique_ptr<ReportBuilder> MakeLabelsBuilder(const QuerySpec&, const ReportRequest& request) {
  return std::make_unique<LabelsBuilder>(request);
}

void MergeLabels(Report& into, Report&& from) { MergeLabelReports(into, std::move(from)); }

}  // namespace brazier::query_backend
