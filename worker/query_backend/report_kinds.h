// Report kinds: how each is built from datasets and how two partial ones merge. One file per kind, one row in the
// table of report_kinds.cc.
//
// A builder belongs to one thread; a query has one per thread and kind, merged at the end. Merging is associative and
// commutative, so neither threads nor the shape of the plan can change an answer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/query.h"
#include "common/model/rollup_cover.h"
#include "common/model/selector.h"
#include "store/block/section_rows.h"

namespace brazier::query_backend {

// What a deletion takes out of a dataset.
struct DeletedRows {
  TimeRange times;
  std::vector<uint8_t> series;  // per series
};

// One dataset's rows and which of them a report means. The rows are those of profiles, or of a roll-up, whose rows stand for
// the hours or days that end at the times of theirs.
struct DatasetView {
  const QuerySpec& spec;
  const block::DatasetRows& rows;
  std::span<const uint8_t> series_matches;  // per series
  std::span<const uint8_t> hidden;          // per profile: repeats, and those that the filter does not name
  std::span<const DeletedRows> deleted;
  std::span<const TimeRange> times;          // of the rows that the report reads here
  std::span<const uint64_t> profile_counts;  // per row of a roll-up; empty: each row is of one profile
  bool IsMeant(const block::DatasetRow& row) const {
    if (!series_matches[row.series] || hidden[row.profile]) return false;
    if (spec.filter.min_value > 0 && row.total < spec.filter.min_value) return false;
    const int64_t t = rows.profiles[row.profile].time_ns;
    bool is_in_range = false;
    for (const TimeRange& range : times) is_in_range |= range.Holds(t);
    if (!is_in_range) return false;
    for (const DeletedRows& each : deleted) {
      if (each.series[row.series] && each.times.Holds(t)) return false;
    }
    return true;
  }
};

// Which rows of a dataset a query means. For one spec. Keeps its memory from dataset to dataset.
class RowSelection {
 public:
  // False when no series matches. Hidden profiles beyond the dataset are ignored. kInvalidArgument for a deletion whose selector
  // is none.
  Result<bool> Set(const QuerySpec& spec, const Selector& selector, const block::DatasetRows& rows,
                   const DatasetMeta& dataset, std::span<const DataFilter> deletions);
  // Lives until the next Set().
  DatasetView View(const QuerySpec& spec, const block::DatasetRows& rows, std::span<const TimeRange> times,
                   std::span<const uint64_t> profile_counts = {}) const {
    return {spec, rows, series_matches_, hidden_, deleted_, times, profile_counts};
  }

 private:
  Result<const Selector*> SelectorOf(const std::string& text);

  std::vector<uint8_t> series_matches_;
  std::vector<uint8_t> hidden_;
  std::vector<Hash128> profile_ids_;  // of the spec, sorted
  std::vector<DeletedRows> deleted_;
  std::map<std::string, Selector> deletion_selectors_;  // by text: blocks have the same deletions
};

// What the completeness stamp says of a dataset that was read.
void CountDataset(const DatasetMeta& dataset, QueryStats* stats);

// The values of one dataset's selected samples, summed by stack.
struct DatasetStacks {
  const SymbolTable& symbols;     // shared symbols first, then the dataset's own
  std::span<const uint32_t> stacks;  // distinct, ascending, with non-zero values
  std::span<const int64_t> values;   // indexed by stack
  int64_t duration_ns;            // sum over the selected profiles
  int64_t period;                 // largest
};

// The samples of one row that a query means.
struct RowSamples {
  const DatasetView& view;
  size_t row;
  std::span<const uint32_t> stacks;
  std::span<const int64_t> values;
  std::span<const uint64_t> spans;   // one per sample, 0: none; or empty
  std::span<const Hash128> traces;   // likewise
};

class ReportBuilder {
 public:
  // What a builder reads of samples.
  enum class Samples {
    kNone,
    kSums,  // by stack over all rows of a dataset: AddStacks()
    kRows,  // of each row: AddSamples()
  };
  virtual ~ReportBuilder() = default;
  virtual Samples samples() const { return Samples::kNone; }
  // The datasets that follow are of another service than those before: their stacks have little in common.
  virtual void BeginService() {}
  virtual void AddRows(const DatasetView& view) {}
  virtual void AddStacks(const DatasetStacks& stacks) {}
  // The rows' samples that follow have stacks of this table. False: nothing of it is wanted, and nothing follows.
  virtual bool BeginSymbols(const SymbolTable& symbols) { return true; }
  virtual void AddSamples(const RowSamples& samples) {}
  virtual size_t MemoryBytes() const = 0;
  virtual Report Finish() = 0;
};

struct ReportKindRow {
  ReportKind kind;
  // The references outlive the builder.
  std::unique_ptr<ReportBuilder> (*make)(const QuerySpec& spec, const ReportRequest& request);
  void (*merge)(Report& into, Report&& from);
};

// About what a report takes; for bounds.
size_t MemoryBytes(const Report& report);

// Never null for a valid kind; null for a number that is none.
const ReportKindRow* FindReportKind(ReportKind kind);

// One per report_<name>.cc.
std::unique_ptr<ReportBuilder> MakeFlameGraphBuilder(const QuerySpec& spec, const ReportRequest& request);
void MergeFlameGraphs(Report& into, Report&& from);
// Also function usage.
std::unique_ptr<ReportBuilder> MakeTimeSeriesBuilder(const QuerySpec& spec, const ReportRequest& request);
void MergeTimeSeries(Report& into, Report&& from);
std::unique_ptr<ReportBuilder> MakeLabelsBuilder(const QuerySpec& spec, const ReportRequest& request);
void MergeLabels(Report& into, Report&& from);
std::unique_ptr<ReportBuilder> MakePprofBuilder(const QuerySpec& spec, const ReportRequest& request);
void MergePprofs(Report& into, Report&& from);
std::unique_ptr<ReportBuilder> MakeTopFunctionsBuilder(const QuerySpec& spec, const ReportRequest& request);
void MergeTopFunctions(Report& into, Report&& from);
std::unique_ptr<ReportBuilder> MakeHeatmapBuilder(const QuerySpec& spec, const ReportRequest& request);
void MergeHeatmaps(Report& into, Report&& from);

}  // namespace brazier::query_backend
