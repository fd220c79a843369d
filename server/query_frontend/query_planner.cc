#include "server/query_frontend/query_planner.h"

#include <algorithm>

namespace brazier::query_frontend {
namespace {

BlockRead ReadOf(BlockMeta block) {
  BlockRead read;
  read.block = block.id;
  read.object_key = block.ObjectKey();
  // A dataset whose profiles are all repeats has nothing to say.
  std::erase_if(block.datasets, [](const DatasetMeta& d) {
    return d.profile_count > 0 && d.hidden_profiles.size() >= d.profile_count;
  });
  for (TenantSymbols& symbols : block.symbols) {
    const bool is_used = std::any_of(block.datasets.begin(), block.datasets.end(),
                                     [&](const DatasetMeta& d) { return d.tenant == symbols.tenant; });
    if (is_used) read.symbols.push_back(std::move(symbols));
  }
  read.datasets = std::move(block.datasets);
  return read;
}

uint64_t BytesOf(const BlockRead& read) {
  uint64_t bytes = 0;
  for (const TenantSymbols& symbols : read.symbols) bytes += symbols.section.size;
  for (const DatasetMeta& dataset : read.datasets) {
    for (const SectionRef& section : dataset.sections) bytes += section.size;
  }
  return bytes;
}

void Describe(const PlanNode& node, int depth, std::string* out) {
  out->append(2 * depth, ' ');
  *out += node.kind == PlanNode::Kind::kRead ? "read " + std::to_string(node.reads.size()) + " blocks, "
                                             : "merge " + std::to_string(node.children.size()) + " nodes, ";
  *out += std::to_string(node.bytes) + " bytes\n";
  for (const PlanNode& child : node.children) Describe(child, depth + 1, out);
}

}  // namespace

QueryPlan PlanQuery(QuerySpec spec, std::vector<BlockMeta> blocks, const PlannerLimits& limits) {
  std::vector<PlanNode> level;
  for (BlockMeta& block : blocks) {
    BlockRead read = ReadOf(std::move(block));
    if (read.datasets.empty()) continue;
    const uint64_t bytes = BytesOf(read);
    if (level.empty() || level.back().bytes + bytes > limits.read_node_bytes_max) {
      level.emplace_back();
    }
    level.back().bytes += bytes;
    level.back().reads.push_back(std::move(read));
  }
  while (level.size() > 1) {
    // Even children: 21 nodes become 11 + 10, not 20 + 1.
    const size_t groups = (level.size() + limits.children_max - 1) / limits.children_max;
    std::vector<PlanNode> parents(groups);
    for (size_t i = 0; i < level.size(); ++i) {
      PlanNode& parent = parents[i * groups / level.size()];
      parent.kind = PlanNode::Kind::kMerge;
      parent.bytes += level[i].bytes;
      parent.children.push_back(std::move(level[i]));
    }
    level = std::move(parents);
  }
  QueryPlan plan;
  plan.spec = std::move(spec);
  if (!level.empty()) plan.root = std::move(level.front());
  return plan;
}

std::string DescribePlan(const PlanNode& node) {
  std::string out;
  Describe(node, 0, &out);
  return out;
}

}  // namespace brazier::query_frontend
