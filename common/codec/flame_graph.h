// From merged trees to what clients draw: truncation, the levels encoding, diffs, the binary tree.
// Reference: "SelectMergeStacktraces", "Flame graph encoding", "Diff", "Wire form". Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/model/flame_tree.h"

namespace brazier::codec {

// Keeps the heaviest nodes: with m the max_nodes-th largest total among the nodes, every node with a smaller total is
// folded, with all below it, into a child of its parent that is named "other". Ties are kept. max_nodes <= 0: no limit.
// Done once, on the complete answer; it also joins the nodes that partial trees have in common, so that in the result
// each child, and each name, is there once.
FlameTree Truncate(const FlameTree& tree, int64_t max_nodes);

// Rows of nodes, four numbers each: x offset delta, total, self, name index; names[0] is "total".
struct FlameGraph {
  std::vector<std::string> names;
  std::vector<std::vector<int64_t>> levels;
  int64_t total = 0;
  int64_t max_self = 0;
};
// `tree`: as Truncate() returns it.
FlameGraph EncodeLevels(const FlameTree& tree);

// Two trees on one set of rows, seven numbers a node: left offset, total, self, right offset, total, self, name.
struct FlameGraphDiff {
  FlameGraph graph;
  int64_t left_ticks = 0;
  int64_t right_ticks = 0;
};
FlameGraphDiff EncodeDiffLevels(const FlameTree& left, const FlameTree& right, int64_t max_nodes);

// Pre-order, siblings in descending name order; node = uvarint length, name, uvarint self, uvarint children.
// `tree`: as Truncate() returns it.
std::string EncodeBinaryTree(const FlameTree& tree);

}  // namespace brazier::codec
