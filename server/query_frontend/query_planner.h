// Planning: the blocks that the metastore found become a tree of read and merge nodes. Pure functions: equal inputs give equal
// plans.
#pragma once

#include <string>
#include <vector>

#include "common/model/query.h"

namespace brazier::query_frontend {

struct PlannerLimits {
  uint64_t read_node_bytes_max = 64 << 20;
  size_t children_max = 20;
  // A query of less than two of these is not worth more than one backend.
  uint64_t read_node_bytes_min = 8 << 20;
  size_t backends = 1;  // that live
};
// With several backends: read nodes for each of them, so that a fast one can do more than a slow one.
inline constexpr uint64_t kReadNodesPerBackend = 2;

struct PlannedQuery {
  QueryPlan plan;
  QueryStats left_out;  // blocks that are not in the plan because they are quarantined: planned, failed, named
};

// Groups blocks, in their order, into read nodes (at least one block each), and those under merge nodes of at most `children_max`
// children, as even as can be, until one root is left: breadth and depth follow from the number of read nodes. A read
// node has at most `read_node_bytes_max` bytes, and with several backends at most what makes kReadNodesPerBackend nodes for each of
// them, but not less than `read_node_bytes_min`. Bytes are those of the sections that
// the query reads.
PlannedQuery PlanQuery(QuerySpec spec, std::vector<BlockMeta> blocks, const PlannerLimits& limits);

// The shape of a plan, for tests.
std::string DescribePlan(const PlanNode& node);

// For people: the shape, and what is read of each block: single profiles (raw), hours, days. Names at most `blocks_max` blocks.
inline constexpr size_t kExplainedBlocksMax = 1'000;
std::string ExplainPlan(const PlannedQuery& query, size_t blocks_max = kExplainedBlocksMax);

}  // namespace brazier::query_frontend
