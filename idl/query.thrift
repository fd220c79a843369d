// QueryService: flame graphs, time series, labels, merged pprof. Multiplexed under the name "QueryService".
//
// One query carries a list of reports, computed in one pass over the same data. Names of functions and label values
// are bytes as the profiler sent them: nearly always UTF-8, but clients should not rely on it.

include "types.thrift"

namespace cpp brazier.idl
namespace py brazier_idl.query
namespace go brazier.idl.query
namespace java brazier.idl
namespace js brazier.idl

enum ReportKind {
  FLAME_GRAPH = 1,    // needs QueryRequest.profile_type
  TIME_SERIES = 2,    // needs QueryRequest.profile_type and step_ns
  PROFILE_TYPES = 3,  // ids "name:sample_type:sample_unit:period_type:period_unit"
  LABEL_NAMES = 4,
  LABEL_VALUES = 5,   // needs label_name
  SERIES = 6,
  PPROF = 7,          // needs QueryRequest.profile_type
  TOP_FUNCTIONS = 8,  // needs QueryRequest.profile_type
  FUNCTION_USAGE = 9, // needs QueryRequest.profile_type, function_name and step_ns
  HEATMAP = 10,       // needs QueryRequest.profile_type and step_ns
}

enum FlameGraphForm {
  COLUMNS = 0,  // Report.flame_tree: the tree, one array per field
  LEVELS = 1,   // Report.flame_levels: rows ready to be drawn
}

// One thing to compute. Fields that a kind does not use are ignored.
struct ReportRequest {
  1: ReportKind kind = ReportKind.FLAME_GRAPH;
  // FLAME_GRAPH, PPROF: keep the heaviest nodes, fold the rest into "other". <= 0: no limit; an answer that does not
  // fit into a frame then fails with RESOURCE_EXHAUSTED.
  2: i64 max_nodes = 8192;
  3: FlameGraphForm form = FlameGraphForm.COLUMNS;
  // TIME_SERIES, FUNCTION_USAGE, HEATMAP: bucket width. A profile at t counts in the smallest start + k * step that is >= t.
  4: i64 step_ns = 0;
  // The same kinds: one series per combination of the values of these labels; empty: one series.
  5: list<string> group_by = [];
  // SERIES: labels to return; empty: all.
  6: list<string> label_names = [];
  // LABEL_VALUES: the label.
  7: string label_name = "";
  // FUNCTION_USAGE: what is spent in stacks with this function. A name, or a regular expression (RE2) that names match as a whole.
  8: string function_name = "";
  9: bool is_function_regex = false;
  // HEATMAP: a point is a sample with a span, not a profile.
  10: bool of_spans = false;
  // TIME_SERIES, HEATMAP: name a profile, or a span, for each point.
  11: bool exemplars = false;
}

// Which profiles and samples count; what is empty narrows nothing.
struct SampleFilter {
  1: list<string> profile_ids = [];  // UUIDs, as exemplars have them
  2: list<string> span_ids = [];     // 16 hexadecimal digits
  3: list<string> trace_ids = [];    // 32 hexadecimal digits
  4: list<string> functions = [];    // stacks must have all of them, wherever; at most 32
  5: i64 min_value = 0;              // of a profile in one series
}

enum AnswerEncoding {
  THRIFT = 0,
  // QueryResponse.encoded_result holds the untruncated result in Brazier's own msgpack form
  // (docs/format/zeromq-query.md): for Brazier's own tools, which render it themselves.
  MSGPACK = 1,
}

struct QueryRequest {
  1: types.RequestHeader header = {};
  2: i64 start_ns = 0;  // ns since the epoch, inclusive
  3: i64 end_ns = 0;    // inclusive
  // Selectors such as {service_name="api", region=~"eu-.*"}; all must match. "{}" selects everything.
  4: list<string> selectors = [];
  // For example "process_cpu:cpu:nanoseconds:cpu:nanoseconds".
  5: string profile_type = "";
  // Only stacks that begin with these frames, root first.
  6: list<string> call_site = [];
  7: list<ReportRequest> reports = [];
  8: AnswerEncoding encoding = AnswerEncoding.THRIFT;
  9: bool explain = false;  // QueryResponse.explanation is wanted
  10: optional SampleFilter filter;
}

// A call tree in columns of equal length. Parents precede children; node 0 is the root, its own parent.
// total of a node = its self + the totals of its children.
struct FlameTree {
  1: list<string> names = [];   // distinct; names[0] is ""
  2: list<i32> parent = [];     // index of the parent node
  3: list<i32> name = [];       // index into names
  4: list<i64> self_value = [];
}

// Rows of nodes from the root down, four numbers a node: x offset delta, total, self, index into names.
struct FlameLevels {
  1: list<string> names = [];
  2: list<list<i64>> levels = [];
  3: i64 total = 0;
  4: i64 max_self = 0;
}

// Points of one series, in columns of equal length, ascending in time.
struct TimeSeries {
  1: map<string, string> labels = {};
  2: list<i64> times_ns = [];  // right edges of the buckets
  3: list<double> sums = [];
  4: list<i64> counts = [];    // profiles in the bucket
}

// The profile, or the sample with a span, that stands for a point: the one with the largest value.
struct Exemplar {
  1: i64 time_ns = 0;
  2: i64 value = 0;
  3: string profile_id = "";
  4: string span_id = "";   // empty: it is a profile
  5: string trace_id = "";
  6: map<string, string> labels = {};  // those that the group has not
}

// Exemplars of one series, parallel to their buckets.
struct Exemplars {
  1: map<string, string> labels = {};
  2: list<i64> times_ns = [];  // of the buckets
  3: list<Exemplar> exemplars = [];
}

// How often each value came in each bucket, in columns of equal length, sorted by time, then value.
struct HeatmapSeries {
  1: map<string, string> labels = {};
  2: list<i64> times_ns = [];  // right edges of the buckets
  3: list<i64> values = [];
  4: list<i64> counts = [];
  5: list<Exemplar> exemplars = [];  // empty, or one for each cell
}

// self: of stacks that end in the function; total: of stacks that it is in, each once.
struct FunctionCost {
  1: string name = "";
  2: i64 self_value = 0;
  3: i64 total = 0;
}

// The answer to one ReportRequest: the field that belongs to the kind is set.
struct Report {
  1: ReportKind kind = ReportKind.FLAME_GRAPH;
  2: optional FlameTree flame_tree;
  3: optional FlameLevels flame_levels;
  4: optional list<TimeSeries> time_series;     // TIME_SERIES, FUNCTION_USAGE
  5: optional list<string> strings;             // PROFILE_TYPES, LABEL_NAMES, LABEL_VALUES, sorted
  6: optional list<map<string, string>> series;
  7: optional binary pprof;                     // an uncompressed protobuf profile
  8: optional list<Exemplars> exemplars;        // TIME_SERIES, when asked for
  9: optional list<HeatmapSeries> heatmap;
  // TOP_FUNCTIONS: the max_nodes with the largest totals, then selfs, then by name; <= 0: all.
  10: optional list<FunctionCost> functions;
}

// The completeness stamp: what was read for this answer.
struct QueryStats {
  1: i64 blocks_planned = 0;
  2: i64 blocks_read = 0;
  3: i64 blocks_failed = 0;
  4: i64 profiles_hidden = 0;  // repeats of a profile, skipped
  5: i64 bytes_read = 0;
  6: i64 datasets_read = 0;
  7: i64 rows_read = 0;
  8: i64 samples_read = 0;
  9: i64 newest_data_ns = 0;
  10: i64 rollup_rows_read = 0;  // hours or days of a series, each in place of its profiles
  // Object keys of blocks that the answer goes without, because they are damaged or missing; at most 100 of blocks_failed.
  11: optional list<string> failed_blocks;
}

struct QueryResponse {
  1: list<Report> reports = [];  // in the order of the requests; empty with encoding MSGPACK
  2: QueryStats stats = {};
  3: optional binary encoded_result;
  4: optional string explanation;  // for people: what was read of which block
}

service QueryService {
  QueryResponse query(1: QueryRequest request) throws (1: types.BrazierError error);
  // Of the one tenant that the header names.
  types.TenantStats tenantStats(1: types.RequestHeader header) throws (1: types.BrazierError error);
  void ready(1: types.RequestHeader header) throws (1: types.BrazierError error);
}
