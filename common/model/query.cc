#include "common/model/query.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

namespace brazier {
namespace {

std::string Counted(uint64_t n, const char* one, const char* many) { return std::to_string(n) + " " + (n == 1 ? one : many); }

void Describe(const ExecutedNode& node, int depth, std::string* out) {
  char milliseconds[32];
  std::snprintf(milliseconds, sizeof milliseconds, "%.1f ms", static_cast<double>(node.duration_ns) / 1e6);
  out->append(2 * depth, ' ');
  *out += node.kind == PlanNode::Kind::kMerge ? "merge" : "read";
  // A merge node that one backend did by itself.
  if (node.kind == PlanNode::Kind::kMerge && node.children.empty()) *out += " alone";
  *out += " on " + (node.backend.empty() ? "this process" : node.backend) + ": " + milliseconds + ", " +
          Counted(node.blocks_read, "block", "blocks") + ", " + Counted(node.bytes_read, "byte", "bytes") + ", " +
          Counted(node.samples_read, "sample", "samples");
  if (node.retries > 0) *out += ", " + Counted(node.retries, "retry", "retries");
  if (node.hedges > 0) *out += ", " + Counted(node.hedges, "hedge", "hedges");
  *out += "\n";
  for (const ExecutedNode& child : node.children) Describe(child, depth + 1, out);
}

}  // namespace

bool NeedsSamples(const QuerySpec& spec, const ReportRequest& report) {
  switch (report.kind) {
    case ReportKind::kFlameGraph:
    case ReportKind::kPprof:
    case ReportKind::kTopFunctions:
    case ReportKind::kFunctionUsage: return true;
    case ReportKind::kTimeSeries:
    case ReportKind::kHeatmap:
      return report.of_spans || !spec.call_site.empty() || !spec.filter.functions.empty() || spec.filter.PicksSamples();
    default: return false;
  }
}

std::vector<std::pair<const std::string*, FunctionCost>> LargestFunctions(const FunctionCosts& functions, int64_t max) {
  std::vector<std::pair<const std::string*, FunctionCost>> sorted;
  sorted.reserve(functions.size());
  for (const auto& [name, cost] : functions) sorted.emplace_back(&name, cost);
  // By name they are already.
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::tie(b.second.total, b.second.self) < std::tie(a.second.total, a.second.self);
  });
  if (max > 0 && static_cast<size_t>(max) < sorted.size()) sorted.resize(static_cast<size_t>(max));
  return sorted;
}

bool Exemplar::IsBefore(const Exemplar& other) const {
  if (value != other.value) return value > other.value;
  return std::tie(profile_id, span_id, trace_id, time_ns, labels) <
         std::tie(other.profile_id, other.span_id, other.trace_id, other.time_ns, other.labels);
}

std::string DescribeExecuted(const ExecutedNode& node) {
  std::string out;
  Describe(node, 0, &out);
  return out;
}

void QueryStats::Add(const QueryStats& other) {
  blocks_planned += other.blocks_planned;
  blocks_read += other.blocks_read;
  blocks_failed += other.blocks_failed;
  profiles_hidden += other.profiles_hidden;
  bytes_read += other.bytes_read;
  datasets_read += other.datasets_read;
  rows_read += other.rows_read;
  samples_read += other.samples_read;
  rollup_rows_read += other.rollup_rows_read;
  newest_data_ns = std::max(newest_data_ns, other.newest_data_ns);
  failed_blocks.insert(failed_blocks.end(), other.failed_blocks.begin(), other.failed_blocks.end());
  std::sort(failed_blocks.begin(), failed_blocks.end());
  failed_blocks.erase(std::unique(failed_blocks.begin(), failed_blocks.end()), failed_blocks.end());
  if (failed_blocks.size() > kNamedBlocksMax) failed_blocks.resize(kNamedBlocksMax);
}

}  // namespace brazier
