#include "common/codec/block_meta_msgpack.h"
#include "common/codec/msgpack_io.h"
#include "common/codec/query_msgpack.h"
#include "common/codec/query_msgpack_parts.h"
#include "common/model/tenant.h"

namespace brazier::codec {
namespace {

using namespace query;  // NOLINT: its own parts

constexpr size_t kPlanNodesMax = 100'000;
constexpr size_t kReadsPerPlanMax = 200'000;
constexpr size_t kNamesPerReportMax = 1024;
constexpr size_t kCallSiteMax = 4096;
constexpr size_t kDeletionsPerReadMax = 100'000;

void WriteReportRequest(MsgpackWriter& out, const ReportRequest& report) {
  const bool is_usage = report.kind == ReportKind::kFunctionUsage;
  out.Map(5 + (is_usage ? 2 : 0) + (report.of_spans ? 1 : 0) + (report.exemplars ? 1 : 0));
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
  if (is_usage) {
    out.Key("function");
    out.Str(report.function);
    out.Key("is_function_regex");
    out.Uint(report.is_function_regex ? 1 : 0);
  }
  if (report.of_spans) {
    out.Key("of_spans");
    out.Uint(1);
  }
  if (report.exemplars) {
    out.Key("exemplars");
    out.Uint(1);
  }
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
    } else if (key == "function") {
      report.function = in.Str();
    } else if (key == "is_function_regex") {
      report.is_function_regex = in.Uint() != 0;
    } else if (key == "of_spans") {
      report.of_spans = in.Uint() != 0;
    } else if (key == "exemplars") {
      report.exemplars = in.Uint() != 0;
    } else {
      in.Skip();
    }
  }
  if (in.ok() && !has_kind) in.Fail("a report request without a kind");
  return report;
}

void WriteFilter(MsgpackWriter& out, const SampleFilter& filter) {
  out.Map(5);
  out.Key("profile_ids");
  out.Column(filter.profile_ids);
  out.Key("span_ids");
  out.Column(filter.span_ids);
  out.Key("trace_ids");
  out.Column(filter.trace_ids);
  out.Key("functions");
  WriteStringList(out, filter.functions);
  out.Key("min_value");
  out.Int(filter.min_value);
}

SampleFilter ReadFilter(MsgpackReader& in) {
  SampleFilter filter;
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (key == "profile_ids") {
      in.Column(filter.profile_ids);
    } else if (key == "span_ids") {
      in.Column(filter.span_ids);
    } else if (key == "trace_ids") {
      in.Column(filter.trace_ids);
    } else if (key == "functions") {
      filter.functions = ReadStringList(in, SampleFilter::kFunctionsMax);
    } else if (key == "min_value") {
      filter.min_value = in.Int();
    } else {
      // Who passes over what narrows a query answers another one.
      in.Fail("a filter that this version does not know: " + std::string(key));
    }
  }
  return filter;
}

void WriteSpec(MsgpackWriter& out, const QuerySpec& spec) {
  out.Map(8 + (spec.explain ? 1 : 0) + (spec.filter.IsEmpty() ? 0 : 1));
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
  if (spec.explain) {
    out.Key("explain");
    out.Uint(1);
  }
  if (spec.filter.IsEmpty()) return;
  out.Key("filter");
  WriteFilter(out, spec.filter);
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
    } else if (key == "filter") {
      spec.filter = ReadFilter(in);
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

}  // namespace

std::string EncodePlanPart(const PlanPart& part) {
  MsgpackWriter out;
  out.Map(3);
  out.Key("v");
  out.Uint(part.spec.filter.IsEmpty() ? kVersion : kFilterVersion);
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
      ReadVersion(in, &version, kFilterVersion);
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

}  // namespace brazier::codec
