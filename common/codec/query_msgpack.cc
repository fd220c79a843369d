#include "common/codec/query_msgpack.h"

#include "common/codec/block_meta_msgpack.h"
#include "common/codec/msgpack_io.h"
#include "common/codec/symbols_msgpack.h"
#include "common/model/tenant.h"

namespace brazier::codec {
namespace {

constexpr uint64_t kVersion = 1;

// Limits of what is decoded; encoders of ours stay far below.
constexpr int kPlanDepthMax = 32;
constexpr size_t kPlanNodesMax = 100'000;
constexpr size_t kReadsPerPlanMax = 200'000;
constexpr size_t kReportsMax = 64;
constexpr size_t kNamesPerReportMax = 1024;
constexpr size_t kCallSiteMax = 4096;
constexpr size_t kBackendNameMax = 1024;
constexpr size_t kDeletionsPerReadMax = 100'000;
constexpr size_t kSeriesPerReportMax = 10'000'000;

static_assert(sizeof(FlameTree::Node) == 16 && offsetof(FlameTree::Node, name) == 4 &&
              offsetof(FlameTree::Node, self) == 8);

void ReadVersion(MsgpackReader& in, uint64_t* version) {
  *version = in.Uint();
  if (in.ok() && *version != kVersion) {
    in.Fail("version " + std::to_string(*version) + ", this reads version 1");
  }
}

void WriteStringList(MsgpackWriter& out, const auto& strings) {
  out.Array(strings.size());
  for (const std::string& s : strings) out.Str(s);
}

std::vector<std::string> ReadStringList(MsgpackReader& in, size_t max) {
  std::vector<std::string> strings;
  for (size_t n = in.Array(max); n > 0 && in.ok(); --n) strings.emplace_back(in.Str());
  return strings;
}

ReportKind ReadKind(MsgpackReader& in) {
  const uint64_t kind = in.Uint();
  if (in.ok() && (kind < 1 || kind > static_cast<uint64_t>(ReportKind::kPprof))) {
    in.Fail("report kind " + std::to_string(kind) + " does not exist");
  }
  return static_cast<ReportKind>(kind);
}

// Plans.

void WriteReportRequest(MsgpackWriter& out, const ReportRequest& report) {
  out.Map(5);
  out.Key("kind");
  out.Uint(static_cast<uint64_t>(report.kind));
  out.Key("step_ns");
  out.Int(report.step_ns);
  out.Key("group_by");
  WriteStringList(out, report.group_by);
  out.Key("label_names");
  WriteStringList(out, report.label_names);
  out.Key("label_name");
  out.Str(report.label_name);
}

ReportRequest ReadReportRequest(MsgpackReader& in) {
  ReportRequest report;
  bool has_kind = false;
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (key == "kind") {
      report.kind = ReadKind(in);
      has_kind = true;
    } else if (key == "step_ns") {
      report.step_ns = in.Int();
    } else if (key == "group_by") {
      report.group_by = ReadStringList(in, kNamesPerReportMax);
    } else if (key == "label_names") {
      report.label_names = ReadStringList(in, kNamesPerReportMax);
    } else if (key == "label_name") {
      report.label_name = in.Str();
    } else {
      in.Skip();
    }
  }
  if (in.ok() && !has_kind) in.Fail("a report request without a kind");
  return report;
}

void WriteSpec(MsgpackWriter& out, const QuerySpec& spec) {
  out.Map(spec.explain ? 9 : 8);
  out.Key("query_id");
  out.Str(spec.query_id);
  out.Key("tenants");
  WriteStringList(out, spec.tenants);
  out.Key("start_ns");
  out.Int(spec.start_ns);
  out.Key("end_ns");
  out.Int(spec.end_ns);
  out.Key("selector");
  out.Str(spec.selector);
  out.Key("call_site");
  WriteStringList(out, spec.call_site);
  out.Key("reports");
  out.Array(spec.reports.size());
  for (const ReportRequest& report : spec.reports) WriteReportRequest(out, report);
  out.Key("memory_bytes_max");
  out.Int(spec.memory_bytes_max);
  if (!spec.explain) return;
  out.Key("explain");
  out.Uint(1);
}

QuerySpec ReadSpec(MsgpackReader& in) {
  QuerySpec spec;
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (key == "query_id") {
      spec.query_id = in.Str(1024);
    } else if (key == "tenants") {
      spec.tenants = ReadStringList(in, kTenantsPerQueryMax);
    } else if (key == "start_ns") {
      spec.start_ns = in.Int();
    } else if (key == "end_ns") {
      spec.end_ns = in.Int();
    } else if (key == "selector") {
      spec.selector = in.Str();
    } else if (key == "call_site") {
      spec.call_site = ReadStringList(in, kCallSiteMax);
    } else if (key == "reports") {
      for (size_t i = in.Array(kReportsMax - spec.reports.size()); i > 0 && in.ok(); --i) {
        spec.reports.push_back(ReadReportRequest(in));
      }
    } else if (key == "memory_bytes_max") {
      spec.memory_bytes_max = in.Int();
    } else if (key == "explain") {
      spec.explain = in.Uint() != 0;
    } else {
      in.Skip();
    }
  }
  return spec;
}

void WriteSection(MsgpackWriter& out, const SectionRef& section) {
  out.Array(6);
  out.Uint(static_cast<uint64_t>(section.kind));
  out.Uint(section.codec);
  out.Uint(section.offset);
  out.Uint(section.size);
  out.Uint(section.raw_size);
  out.Uint(section.crc);
}

SectionRef ReadSection(MsgpackReader& in) {
  SectionRef section;
  const size_t fields = in.Array();
  if (in.ok() && fields < 6) in.Fail("a section with fewer than 6 fields");
  const uint64_t kind = in.Uint(UINT8_MAX);
  if (in.ok() && (kind < 1 || kind > static_cast<uint64_t>(SectionKind::kSamples))) {
    in.Fail("section kind " + std::to_string(kind) + " does not exist");
  }
  section.kind = static_cast<SectionKind>(kind);
  section.codec = static_cast<uint8_t>(in.Uint(UINT8_MAX));
  section.offset = in.Uint();
  section.size = in.Uint();
  section.raw_size = in.Uint();
  section.crc = in.Uint32();
  for (size_t i = 6; i < fields && in.ok(); ++i) in.Skip();
  return section;
}

void WriteDeletion(MsgpackWriter& out, const DataFilter& deletion) {
  out.Array(5);
  out.Str(deletion.tenant);
  out.Str(deletion.service);
  out.Str(deletion.selector);
  out.Int(deletion.start_ns);
  out.Int(deletion.end_ns);
}

DataFilter ReadDeletion(MsgpackReader& in) {
  DataFilter deletion;
  const size_t fields = in.Array();
  if (in.ok() && fields < 5) in.Fail("a deletion with fewer than 5 fields");
  deletion.tenant = in.Str();
  deletion.service = in.Str();
  deletion.selector = in.Str();
  deletion.start_ns = in.Int();
  deletion.end_ns = in.Int();
  for (size_t i = 5; i < fields && in.ok(); ++i) in.Skip();
  return deletion;
}

void WriteRead(MsgpackWriter& out, const BlockRead& read) {
  out.Array(read.deletions.empty() ? 5 : 6);
  out.Uint(read.block.bits.high);
  out.Uint(read.block.bits.low);
  out.Str(read.object_key);
  out.Array(read.symbols.size());
  for (const TenantSymbols& symbols : read.symbols) {
    out.Array(2);
    out.Str(symbols.tenant);
    WriteSection(out, symbols.section);
  }
  out.Array(read.datasets.size());
  for (const DatasetMeta& dataset : read.datasets) out.Bin(AsBytes(EncodeDatasetMeta(dataset)));
  if (read.deletions.empty()) return;
  out.Array(read.deletions.size());
  for (const DataFilter& deletion : read.deletions) WriteDeletion(out, deletion);
}

BlockRead ReadRead(MsgpackReader& in) {
  BlockRead read;
  const size_t fields = in.Array();
  if (in.ok() && fields < 5) in.Fail("a block to read with fewer than 5 fields");
  read.block.bits.high = in.Uint();
  read.block.bits.low = in.Uint();
  read.object_key = in.Str();
  for (size_t n = in.Array(kTenantsPerQueryMax); n > 0 && in.ok(); --n) {
    TenantSymbols symbols;
    if (in.Array() != 2) in.Fail("tenant symbols that are not a pair");
    symbols.tenant = in.Str();
    symbols.section = ReadSection(in);
    read.symbols.push_back(std::move(symbols));
  }
  for (size_t n = in.Array(kDatasetsPerBlockMax); n > 0 && in.ok(); --n) {
    const Bytes bytes = in.Bin();
    if (!in.ok()) break;
    Result<DatasetMeta> dataset = DecodeDatasetMeta(bytes);
    if (!dataset.ok()) {
      in.Fail(dataset.status().message());
      break;
    }
    read.datasets.push_back(std::move(dataset).value());
  }
  if (in.ok() && fields > 5) {
    for (size_t n = in.Array(kDeletionsPerReadMax); n > 0 && in.ok(); --n) read.deletions.push_back(ReadDeletion(in));
  }
  for (size_t i = 6; i < fields && in.ok(); ++i) in.Skip();
  return read;
}

void WriteNode(MsgpackWriter& out, const PlanNode& node) {
  const bool is_read = node.kind == PlanNode::Kind::kRead;
  out.Array(3);
  out.Uint(static_cast<uint64_t>(node.kind));
  out.Uint(node.bytes);
  out.Array(is_read ? node.reads.size() : node.children.size());
  if (is_read) {
    for (const BlockRead& read : node.reads) WriteRead(out, read);
  } else {
    for (const PlanNode& child : node.children) WriteNode(out, child);
  }
}

struct PlanBudget {
  size_t nodes = kPlanNodesMax;
  size_t reads = kReadsPerPlanMax;
};

PlanNode ReadNode(MsgpackReader& in, int depth, PlanBudget& budget) {
  PlanNode node;
  if (depth > kPlanDepthMax) {
    in.Fail("the plan is deeper than " + std::to_string(kPlanDepthMax) + " levels");
    return node;
  }
  if (budget.nodes == 0) {
    in.Fail("the plan has more than " + std::to_string(kPlanNodesMax) + " nodes");
    return node;
  }
  --budget.nodes;
  const size_t fields = in.Array();
  if (in.ok() && fields < 3) in.Fail("a plan node with fewer than 3 fields");
  const uint64_t kind = in.Uint();
  if (in.ok() && kind != 1 && kind != 2)
    in.Fail("plan node kind " + std::to_string(kind) + " does not exist");
  node.kind = kind == 2 ? PlanNode::Kind::kMerge : PlanNode::Kind::kRead;
  node.bytes = in.Uint();
  if (node.kind == PlanNode::Kind::kRead) {
    const size_t reads = in.Array(budget.reads);
    budget.reads -= reads;
    for (size_t i = 0; i < reads && in.ok(); ++i) node.reads.push_back(ReadRead(in));
  } else {
    const size_t children = in.Array(budget.nodes);
    for (size_t i = 0; i < children && in.ok(); ++i)
      node.children.push_back(ReadNode(in, depth + 1, budget));
  }
  for (size_t i = 3; i < fields && in.ok(); ++i) in.Skip();
  return node;
}

// Results.

void WriteTree(MsgpackWriter& out, const FlameTree& tree) {
  out.Map(kStringTableKeys + 1);
  WriteStrings(out, tree.names);
  out.Key("nodes");
  out.Column(tree.nodes);
}

FlameTree ReadTree(MsgpackReader& in) {
  FlameTree tree;
  std::vector<uint32_t> lengths;
  Bytes bytes;
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (key == "string_lengths") {
      in.Column(lengths);
    } else if (key == "string_bytes") {
      bytes = in.Bin();
    } else if (key == "nodes") {
      in.Column(tree.nodes);
    } else {
      in.Skip();
    }
  }
  tree.names = MakeStrings(in, lengths, bytes);
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
  out.Array(2);
  out.Uint(static_cast<uint64_t>(report.kind));
  switch (report.kind) {
    case ReportKind::kFlameGraph:
      return WriteTree(out, report.flame_tree);
    case ReportKind::kTimeSeries:
      return WriteTimeSeries(out, report.time_series);
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
  if (in.Array() != 2) in.Fail("a report that is not a pair");
  report.kind = ReadKind(in);
  if (!in.ok()) return report;
  switch (report.kind) {
    case ReportKind::kFlameGraph:
      report.flame_tree = ReadTree(in);
      break;
    case ReportKind::kTimeSeries:
      report.time_series = ReadTimeSeries(in);
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

std::string EncodePlanPart(const PlanPart& part) {
  MsgpackWriter out;
  out.Map(3);
  out.Key("v");
  out.Uint(kVersion);
  out.Key("spec");
  WriteSpec(out, part.spec);
  out.Key("root");
  WriteNode(out, part.root);
  return out.Take();
}

Result<QueryPlan> DecodeQueryPlan(Bytes data) {
  MsgpackReader in(data, "query plan");
  QueryPlan plan;
  uint64_t version = 0;
  bool has_root = false;
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (key == "v") {
      ReadVersion(in, &version);
    } else if (key == "spec") {
      plan.spec = ReadSpec(in);
    } else if (key == "root") {
      PlanBudget budget;
      plan.root = ReadNode(in, 1, budget);
      has_root = true;
    } else {
      in.Skip();
    }
  }
  if (in.ok() && version == 0) in.Fail("no version");
  if (in.ok() && !has_root) in.Fail("no root");
  RETURN_IF_ERROR(in.Finish());
  return plan;
}

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
