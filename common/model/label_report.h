// LabelReport: label names, label values, series or profile types over a set of label sets. Backends make it of the series that they
// read, the index of those that it lists: one rule for both, so that their answers are equal. Thread-compatible.
#pragma once

#include <functional>

#include "common/model/query.h"

namespace brazier {

class LabelReport {
 public:
  // Whether reports of the kind depend on nothing but which label sets there are.
  static bool IsLabelKind(ReportKind kind);

  // REQUIRES: IsLabelKind(request.kind)
  explicit LabelReport(ReportRequest request) : request_(std::move(request)) {}

  void Add(const Labels& labels);
  // Adding the labels would change nothing.
  bool Covers(const Labels& labels) const;
  // What it holds, about.
  size_t MemoryBytes() const { return memory_bytes_; }
  Report Take();

 private:
  Labels Projection(const Labels& labels) const;
  void AddString(std::string_view s);

  const ReportRequest request_;
  std::set<std::string, std::less<>> strings_;
  std::set<Labels> series_;
  size_t memory_bytes_ = 0;
};

// Of reports of one kind.
void MergeLabelReports(Report& into, Report&& from);

}  // namespace brazier
