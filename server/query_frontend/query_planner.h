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
};

struct PlannedQuery {
  QueryPlan plan;
  QueryStats left_out;  // blocks that are not in the plan because they are quarantined: planned, failed, named
};

// Groups blocks, in their order, into read nodes of at most `read_node_bytes_max` bytes (at least one block each),
// and those under merge nodes of at most `children_max` children, until one root is left. Bytes are those of the sections that
// the query reads.
PlannedQuery PlanQuery(QuerySpec spec, std::vector<BlockMeta> blocks, const PlannerLimits& limits);

// The shape of a plan, for tests.
std::string DescribePlan(const PlanNode& node);

// For people: the shape, and what is read of each block: single profiles (raw), hours, days. Names at most `blocks_max` blocks.
inline constexpr size_t kExplainedBlocksMax = 1'000;
std::string ExplainPlan(const PlannedQuery& query, size_t blocks_max = kExplainedBlocksMax);

}  // namespace brazier::query_frontend
