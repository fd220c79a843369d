// Planning: the blocks that the metastore found become a tree of read and merge nodes. A pure function: equal inputs
// give equal plans.
#pragma once

#include <vector>

#include "common/model/query.h"

namespace brazier::query_frontend {

struct PlannerLimits {
  uint64_t read_node_bytes_max = 64 << 20;
  size_t children_max = 20;
};

// Groups blocks, in their order, into read nodes of at most `read_node_bytes_max` bytes (at least one block each),
// and those under merge nodes of at most `children_max` children, until one root is left.
QueryPlan PlanQuery(QuerySpec spec, std::vector<BlockMeta> blocks, const PlannerLimits& limits);

// A human-readable form, for tests and explain.
std::string DescribePlan(const PlanNode& node);

}  // namespace brazier::query_frontend
