#include "server/query_frontend/query_planner.h"

#include <algorithm>
#include <map>

#include "common/model/rollup_cover.h"

namespace brazier::query_frontend {
namespace {

BlockRead ReadOf(BlockMeta block) {
  BlockRead read;
  read.block = block.id;
  read.deletions = std::move(block.deletions);
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

uint64_t ReadBytes(const QuerySpec& spec, const BlockRead& read) {
  uint64_t bytes = 0;
  bool needs_symbols = false;
  for (const DatasetMeta& dataset : read.datasets) {
    const DatasetCover cover = CoverDataset(spec, dataset, read.deletions);
    bytes += BytesOf(dataset, cover);
    needs_symbols |= !cover.samples.IsEmpty();
  }
  for (const TenantSymbols& symbols : read.symbols) bytes += needs_symbols ? symbols.section.size : 0;
  return bytes;
}

// What a read node may have.
uint64_t NodeBytesMax(uint64_t bytes, const PlannerLimits& limits) {
  if (limits.backends <= 1) return limits.read_node_bytes_max;
  const uint64_t nodes = limits.backends * kReadNodesPerBackend;
  const uint64_t even = (bytes + nodes - 1) / nodes;
  return std::min(std::max(even, limits.read_node_bytes_min), limits.read_node_bytes_max);
}

// "blocks/1/t/ID.brz: raw (3 datasets), 24 hours (1 dataset); 1 deletion; 4711 bytes"
std::string Explain(const QuerySpec& spec, const BlockRead& read) {
  std::map<std::string, size_t> covers;
  for (const DatasetMeta& dataset : read.datasets) ++covers[DescribeCover(CoverDataset(spec, dataset, read.deletions))];
  std::string out = read.object_key + ":";
  for (const auto& [cover, datasets] : covers) {
    out += (covers.begin()->first == cover ? " " : "; ") + cover;
    if (datasets > 1 || covers.size() > 1) {
      out += " (" + std::to_string(datasets) + (datasets == 1 ? " dataset)" : " datasets)");
    }
  }
  if (!read.deletions.empty()) out += "; " + std::to_string(read.deletions.size()) + " deletions";
  return out + "; " + std::to_string(ReadBytes(spec, read)) + " bytes\n";
}

struct Explained {
  const QuerySpec& spec;
  size_t blocks_left;
  size_t not_named = 0;
};

// With `explained`, read nodes name their blocks.
void Describe(const PlanNode& node, int depth, Explained* explained, std::string* out) {
  out->append(2 * depth, ' ');
  *out += node.kind == PlanNode::Kind::kRead ? "read " + std::to_string(node.reads.size()) + " blocks, "
                                             : "merge " + std::to_string(node.children.size()) + " nodes, ";
  *out += std::to_string(node.bytes) + " bytes\n";
  for (const BlockRead& read : node.reads) {
    if (explained == nullptr) break;
    if (explained->blocks_left == 0) {
      ++explained->not_named;
      continue;
    }
    --explained->blocks_left;
    out->append(2 * depth + 2, ' ');
    *out += Explain(explained->spec, read);
  }
  for (const PlanNode& child : node.children) Describe(child, depth + 1, explained, out);
}

}  // namespace

PlannedQuery PlanQuery(QuerySpec spec, std::vector<BlockMeta> blocks, const PlannerLimits& limits) {
  PlannedQuery query;
  std::vector<BlockRead> reads;
  std::vector<uint64_t> read_bytes;
  uint64_t bytes_of_all = 0;
  for (BlockMeta& block : blocks) {
    if (block.IsQuarantined()) {
      QueryStats failed;
      failed.blocks_planned = failed.blocks_failed = 1;
      failed.failed_blocks = {block.ObjectKey()};
      query.left_out.Add(failed);
      continue;
    }
    BlockRead read = ReadOf(std::move(block));
    if (read.datasets.empty()) continue;
    read_bytes.push_back(ReadBytes(spec, read));
    bytes_of_all += read_bytes.back();
    reads.push_back(std::move(read));
  }
  const uint64_t node_bytes_max = NodeBytesMax(bytes_of_all, limits);
  std::vector<PlanNode> level;
  for (size_t i = 0; i < reads.size(); ++i) {
    if (level.empty() || level.back().bytes + read_bytes[i] > node_bytes_max) level.emplace_back();
    level.back().bytes += read_bytes[i];
    level.back().reads.push_back(std::move(reads[i]));
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
  query.plan.spec = std::move(spec);
  if (!level.empty()) query.plan.root = std::move(level.front());
  return query;
}

std::string DescribePlan(const PlanNode& node) {
  std::string out;
  Describe(node, 0, nullptr, &out);
  return out;
}

std::string ExplainPlan(const PlannedQuery& query, size_t blocks_max) {
  std::string out;
  Explained explained{query.plan.spec, blocks_max};
  Describe(query.plan.root, 0, &explained, &out);
  if (explained.not_named > 0) out += "... " + std::to_string(explained.not_named) + " more blocks\n";
  for (const std::string& key : query.left_out.failed_blocks) out += key + ": not read, it is quarantined\n";
  return out;
}

}  // namespace brazier::query_frontend
