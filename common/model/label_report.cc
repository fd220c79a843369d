#include "common/model/label_report.h"

#include <algorithm>

namespace brazier {

bool LabelReport::IsLabelKind(ReportKind kind) {
  switch (kind) {
    case ReportKind::kProfileTypes:
    case ReportKind::kLabelNames:
    case ReportKind::kLabelValues:
    case ReportKind::kSeries: return true;
    default: return false;
  }
  return false;
}

void LabelReport::Add(const Labels& labels) {
  switch (request_.kind) {
    case ReportKind::kProfileTypes: AddString(labels.Get(label::kProfileType)); break;
    case ReportKind::kLabelValues:
      if (labels.Has(request_.label_name)) AddString(labels.Get(request_.label_name));
      break;
    case ReportKind::kLabelNames:
      for (const Label& l : labels) AddString(l.name);
      break;
    case ReportKind::kSeries: {
      Labels projected = Projection(labels);
      if (projected.empty() && !request_.label_names.empty()) break;
      const size_t bytes = projected.Bytes() + 64 * projected.size();
      if (series_.insert(std::move(projected)).second) memory_bytes_ += bytes;
      break;
    }
    default: break;
  }
}

bool LabelReport::Covers(const Labels& labels) const {
  switch (request_.kind) {
    case ReportKind::kProfileTypes: return strings_.contains(labels.Get(label::kProfileType));
    case ReportKind::kLabelValues:
      return !labels.Has(request_.label_name) || strings_.contains(labels.Get(request_.label_name));
    case ReportKind::kLabelNames:
      return std::all_of(labels.begin(), labels.end(), [&](const Label& l) { return strings_.contains(l.name); });
    case ReportKind::kSeries: {
      const Labels projected = Projection(labels);
      return (projected.empty() && !request_.label_names.empty()) || series_.contains(projected);
    }
    default: break;
  }
  return false;
}

Report LabelReport::Take() {
  Report report;
  report.kind = request_.kind;
  while (!strings_.empty()) {
    report.strings.insert(report.strings.end(), std::move(strings_.extract(strings_.begin()).value()));
  }
  report.series = std::move(series_);
  return report;
}

Labels LabelReport::Projection(const Labels& labels) const {
  if (request_.label_names.empty()) return labels;
  Labels projected;
  for (const std::string& name : request_.label_names) {
    if (labels.Has(name)) projected.Set(name, labels.Get(name));
  }
  return projected;
}

void LabelReport::AddString(std::string_view s) {
  if (strings_.contains(s)) return;
  strings_.emplace(s);
  memory_bytes_ += s.size() + 64;
}

void MergeLabelReports(Report& into, Report&& from) {
  into.strings.merge(from.strings);
  into.series.merge(from.series);
}

}  // namespace brazier
