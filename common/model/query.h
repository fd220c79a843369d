// What can be asked and what is answered: report kinds, the plan tree, partial and final reports, the completeness
// stamp. The same types serve the frontend, the backends and the wire codecs. Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

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
};

// Whether a report is made of samples: stacks and their values. The others are made of rows.
constexpr bool NeedsSamples(ReportKind kind) { return kind == ReportKind::kFlameGraph || kind == ReportKind::kPprof; }

// One thing to compute. Fields that a kind does not use are left empty.
struct ReportRequest {
  ReportKind kind = ReportKind::kFlameGraph;
  // kTimeSeries: right-edge buckets: a profile at t counts in the smallest start + k * step that is >= t, so that
  // data in (start - step, start] falls into the first one.
  int64_t step_ns = 0;
  std::vector<std::string> group_by;     // kTimeSeries
  std::vector<std::string> label_names;  // kSeries: projection, empty = all labels
  std::string label_name;                // kLabelValues
};

// What every node of the plan must know.
struct QuerySpec {
  std::string query_id;
  std::vector<std::string> tenants;
  int64_t start_ns = 0;  // inclusive
  int64_t end_ns = 0;    // inclusive
  std::string selector;      // text form; with __profile_type__ where the query names a type
  std::vector<std::string> call_site;  // root-first prefix that stacks must begin with
  std::vector<ReportRequest> reports;
  int64_t memory_bytes_max = 0;  // of partial results on one backend; 0 = the backend's default
  bool explain = false;          // the result says what was executed where (QueryResult::executed)
};

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
  TimeSeriesSet time_series;
  std::set<std::string> strings;  // profile types, label names, label values
  std::set<Labels> series;
  StackProfile stack_profile;
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
