// Flame trees -> call graphs in the DOT language of Graphviz, in the manner of `pprof -dot`. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "common/model/flame_tree.h"

namespace brazier::codec {

struct DotOptions {
  std::string type;          // what is counted, "cpu": the name of the graph
  std::string unit;          // "nanoseconds" and "bytes" are scaled, others are plain numbers
  int64_t nodes_max = 100;   // <= 0: no limit
  double node_fraction = 0.005;  // of the total: functions below it are dropped
  double edge_fraction = 0.001;  // of the total: edges below it are dropped
};

// A node per function name with its self value and its total, an edge per caller and callee. Recursion counts a stack once,
// in the total of a function and in the weight of an edge. Equal nodes of partial trees are added up.
//
// Kept are the nodes_max functions with the largest totals. Callers and callees that had only dropped functions between
// them get a dashed edge; it is also dashed when that holds for a part of its weight. The legend says what was dropped.
// The same values give the same text. Time and memory are linear in the nodes of the tree, apart from sorting functions and
// edges, whatever the depth. A tree without value is a graph without nodes.
std::string EncodeDot(const FlameTree& tree, const DotOptions& options);

}  // namespace brazier::codec
