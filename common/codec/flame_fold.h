// Fold: the heaviest nodes of one or several flame trees, joined by path; everything else summed up into "other".
//
// Looks only at what it keeps. Totals are non-negative, so no node is heavier than its parent: taking the heaviest
// candidate again and again, and offering its children, meets the nodes in descending order of their totals. A tree of
// millions of nodes, or many partial trees that were never joined, cost one pass for the totals and then as much as the
// answer is long. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/model/flame_tree.h"

namespace brazier::codec {

// What folded nodes are called.
inline constexpr std::string_view kOtherName = "other";

// A tree with one value per side and node. Parents precede children; node 0 is the root. Each child is there once, and
// each name.
template <int Sides>
struct SidedTree {
  struct Node {
    uint32_t parent = 0;
    uint32_t name = 0;  // into names
    std::array<int64_t, Sides> self{};
  };
  StringTable names;
  std::vector<Node> nodes{Node{}};

  std::vector<std::array<int64_t, Sides>> Totals() const {
    std::vector<std::array<int64_t, Sides>> totals(nodes.size());
    for (size_t i = nodes.size(); i-- > 0;) {
      for (int s = 0; s < Sides; ++s) {
        AddSaturating(&totals[i][s], nodes[i].self[s]);
        if (i > 0) AddSaturating(&totals[nodes[i].parent][s], totals[i][s]);
      }
    }
    return totals;
  }
};

template <int Sides>
int64_t SumOfSides(const std::array<int64_t, Sides>& values) {
  int64_t sum = 0;
  for (const int64_t value : values) AddSaturating(&sum, value);
  return sum;
}

// With m the max_nodes-th largest total (over all sides) among the joined nodes, every node with a smaller total goes,
// with all below it, into a child of its parent that is named "other". Ties are kept. max_nodes <= 0: no limit.
template <int Sides>
SidedTree<Sides> Fold(const std::array<const FlameTree*, Sides>& trees, int64_t max_nodes);

extern template SidedTree<1> Fold<1>(const std::array<const FlameTree*, 1>&, int64_t);
extern template SidedTree<2> Fold<2>(const std::array<const FlameTree*, 2>&, int64_t);

}  // namespace brazier::codec
