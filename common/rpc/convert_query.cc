#include "common/rpc/convert_query.h"

#include <utility>

#include "common/codec/flame_graph.h"
#include "common/codec/pprof_encode.h"
#include "common/codec/query_msgpack.h"
#include "common/model/profile_id.h"
#include "common/model/profile_type.h"
#include "common/rpc/convert_labels.h"

namespace brazier::rpc {

namespace {

// Upper bounds of what values take on the wire (compact protocol).
constexpr size_t kStringHeaderBytes = 5;
constexpr size_t kNodeBytes = 5 + 5 + 10;
constexpr size_t kLevelNodeBytes = 10 + 10 + 10 + 5;
constexpr size_t kPointBytes = 10 + 8 + 10;

// Adds up an answer and says when it is too large to be sent.
class AnswerSize {
 public:
  explicit AnswerSize(size_t bytes_max) : bytes_max_(bytes_max) {}
  void Add(size_t bytes) { bytes_ += bytes; }
  void AddString(std::string_view text) { bytes_ += text.size() + kStringHeaderBytes; }
  void AddLabels(const Labels& labels) { bytes_ += labels.Bytes() + 2 * kStringHeaderBytes * labels.size() + 8; }
  Status Check(std::string_view what) const {
    if (bytes_ <= bytes_max_) return Status::Ok();
    return ResourceExhausted("answer with " + std::string(what) + " needs up to " +
                             std::to_string(bytes_) + " bytes, the limit is " +
                             std::to_string(bytes_max_) +
                             "; narrow the query or lower max_nodes")
        .WithReason("answer_size_limit");
  }

 private:
  const size_t bytes_max_;
  size_t bytes_ = 0;
};

Result<ReportKind> KindFromWire(idl::ReportKind kind) {
  switch (kind) {
    case idl::ReportKind::FLAME_GRAPH: return ReportKind::kFlameGraph;
    case idl::ReportKind::TIME_SERIES: return ReportKind::kTimeSeries;
    case idl::ReportKind::PROFILE_TYPES: return ReportKind::kProfileTypes;
    case idl::ReportKind::LABEL_NAMES: return ReportKind::kLabelNames;
    case idl::ReportKind::LABEL_VALUES: return ReportKind::kLabelValues;
    case idl::ReportKind::SERIES: return ReportKind::kSeries;
    case idl::ReportKind::PPROF: return ReportKind::kPprof;
    case idl::ReportKind::TOP_FUNCTIONS: return ReportKind::kTopFunctions;
    case idl::ReportKind::FUNCTION_USAGE: return ReportKind::kFunctionUsage;
    case idl::ReportKind::HEATMAP: return ReportKind::kHeatmap;
  }
  return InvalidArgument("unknown report kind " + std::to_string(static_cast<int>(kind)));
}

idl::ReportKind KindToWire(ReportKind kind) {
  switch (kind) {
    case ReportKind::kFlameGraph: return idl::ReportKind::FLAME_GRAPH;
    case ReportKind::kTimeSeries: return idl::ReportKind::TIME_SERIES;
    case ReportKind::kProfileTypes: return idl::ReportKind::PROFILE_TYPES;
    case ReportKind::kLabelNames: return idl::ReportKind::LABEL_NAMES;
    case ReportKind::kLabelValues: return idl::ReportKind::LABEL_VALUES;
    case ReportKind::kSeries: return idl::ReportKind::SERIES;
    case ReportKind::kPprof: return idl::ReportKind::PPROF;
    case ReportKind::kTopFunctions: return idl::ReportKind::TOP_FUNCTIONS;
    case ReportKind::kFunctionUsage: return idl::ReportKind::FUNCTION_USAGE;
    case ReportKind::kHeatmap: return idl::ReportKind::HEATMAP;
  }
  return idl::ReportKind::FLAME_GRAPH;
}

Status FlameTreeToWire(const FlameTree& tree, AnswerSize& size, idl::FlameTree& out) {
  size.Add(tree.names.bytes() + kStringHeaderBytes * tree.names.size() +
           kNodeBytes * tree.nodes.size());
  RETURN_IF_ERROR(size.Check("a flame graph of " + std::to_string(tree.nodes.size()) + " nodes"));
  out.names.reserve(tree.names.size());
  for (uint32_t id = 0; id < tree.names.size(); ++id) out.names.emplace_back(tree.names.Get(id));
  out.parent.reserve(tree.nodes.size());
  out.name.reserve(tree.nodes.size());
  out.self_value.reserve(tree.nodes.size());
  for (const FlameTree::Node& node : tree.nodes) {
    out.parent.push_back(static_cast<int32_t>(node.parent));
    out.name.push_back(static_cast<int32_t>(node.name));
    out.self_value.push_back(node.self);
  }
  return Status::Ok();
}

Status FlameLevelsToWire(const FlameTree& tree, AnswerSize& size, idl::FlameLevels& out) {
  size.Add(tree.names.bytes() + kStringHeaderBytes * tree.names.size() +
           kLevelNodeBytes * tree.nodes.size());
  RETURN_IF_ERROR(size.Check("a flame graph of " + std::to_string(tree.nodes.size()) + " nodes"));
  codec::FlameGraph graph = codec::EncodeLevels(tree);
  out.names = std::move(graph.names);
  out.levels = std::move(graph.levels);
  out.total = graph.total;
  out.max_self = graph.max_self;
  return Status::Ok();
}

Status TimeSeriesToWire(const TimeSeriesSet& set, AnswerSize& size,
                        std::vector<idl::TimeSeries>& out) {
  for (const auto& [labels, points] : set) {
    size.AddLabels(labels);
    size.Add(kPointBytes * points.size());
  }
  RETURN_IF_ERROR(size.Check(std::to_string(set.size()) + " time series"));
  out.reserve(set.size());
  for (const auto& [labels, points] : set) {
    idl::TimeSeries& wire = out.emplace_back();
    wire.labels = LabelsToWire(labels);
    for (const auto& [time_ns, point] : points) {
      wire.times_ns.push_back(time_ns);
      wire.sums.push_back(point.sum);
      wire.counts.push_back(static_cast<int64_t>(point.count));
    }
  }
  return Status::Ok();
}

// An exemplar's, besides its labels.
constexpr size_t kExemplarBytes = 10 + 10 + 36 + 16 + 32 + 4 * kStringHeaderBytes;

idl::Exemplar ExemplarToWire(const Exemplar& exemplar) {
  idl::Exemplar wire;
  wire.time_ns = exemplar.time_ns;
  wire.value = exemplar.value;
  wire.profile_id = ProfileIdText(exemplar.profile_id);
  if (exemplar.span_id != 0) wire.span_id = SpanIdText(exemplar.span_id);
  if (!exemplar.trace_id.IsZero()) wire.trace_id = exemplar.trace_id.Hex();
  wire.labels = LabelsToWire(exemplar.labels);
  return wire;
}

Status ExemplarsToWire(const ExemplarSet& set, AnswerSize& size, std::vector<idl::Exemplars>& out) {
  for (const auto& [labels, points] : set) {
    size.AddLabels(labels);
    for (const auto& [time_ns, exemplar] : points) {
      size.Add(kPointBytes + kExemplarBytes);
      size.AddLabels(exemplar.labels);
    }
  }
  RETURN_IF_ERROR(size.Check("exemplars of " + std::to_string(set.size()) + " time series"));
  for (const auto& [labels, points] : set) {
    idl::Exemplars& wire = out.emplace_back();
    wire.labels = LabelsToWire(labels);
    for (const auto& [time_ns, exemplar] : points) {
      wire.times_ns.push_back(time_ns);
      wire.exemplars.push_back(ExemplarToWire(exemplar));
    }
  }
  return Status::Ok();
}

Status HeatmapToWire(const HeatmapSet& set, AnswerSize& size, std::vector<idl::HeatmapSeries>& out) {
  for (const auto& [labels, cells] : set) {
    size.AddLabels(labels);
    for (const auto& [at, cell] : cells) {
      size.Add(kPointBytes);
      if (!cell.exemplar.has_value()) continue;
      size.Add(kExemplarBytes);
      size.AddLabels(cell.exemplar->labels);
    }
  }
  RETURN_IF_ERROR(size.Check("a heatmap of " + std::to_string(set.size()) + " series"));
  for (const auto& [labels, cells] : set) {
    idl::HeatmapSeries& wire = out.emplace_back();
    wire.labels = LabelsToWire(labels);
    for (const auto& [at, cell] : cells) {
      wire.times_ns.push_back(at.first);
      wire.values.push_back(at.second);
      wire.counts.push_back(static_cast<int64_t>(cell.count));
      if (cell.exemplar.has_value()) wire.exemplars.push_back(ExemplarToWire(*cell.exemplar));
    }
  }
  return Status::Ok();
}

Status FunctionsToWire(const FunctionCosts& functions, int64_t max, AnswerSize& size, std::vector<idl::FunctionCost>& out) {
  for (const auto& [name, cost] : LargestFunctions(functions, max)) {
    size.AddString(*name);
    size.Add(20);
    idl::FunctionCost& wire = out.emplace_back();
    wire.name = *name;
    wire.self_value = cost.self;
    wire.total = cost.total;
  }
  return size.Check(std::to_string(out.size()) + " functions");
}

Result<SampleFilter> FilterFromWire(const idl::SampleFilter& wire) {
  SampleFilter filter;
  for (const std::string& text : wire.profile_ids) {
    ASSIGN_OR_RETURN(filter.profile_ids.emplace_back(), ParseProfileId(text));
  }
  for (const std::string& text : wire.span_ids) {
    ASSIGN_OR_RETURN(filter.span_ids.emplace_back(), ParseSpanId(text));
  }
  for (const std::string& text : wire.trace_ids) {
    ASSIGN_OR_RETURN(filter.trace_ids.emplace_back(), ParseTraceId(text));
  }
  filter.functions = wire.functions;
  filter.min_value = wire.min_value;
  return filter;
}

idl::SampleFilter FilterToWire(const SampleFilter& filter) {
  idl::SampleFilter wire;
  for (const Hash128& id : filter.profile_ids) wire.profile_ids.push_back(ProfileIdText(id));
  for (const uint64_t id : filter.span_ids) wire.span_ids.push_back(SpanIdText(id));
  for (const Hash128& id : filter.trace_ids) wire.trace_ids.push_back(id.Hex());
  wire.functions = filter.functions;
  wire.min_value = filter.min_value;
  return wire;
}

Status ReportToWire(const idl::QueryRequest& request, const idl::ReportRequest& asked,
                    const Report& report, AnswerSize& size, idl::Report& out) {
  out.kind = KindToWire(report.kind);
  switch (report.kind) {
    case ReportKind::kFlameGraph: {
      const FlameTree tree = codec::Truncate(report.flame_tree, asked.max_nodes);
      if (asked.form == idl::FlameGraphForm::LEVELS) {
        out.__isset.flame_levels = true;
        return FlameLevelsToWire(tree, size, out.flame_levels);
      }
      out.__isset.flame_tree = true;
      return FlameTreeToWire(tree, size, out.flame_tree);
    }
    case ReportKind::kTimeSeries:
    case ReportKind::kFunctionUsage:
      out.__isset.time_series = true;
      RETURN_IF_ERROR(TimeSeriesToWire(report.time_series, size, out.time_series));
      if (!asked.exemplars) return Status::Ok();
      out.__isset.exemplars = true;
      return ExemplarsToWire(report.exemplars, size, out.exemplars);
    case ReportKind::kHeatmap:
      out.__isset.heatmap = true;
      return HeatmapToWire(report.heatmap, size, out.heatmap);
    case ReportKind::kTopFunctions:
      out.__isset.functions = true;
      return FunctionsToWire(report.functions, asked.max_nodes, size, out.functions);
    case ReportKind::kProfileTypes:
    case ReportKind::kLabelNames:
    case ReportKind::kLabelValues:
      for (const std::string& text : report.strings) size.AddString(text);
      RETURN_IF_ERROR(size.Check(std::to_string(report.strings.size()) + " names"));
      out.__set_strings({report.strings.begin(), report.strings.end()});
      return Status::Ok();
    case ReportKind::kSeries:
      for (const Labels& labels : report.series) size.AddLabels(labels);
      RETURN_IF_ERROR(size.Check(std::to_string(report.series.size()) + " series"));
      out.__isset.series = true;
      for (const Labels& labels : report.series) out.series.push_back(LabelsToWire(labels));
      return Status::Ok();
    case ReportKind::kPprof: {
      ASSIGN_OR_RETURN(const ProfileType type, ProfileType::Parse(request.profile_type));
      std::string pprof =
          codec::EncodePprof(report.stack_profile, type, request.end_ns, asked.max_nodes);
      size.AddString(pprof);
      RETURN_IF_ERROR(size.Check("a pprof"));
      out.__isset.pprof = true;
      out.pprof = std::move(pprof);
      return Status::Ok();
    }
  }
  return Internal("report of unknown kind");
}

}  // namespace

Result<contract::QueryRequest> QueryFromWire(const idl::QueryRequest& request,
                                             std::vector<std::string> tenants) {
  contract::QueryRequest out;
  out.tenants = std::move(tenants);
  out.start_ns = request.start_ns;
  out.end_ns = request.end_ns;
  out.selectors = request.selectors;
  out.profile_type = request.profile_type;
  out.call_site = request.call_site;
  for (const idl::ReportRequest& wire : request.reports) {
    ReportRequest& report = out.reports.emplace_back();
    ASSIGN_OR_RETURN(report.kind, KindFromWire(wire.kind));
    report.step_ns = wire.step_ns;
    report.group_by = wire.group_by;
    report.label_names = wire.label_names;
    report.label_name = wire.label_name;
    report.function = wire.function_name;
    report.is_function_regex = wire.is_function_regex;
    report.of_spans = wire.of_spans;
    report.exemplars = wire.exemplars;
  }
  out.explain = request.explain;
  if (request.__isset.filter) {
    ASSIGN_OR_RETURN(out.filter, FilterFromWire(request.filter));
  }
  return out;
}

idl::QueryRequest QueryToWire(const contract::QueryRequest& request) {
  idl::QueryRequest out;
  for (const std::string& tenant : request.tenants) {
    if (!out.header.tenant.empty()) out.header.tenant += '|';
    out.header.tenant += tenant;
  }
  out.start_ns = request.start_ns;
  out.end_ns = request.end_ns;
  out.selectors = request.selectors;
  out.profile_type = request.profile_type;
  out.call_site = request.call_site;
  for (const ReportRequest& report : request.reports) {
    idl::ReportRequest& wire = out.reports.emplace_back();
    wire.kind = KindToWire(report.kind);
    wire.max_nodes = 0;
    wire.step_ns = report.step_ns;
    wire.group_by = report.group_by;
    wire.label_names = report.label_names;
    wire.label_name = report.label_name;
    wire.function_name = report.function;
    wire.is_function_regex = report.is_function_regex;
    wire.of_spans = report.of_spans;
    wire.exemplars = report.exemplars;
  }
  out.explain = request.explain;
  if (!request.filter.IsEmpty()) out.__set_filter(FilterToWire(request.filter));
  return out;
}

Result<idl::QueryResponse> AnswerToWire(const idl::QueryRequest& request,
                                        const contract::QueryResponse& response, size_t bytes_max) {
  idl::QueryResponse out;
  out.stats = QueryStatsToWire(response.stats);
  AnswerSize size(bytes_max);
  if (request.explain) {
    size.AddString(response.explanation);
    out.__isset.explanation = true;
    out.explanation = response.explanation;
  }
  if (request.encoding == idl::AnswerEncoding::MSGPACK) {
    std::string encoded =
        codec::EncodeQueryResult({.reports = response.reports, .stats = response.stats});
    size.AddString(encoded);
    RETURN_IF_ERROR(size.Check("an encoded result"));
    out.__isset.encoded_result = true;
    out.encoded_result = std::move(encoded);
    return out;
  }
  // An unknown tenant is answered with no reports at all: nothing to render.
  if (!response.reports.empty() && response.reports.size() != request.reports.size()) {
    return Internal(std::to_string(response.reports.size()) + " reports for " +
                    std::to_string(request.reports.size()) + " requests");
  }
  out.reports.reserve(response.reports.size());
  for (size_t i = 0; i < response.reports.size(); ++i) {
    RETURN_IF_ERROR(ReportToWire(request, request.reports[i], response.reports[i], size,
                                 out.reports.emplace_back()));
  }
  return out;
}

idl::QueryStats QueryStatsToWire(const QueryStats& stats) {
  idl::QueryStats out;
  out.blocks_planned = static_cast<int64_t>(stats.blocks_planned);
  out.blocks_read = static_cast<int64_t>(stats.blocks_read);
  out.blocks_failed = static_cast<int64_t>(stats.blocks_failed);
  out.profiles_hidden = static_cast<int64_t>(stats.profiles_hidden);
  out.bytes_read = static_cast<int64_t>(stats.bytes_read);
  out.datasets_read = static_cast<int64_t>(stats.datasets_read);
  out.rows_read = static_cast<int64_t>(stats.rows_read);
  out.samples_read = static_cast<int64_t>(stats.samples_read);
  out.newest_data_ns = stats.newest_data_ns;
  out.rollup_rows_read = static_cast<int64_t>(stats.rollup_rows_read);
  if (!stats.failed_blocks.empty()) out.__set_failed_blocks(stats.failed_blocks);
  return out;
}

QueryStats QueryStatsFromWire(const idl::QueryStats& stats) {
  return {.blocks_planned = static_cast<uint64_t>(stats.blocks_planned),
          .blocks_read = static_cast<uint64_t>(stats.blocks_read),
          .blocks_failed = static_cast<uint64_t>(stats.blocks_failed),
          .profiles_hidden = static_cast<uint64_t>(stats.profiles_hidden),
          .bytes_read = static_cast<uint64_t>(stats.bytes_read),
          .datasets_read = static_cast<uint64_t>(stats.datasets_read),
          .rows_read = static_cast<uint64_t>(stats.rows_read),
          .samples_read = static_cast<uint64_t>(stats.samples_read),
          .rollup_rows_read = static_cast<uint64_t>(stats.rollup_rows_read),
          .newest_data_ns = stats.newest_data_ns,
          .failed_blocks = stats.failed_blocks};
}

}  // namespace brazier::rpc
