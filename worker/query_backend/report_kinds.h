// Report kinds: how each is built from datasets and how two partial ones merge. One file per kind, one row in the
// table of report_kinds.cc.
//
// A builder belongs to one thread; a query has one per thread and kind, merged at the end. Merging is associative and
// commutative, so neither threads nor the shape of the plan can change an answer.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/result.h"
#include "common/model/query.h"
#include "common/model/selector.h"
#include "store/block/section_rows.h"

namespace brazier::query_backend {

// One dataset's rows and which of them the query means.
struct DatasetView {
  const QuerySpec& spec;
  const block::DatasetRows& rows;
  std::span<const uint8_t> series_matches;  // per series
  std::span<const uint8_t> hidden;          // per profile
  bool IsSelected(const block::DatasetRow& row) const {
    return series_matches[row.series] && !hidden[row.profile];
  }
  bool IsInRange(const block::DatasetRow& row) const {
    const int64_t t = rows.profiles[row.profile].time_ns;
    return t >= spec.start_ns && t <= spec.end_ns;
  }
};

// Which rows of a dataset a query means. Keeps its memory from dataset to dataset.
class RowSelection {
 public:
  // False when no series matches. `hidden`: positions of profiles; those beyond the dataset are ignored.
  bool Set(const Selector& selector, const block::DatasetRows& rows, std::span<const uint32_t> hidden);
  // Lives until the next Set().
  DatasetView View(const QuerySpec& spec, const block::DatasetRows& rows) const {
    return {spec, rows, series_matches_, hidden_};
  }

 private:
  std::vector<uint8_t> series_matches_;
  std::vector<uint8_t> hidden_;
};

// What the completeness stamp says of a dataset whose rows were looked at.
void CountDataset(const DatasetMeta& dataset, const block::DatasetRows& rows, QueryStats* stats);

// The values of one dataset's selected samples, summed by stack.
struct DatasetStacks {
  const SymbolTable& symbols;     // shared symbols first, then the dataset's own
  std::span<const uint32_t> stacks;  // distinct, ascending, with non-zero values
  std::span<const int64_t> values;   // indexed by stack
  int64_t duration_ns;            // sum over the selected profiles
  int64_t period;                 // largest
};

class ReportBuilder {
 public:
  virtual ~ReportBuilder() = default;
  // The datasets that follow are of another service than those before: their stacks have little in common.
  virtual void BeginService() {}
  virtual void AddRows(const DatasetView& view) {}
  virtual void AddStacks(const DatasetStacks& stacks) {}
  virtual size_t MemoryBytes() const = 0;
  virtual Report Finish() = 0;
};

struct ReportKindRow {
  ReportKind kind;
  bool needs_samples;
  std::unique_ptr<ReportBuilder> (*make)(const ReportRequest& request);
  void (*merge)(Report& into, Report&& from);
};

// Never null for a valid kind; null for a number that is none.
const ReportKindRow* FindReportKind(ReportKind kind);

// One per report_<name>.cc.
std::unique_ptr<ReportBuilder> MakeFlameGraphBuilder(const ReportRequest& request);
void MergeFlameGraphs(Report& into, Report&& from);
std::unique_ptr<ReportBuilder> MakeTimeSeriesBuilder(const ReportRequest& request);
void MergeTimeSeries(Report& into, Report&& from);
std::unique_ptr<ReportBuilder> MakeLabelsBuilder(const ReportRequest& request);
void MergeLabels(Report& into, Report&& from);
std::unique_ptr<ReportBuilder> MakePprofBuilder(const ReportRequest& request);
void MergePprofs(Report& into, Report&& from);

}  // namespace brazier::query_backend
