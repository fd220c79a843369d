// What can be asked and what is answered: report kinds, the plan tree, partial and final reports, the completeness
// stamp. The same types serve the frontend, the backends and the wire codecs. Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/hash.h"
#include "common/model/block_meta.h"
#include "common/model/flame_tree.h"
#include "common/model/labels.h"
#include "common/model/profile.h"

namespace brazier {

enum class ReportKind : uint8_t {
  kFlameGraph = 1,
  kTimeSeries = 2,
  kProfileTypes = 3,
  kLabelNames = 4,
  kLabelValues = 5,
  kSeries = 6,
  kPprof = 7,
  kTopFunctions = 8,
  kFunctionUsage = 9,
  kHeatmap = 10,
};
inline constexpr ReportKind kLastReportKind = ReportKind::kHeatmap;

// One thing to compute. Fields that a kind does not use are left empty.
struct ReportRequest {
  ReportKind kind = ReportKind::kFlameGraph;
  // kTimeSeries, kFunctionUsage, kHeatmap: right-edge buckets: a profile at t counts in the smallest start + k * step that
  // is >= t, so that data in (start - step, start] falls into the first one.
  int64_t step_ns = 0;
  std::vector<std::string> group_by;     // of the same kinds
  std::vector<std::string> label_names;  // kSeries: projection, empty = all labels
  std::string label_name;                // kLabelValues
  std::string function;                  // kFunctionUsage: a name, or what names must match as a whole
  bool is_function_regex = false;
  bool of_spans = false;                 // kHeatmap: a point is a sample with a span, not a profile
  bool exemplars = false;                // kTimeSeries, kHeatmap: name a profile, or a span, for each point
};

// Whether its answer lies on a grid of steps.
constexpr bool HasSteps(ReportKind kind) {
  return kind == ReportKind::kTimeSeries || kind == ReportKind::kFunctionUsage || kind == ReportKind::kHeatmap;
}

// What counts, besides selector and range. Empty: everything.
struct SampleFilter {
  std::vector<Hash128> profile_ids;    // identities of profiles
  std::vector<uint64_t> span_ids;      // samples of these
  std::vector<Hash128> trace_ids;      // samples of these
  std::vector<std::string> functions;  // that a stack must have, all of them, wherever; at most kFunctionsMax
  int64_t min_value = 0;               // of a profile in one series; those with less are left out
  static constexpr size_t kFunctionsMax = 32;
  static constexpr size_t kIdsMax = 10'000;

  bool PicksSamples() const { return !span_ids.empty() || !trace_ids.empty(); }
  // Whether roll-ups, which know neither profiles nor spans, can not answer.
  bool NeedsProfiles() const { return PicksSamples() || !profile_ids.empty() || min_value > 0; }
  bool IsEmpty() const { return functions.empty() && !NeedsProfiles(); }
  friend bool operator==(const SampleFilter&, const SampleFilter&) = default;
};

// What every node of the plan must know.
struct QuerySpec {
  std::string query_id;
  std::vector<std::string> tenants;
  int64_t start_ns = 0;  // inclusive
  int64_t end_ns = 0;    // inclusive
  std::string selector;      // text form; with __profile_type__ where the query names a type
  std::vector<std::string> call_site;  // root-first prefix that stacks must begin with
  SampleFilter filter;
  std::vector<ReportRequest> reports;
  int64_t memory_bytes_max = 0;  // of partial results on one backend; 0 = the backend's default
  bool explain = false;          // the result says what was executed where (QueryResult::executed)
};

// Whether a report is made of samples: stacks and their values. The others are made of rows, which know no stacks.
bool NeedsSamples(const QuerySpec& spec, const ReportRequest& report);

// One object and the datasets of it to read.
struct BlockRead {
  Ulid block;
  std::string object_key;
  std::vector<TenantSymbols> symbols;
  std::vector<DatasetMeta> datasets;
  std::vector<DataFilter> deletions;  // rows of the block that count no more
};

struct PlanNode {
  enum class Kind : uint8_t { kRead = 1, kMerge = 2 };
  Kind kind = Kind::kRead;
  std::vector<BlockRead> reads;     // kRead
  std::vector<PlanNode> children;   // kMerge
  uint64_t bytes = 0;               // to read below this node
};

// How a plan may be executed. On wires: in the header, so that a backend knows before it has read the plan.
struct ExecutionShare {
  // Query-backends that may work on it at a time, whoever gets it included. 1: it asks nobody else. 0: as many as it likes; what
  // frontends send.
  uint32_t backends_max = 0;
  // How often a subtree may be sent to another backend because one failed or was busy; what is left for this subtree.
  uint32_t retries_max = kRetriesMaxDefault;
  static constexpr uint32_t kRetriesMaxDefault = 16;
};

struct QueryPlan {
  QuerySpec spec;
  PlanNode root;
  ExecutionShare share = {};
};

// A subtree of a plan on its way to another backend. Borrows.
struct PlanPart {
  const QuerySpec& spec;
  const PlanNode& root;
  ExecutionShare share = {};
};

// Sum and number of profiles in one bucket of one series.
struct TimeSeriesPoint {
  double sum = 0;
  uint64_t count = 0;
};
// Group labels -> bucket time (ns, right edge) -> point.
using TimeSeriesSet = std::map<Labels, std::map<int64_t, TimeSeriesPoint>>;

// One of the profiles, or samples with a span, that a point is made of: the one with the largest value, of equal ones the
// one with the smallest id.
struct Exemplar {
  int64_t value = 0;
  Hash128 profile_id;
  int64_t time_ns = 0;
  uint64_t span_id = 0;   // 0: it is a profile
  Hash128 trace_id;       // zero: not known
  Labels labels;          // of its series that the group has not; of several series, those that they have in common
  // A total order, so that merging in any order chooses the same.
  bool IsBefore(const Exemplar& other) const;
};
// Group labels -> bucket time (ns, right edge) -> exemplar.
using ExemplarSet = std::map<Labels, std::map<int64_t, Exemplar>>;

// How often a value came in a bucket.
struct HeatmapCell {
  uint64_t count = 0;
  std::optional<Exemplar> exemplar;  // when asked for
};
// Group labels -> (bucket time, value) -> cell. Values as they were: who draws it divides the axis.
using HeatmapSet = std::map<Labels, std::map<std::pair<int64_t, int64_t>, HeatmapCell>>;

// By function name. self: of stacks that end in it; total: of stacks that it is in, each once.
struct FunctionCost {
  int64_t self = 0;
  int64_t total = 0;
};
using FunctionCosts = std::map<std::string, FunctionCost>;
// Those with the largest totals, then selfs, then by name; at most `max` of them when it is positive. Borrows the names.
std::vector<std::pair<const std::string*, FunctionCost>> LargestFunctions(const FunctionCosts& functions, int64_t max);

// Symbols and the value of each stack: what a merged pprof is rendered from.
struct StackProfile {
  SymbolTable symbols;
  std::vector<uint32_t> stacks;  // distinct nodes, ascending
  std::vector<int64_t> values;
  int64_t duration_ns = 0;  // sum over the profiles
  int64_t period = 0;       // largest
};

// One report, partial or final: the member that belongs to `kind` is filled.
struct Report {
  ReportKind kind = ReportKind::kFlameGraph;
  FlameTree flame_tree;
  TimeSeriesSet time_series;  // kTimeSeries, kFunctionUsage
  std::set<std::string> strings;  // profile types, label names, label values
  std::set<Labels> series;
  StackProfile stack_profile;
  ExemplarSet exemplars;     // kTimeSeries, when asked for
  HeatmapSet heatmap;
  FunctionCosts functions;   // kTopFunctions; kFunctionUsage fills time_series
};

// The completeness stamp.
struct QueryStats {
  uint64_t blocks_planned = 0;
  uint64_t blocks_read = 0;
  uint64_t blocks_failed = 0;
  uint64_t profiles_hidden = 0;  // repeats of an identity that were skipped
  uint64_t bytes_read = 0;
  uint64_t datasets_read = 0;
  uint64_t rows_read = 0;
  uint64_t samples_read = 0;
  uint64_t rollup_rows_read = 0;  // hours or days of a series, each in place of its profiles' rows
  int64_t newest_data_ns = 0;
  // Blocks of the range that the answer goes without, because their objects are damaged or missing: at most kNamedBlocksMax of
  // them by object key, sorted; blocks_failed counts all.
  static constexpr size_t kNamedBlocksMax = 100;
  std::vector<std::string> failed_blocks;
  void Add(const QueryStats& other);
};

// Who did what for an answer: a node of the plan that one backend did, by itself (no children) or by having its children done.
struct ExecutedNode {
  std::string backend;  // member id; empty: it has none
  PlanNode::Kind kind = PlanNode::Kind::kRead;
  int64_t duration_ns = 0;  // as that backend saw it
  uint64_t bytes_read = 0;  // from the object store, below this node
  uint64_t blocks_read = 0;
  uint64_t samples_read = 0;
  uint32_t retries = 0;  // it was given to another backend so often, because one failed or was busy
  uint32_t hedges = 0;   // backends that got it besides, because one was slow
  std::vector<ExecutedNode> children;
  // Of one tree, on wires and for people: beyond it nothing is executed otherwise, only not told.
  static constexpr size_t kNodesMax = 10'000;
};

struct QueryResult {
  std::vector<Report> reports;  // in the order of the requests
  QueryStats stats;
  std::optional<ExecutedNode> executed = std::nullopt;  // when the spec asks for it and the backend knows how
};

// For people, a line per node: "  read on b-2: 12.3 ms, 3 blocks, 4711 bytes, 99 samples, 1 retry".
std::string DescribeExecuted(const ExecutedNode& node);

}  // namespace brazier
