#include "common/codec/block_meta_msgpack.h"
#include "common/codec/msgpack_io.h"
#include "common/codec/query_msgpack.h"
#include "common/codec/query_msgpack_parts.h"
#include "common/codec/symbols_msgpack.h"

namespace brazier::codec {
namespace {

using namespace query;  // NOLINT: its own parts

constexpr size_t kBackendNameMax = 1024;
constexpr size_t kSeriesPerReportMax = 10'000'000;

static_assert(sizeof(FlameTree::Node) == 16 && offsetof(FlameTree::Node, name) == 4 &&
              offsetof(FlameTree::Node, self) == 8);

void WriteTree(MsgpackWriter& out, const FlameTree& tree) {
  out.Map(kStringTableKeys + 1);
  WriteStrings(out, tree.names);
  out.Key("nodes");
  out.Column(tree.nodes);
}

FlameTree ReadTree(MsgpackReader& in) {
  FlameTree tree;
  StringColumns strings;
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (strings.Read(in, key)) continue;
    if (key == "nodes") {
      in.Column(tree.nodes);
    } else {
      in.Skip();
    }
  }
  tree.names = strings.Make(in);
  if (!in.ok()) return tree;
  if (Status valid = tree.Validate(); !valid.ok()) in.Fail(valid.message());
  if (in.ok() && tree.nodes[0].parent != 0) in.Fail("the root of a tree has a parent");
  return tree;
}

void WriteTimeSeries(MsgpackWriter& out, const TimeSeriesSet& set) {
  out.Array(set.size());
  std::vector<int64_t> times;
  std::vector<double> sums;
  std::vector<uint64_t> counts;
  for (const auto& [labels, points] : set) {
    times.clear();
    sums.clear();
    counts.clear();
    for (const auto& [time, point] : points) {
      times.push_back(time);
      sums.push_back(point.sum);
      counts.push_back(point.count);
    }
    out.Array(4);
    WriteLabels(out, labels);
    out.Column(times);
    out.Column(sums);
    out.Column(counts);
  }
}

TimeSeriesSet ReadTimeSeries(MsgpackReader& in) {
  TimeSeriesSet set;
  std::vector<int64_t> times;
  std::vector<double> sums;
  std::vector<uint64_t> counts;
  for (size_t n = in.Array(kSeriesPerReportMax); n > 0 && in.ok(); --n) {
    if (in.Array() != 4) in.Fail("a time series without its 4 fields");
    Labels labels = ReadLabels(in);
    in.Column(times);
    in.Column(sums);
    in.Column(counts);
    if (!in.ok()) break;
    if (times.size() != sums.size() || times.size() != counts.size()) {
      in.Fail("columns of a time series have different lengths");
      break;
    }
    if (!set.empty() && !(set.rbegin()->first < labels)) {
      in.Fail("time series are not in ascending order of their labels");
      break;
    }
    auto& points =
        set.emplace_hint(set.end(), std::move(labels), std::map<int64_t, TimeSeriesPoint>())
            ->second;
    for (size_t i = 0; i < times.size(); ++i) {
      if (i > 0 && times[i] <= times[i - 1]) {
        in.Fail("times of a series are not ascending");
        break;
      }
      points.emplace_hint(points.end(), times[i], TimeSeriesPoint{sums[i], counts[i]});
    }
  }
  return set;
}

void WriteExemplar(MsgpackWriter& out, const Exemplar& exemplar) {
  out.Array(8);
  out.Int(exemplar.value);
  out.Uint(exemplar.profile_id.high);
  out.Uint(exemplar.profile_id.low);
  out.Int(exemplar.time_ns);
  out.Uint(exemplar.span_id);
  out.Uint(exemplar.trace_id.high);
  out.Uint(exemplar.trace_id.low);
  WriteLabels(out, exemplar.labels);
}

Exemplar ReadExemplar(MsgpackReader& in) {
  Exemplar exemplar;
  const size_t fields = in.Array();
  if (in.ok() && fields < 8) in.Fail("an exemplar with fewer than 8 fields");
  exemplar.value = in.Int();
  exemplar.profile_id.high = in.Uint();
  exemplar.profile_id.low = in.Uint();
  exemplar.time_ns = in.Int();
  exemplar.span_id = in.Uint();
  exemplar.trace_id.high = in.Uint();
  exemplar.trace_id.low = in.Uint();
  exemplar.labels = ReadLabels(in);
  for (size_t i = 8; i < fields && in.ok(); ++i) in.Skip();
  return exemplar;
}

void WriteExemplars(MsgpackWriter& out, const ExemplarSet& set) {
  out.Array(set.size());
  for (const auto& [labels, points] : set) {
    out.Array(2);
    WriteLabels(out, labels);
    out.Array(points.size());
    for (const auto& [time_ns, exemplar] : points) {
      out.Array(2);
      out.Int(time_ns);
      WriteExemplar(out, exemplar);
    }
  }
}

ExemplarSet ReadExemplars(MsgpackReader& in) {
  ExemplarSet set;
  for (size_t n = in.Array(kSeriesPerReportMax); n > 0 && in.ok(); --n) {
    if (in.Array() != 2) in.Fail("exemplars of a series that are not a pair");
    auto& points = set[ReadLabels(in)];
    for (size_t i = in.Array(); i > 0 && in.ok(); --i) {
      if (in.Array() != 2) in.Fail("an exemplar without its time");
      const int64_t time_ns = in.Int();
      points[time_ns] = ReadExemplar(in);
    }
  }
  return set;
}

void WriteHeatmap(MsgpackWriter& out, const HeatmapSet& set) {
  out.Array(set.size());
  std::vector<int64_t> times, values;
  std::vector<uint64_t> counts;
  for (const auto& [labels, cells] : set) {
    times.clear();
    values.clear();
    counts.clear();
    for (const auto& [at, cell] : cells) {
      times.push_back(at.first);
      values.push_back(at.second);
      counts.push_back(cell.count);
    }
    out.Array(5);
    WriteLabels(out, labels);
    out.Column(times);
    out.Column(values);
    out.Column(counts);
    // Of every cell or of none.
    const bool has_exemplars = !cells.empty() && cells.begin()->second.exemplar.has_value();
    out.Array(has_exemplars ? cells.size() : 0);
    if (!has_exemplars) continue;
    for (const auto& [at, cell] : cells) WriteExemplar(out, cell.exemplar.value_or(Exemplar()));
  }
}

HeatmapSet ReadHeatmap(MsgpackReader& in) {
  HeatmapSet set;
  std::vector<int64_t> times, values;
  std::vector<uint64_t> counts;
  for (size_t n = in.Array(kSeriesPerReportMax); n > 0 && in.ok(); --n) {
    if (in.Array() != 5) in.Fail("a series of a heatmap without its 5 fields");
    Labels labels = ReadLabels(in);
    in.Column(times);
    in.Column(values);
    in.Column(counts);
    const size_t exemplars = in.Array(times.size());
    if (in.ok() && (times.size() != values.size() || times.size() != counts.size() ||
                    (exemplars != 0 && exemplars != times.size()))) {
      in.Fail("columns of a heatmap have different lengths");
    }
    if (!in.ok()) break;
    auto& cells = set[std::move(labels)];
    for (size_t i = 0; i < times.size() && in.ok(); ++i) {
      HeatmapCell cell{.count = counts[i], .exemplar = std::nullopt};
      if (exemplars > 0) cell.exemplar = ReadExemplar(in);
      cells.insert_or_assign({times[i], values[i]}, std::move(cell));
    }
  }
  return set;
}

void WriteFunctions(MsgpackWriter& out, const FunctionCosts& functions) {
  StringTable names;  // a table begins with ""
  std::vector<int64_t> selfs, totals;
  for (const auto& [name, cost] : functions) {
    names.Add(name);
    selfs.push_back(cost.self);
    totals.push_back(cost.total);
  }
  out.Map(kStringTableKeys + 2);
  WriteStrings(out, names);
  out.Key("selfs");
  out.Column(selfs);
  out.Key("totals");
  out.Column(totals);
}

FunctionCosts ReadFunctions(MsgpackReader& in) {
  FunctionCosts functions;
  StringColumns strings;
  std::vector<int64_t> selfs, totals;
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (strings.Read(in, key)) continue;
    if (key == "selfs") {
      in.Column(selfs);
    } else if (key == "totals") {
      in.Column(totals);
    } else {
      in.Skip();
    }
  }
  const StringTable names = strings.Make(in);
  if (in.ok() && (names.size() != selfs.size() + 1 || names.size() != totals.size() + 1)) {
    in.Fail("columns of functions have different lengths");
  }
  for (uint32_t i = 0; i < selfs.size() && in.ok(); ++i) {
    FunctionCost& cost = functions[std::string(names.Get(i + 1))];
    AddSaturating(&cost.self, selfs[i]);
    AddSaturating(&cost.total, totals[i]);
  }
  return functions;
}

void WriteStackProfile(MsgpackWriter& out, const StackProfile& profile) {
  out.Map(5);
  out.Key("symbols");
  WriteSymbols(out, profile.symbols);
  out.Key("stacks");
  out.Column(profile.stacks);
  out.Key("values");
  out.Column(profile.values);
  out.Key("duration_ns");
  out.Int(profile.duration_ns);
  out.Key("period");
  out.Int(profile.period);
}

void ValidateStackProfile(MsgpackReader& in, const StackProfile& profile) {
  if (!in.ok()) return;
  if (Status valid = profile.symbols.Validate(); !valid.ok()) return in.Fail(valid.message());
  if (profile.stacks.size() != profile.values.size()) {
    return in.Fail("columns of a stack profile have different lengths");
  }
  for (size_t i = 0; i < profile.stacks.size(); ++i) {
    if (profile.stacks[i] >= profile.symbols.stacks.size()) {
      return in.Fail("a stack profile refers to a stack that does not exist");
    }
    if (i > 0 && profile.stacks[i] <= profile.stacks[i - 1]) {
      return in.Fail("stacks of a stack profile are not ascending");
    }
  }
}

StackProfile ReadStackProfile(MsgpackReader& in) {
  StackProfile profile;
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (key == "symbols") {
      profile.symbols = ReadSymbols(in);
    } else if (key == "stacks") {
      in.Column(profile.stacks);
    } else if (key == "values") {
      in.Column(profile.values);
    } else if (key == "duration_ns") {
      profile.duration_ns = in.Int();
    } else if (key == "period") {
      profile.period = in.Int();
    } else {
      in.Skip();
    }
  }
  ValidateStackProfile(in, profile);
  return profile;
}

void WriteReport(MsgpackWriter& out, const Report& report) {
  const bool has_exemplars = report.kind == ReportKind::kTimeSeries && !report.exemplars.empty();
  out.Array(has_exemplars ? 3 : 2);
  out.Uint(static_cast<uint64_t>(report.kind));
  switch (report.kind) {
    case ReportKind::kFlameGraph:
      return WriteTree(out, report.flame_tree);
    case ReportKind::kTimeSeries:
    case ReportKind::kFunctionUsage:
      WriteTimeSeries(out, report.time_series);
      if (has_exemplars) WriteExemplars(out, report.exemplars);
      return;
    case ReportKind::kHeatmap:
      return WriteHeatmap(out, report.heatmap);
    case ReportKind::kTopFunctions:
      return WriteFunctions(out, report.functions);
    case ReportKind::kProfileTypes:
    case ReportKind::kLabelNames:
    case ReportKind::kLabelValues:
      return WriteStringList(out, report.strings);
    case ReportKind::kSeries:
      out.Array(report.series.size());
      for (const Labels& labels : report.series) WriteLabels(out, labels);
      return;
    case ReportKind::kPprof:
      return WriteStackProfile(out, report.stack_profile);
  }
}

Report ReadReport(MsgpackReader& in) {
  Report report;
  const size_t fields = in.Array();
  if (in.ok() && fields < 2) in.Fail("a report without a body");
  report.kind = ReadKind(in);
  if (!in.ok()) return report;
  switch (report.kind) {
    case ReportKind::kFlameGraph:
      report.flame_tree = ReadTree(in);
      break;
    case ReportKind::kTimeSeries:
    case ReportKind::kFunctionUsage:
      report.time_series = ReadTimeSeries(in);
      if (fields > 2) report.exemplars = ReadExemplars(in);
      break;
    case ReportKind::kHeatmap:
      report.heatmap = ReadHeatmap(in);
      break;
    case ReportKind::kTopFunctions:
      report.functions = ReadFunctions(in);
      break;
    case ReportKind::kProfileTypes:
    case ReportKind::kLabelNames:
    case ReportKind::kLabelValues:
      for (size_t n = in.Array(); n > 0 && in.ok(); --n) report.strings.emplace(in.Str());
      break;
    case ReportKind::kSeries:
      for (size_t n = in.Array(kSeriesPerReportMax); n > 0 && in.ok(); --n)
        report.series.insert(ReadLabels(in));
      break;
    case ReportKind::kPprof:
      report.stack_profile = ReadStackProfile(in);
      break;
  }
  return report;
}

struct StatsField {
  std::string_view name;
  uint64_t QueryStats::*value;
};
constexpr StatsField kStatsFields[] = {
    {"blocks_planned", &QueryStats::blocks_planned},
    {"blocks_read", &QueryStats::blocks_read},
    {"blocks_failed", &QueryStats::blocks_failed},
    {"profiles_hidden", &QueryStats::profiles_hidden},
    {"bytes_read", &QueryStats::bytes_read},
    {"datasets_read", &QueryStats::datasets_read},
    {"rows_read", &QueryStats::rows_read},
    {"samples_read", &QueryStats::samples_read},
    {"rollup_rows_read", &QueryStats::rollup_rows_read},
};

void WriteStats(MsgpackWriter& out, const QueryStats& stats) {
  out.Map(std::size(kStatsFields) + 2);
  for (const StatsField& field : kStatsFields) {
    out.Key(field.name);
    out.Uint(stats.*field.value);
  }
  out.Key("newest_data_ns");
  out.Int(stats.newest_data_ns);
  out.Key("failed_blocks");
  WriteStringList(out, stats.failed_blocks);
}

QueryStats ReadStats(MsgpackReader& in) {
  QueryStats stats;
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (key == "newest_data_ns") {
      stats.newest_data_ns = in.Int();
      continue;
    }
    if (key == "failed_blocks") {
      stats.failed_blocks = ReadStringList(in, QueryStats::kNamedBlocksMax);
      continue;
    }
    bool known = false;
    for (const StatsField& field : kStatsFields) {
      if (field.name != key) continue;
      stats.*field.value = in.Uint();
      known = true;
    }
    if (!known) in.Skip();
  }
  return stats;
}

void WriteExecuted(MsgpackWriter& out, const ExecutedNode& node, int depth, size_t& budget) {
  // What the reader would refuse is left out: it only explains.
  const size_t children = depth < kPlanDepthMax ? std::min(node.children.size(), budget) : 0;
  budget -= children;
  out.Array(9);
  out.Str(node.backend);
  out.Uint(static_cast<uint64_t>(node.kind));
  out.Uint(static_cast<uint64_t>(std::max<int64_t>(node.duration_ns, 0)));
  out.Uint(node.bytes_read);
  out.Uint(node.blocks_read);
  out.Uint(node.samples_read);
  out.Uint(node.retries);
  out.Uint(node.hedges);
  out.Array(children);
  for (size_t i = 0; i < children; ++i) WriteExecuted(out, node.children[i], depth + 1, budget);
}

ExecutedNode ReadExecuted(MsgpackReader& in, int depth, size_t& budget) {
  ExecutedNode node;
  if (depth > kPlanDepthMax) {
    in.Fail("the executed tree is deeper than " + std::to_string(kPlanDepthMax) + " levels");
    return node;
  }
  const size_t fields = in.Array();
  if (in.ok() && fields < 9) in.Fail("an executed node with fewer than 9 fields");
  node.backend = in.Str(kBackendNameMax);
  const uint64_t kind = in.Uint();
  if (in.ok() && kind != 1 && kind != 2) in.Fail("executed node kind " + std::to_string(kind) + " does not exist");
  node.kind = kind == 2 ? PlanNode::Kind::kMerge : PlanNode::Kind::kRead;
  node.duration_ns = in.Int();
  node.bytes_read = in.Uint();
  node.blocks_read = in.Uint();
  node.samples_read = in.Uint();
  node.retries = in.Uint32();
  node.hedges = in.Uint32();
  const size_t children = in.Array(budget);
  if (!in.ok()) return node;
  budget -= children;
  for (size_t i = 0; i < children && in.ok(); ++i) node.children.push_back(ReadExecuted(in, depth + 1, budget));
  for (size_t i = 9; i < fields && in.ok(); ++i) in.Skip();
  return node;
}

}  // namespace

std::string EncodeQueryResult(const QueryResult& result) {
  MsgpackWriter out;
  out.Map(result.executed.has_value() ? 4 : 3);
  out.Key("v");
  out.Uint(kVersion);
  out.Key("reports");
  out.Array(result.reports.size());
  for (const Report& report : result.reports) WriteReport(out, report);
  out.Key("stats");
  WriteStats(out, result.stats);
  if (result.executed.has_value()) {
    size_t budget = ExecutedNode::kNodesMax;
    out.Key("executed");
    WriteExecuted(out, *result.executed, 1, budget);
  }
  return out.Take();
}

Result<QueryResult> DecodeQueryResult(Bytes data) {
  MsgpackReader in(data, "query result");
  QueryResult result;
  uint64_t version = 0;
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (key == "v") {
      ReadVersion(in, &version);
    } else if (key == "reports") {
      for (size_t i = in.Array(kReportsMax - result.reports.size()); i > 0 && in.ok(); --i)
        result.reports.push_back(ReadReport(in));
    } else if (key == "stats") {
      result.stats = ReadStats(in);
    } else if (key == "executed") {
      size_t budget = ExecutedNode::kNodesMax;
      result.executed = ReadExecuted(in, 1, budget);
    } else {
      in.Skip();
    }
  }
  if (in.ok() && version == 0) in.Fail("no version");
  RETURN_IF_ERROR(in.Finish());
  return result;
}

}  // namespace brazier::codec
