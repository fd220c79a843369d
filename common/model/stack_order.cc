#include "common/model/stack_order.h"

#include <numeric>
#include <utility>

namespace brazier {
namespace {

// In pre-order the parent of a node is the node before it or above that one. Each step up leaves a node for good.
bool IsInPreOrder(std::span<const StackNode> stacks) {
  for (size_t i = 1; i < stacks.size(); ++i) {
    size_t above = i - 1;
    while (above > stacks[i].parent) above = stacks[above].parent;
    if (above != stacks[i].parent) return false;
  }
  return true;
}

}  // namespace

std::vector<uint32_t> PreOrder(std::span<const StackNode> stacks) {
  std::vector<uint32_t> order(stacks.size());
  if (IsInPreOrder(stacks)) {
    std::iota(order.begin(), order.end(), 0);
    return order;
  }
  // Children as linked lists; 0 ends a list, the root is nobody's child.
  struct Links {
    uint32_t first_child = 0;
    uint32_t next_sibling = 0;
  };
  std::vector<Links> links(stacks.size());
  for (uint32_t i = static_cast<uint32_t>(stacks.size()); i-- > 1;) {
    links[i].next_sibling = std::exchange(links[stacks[i].parent].first_child, i);
  }
  size_t count = 1;
  for (uint32_t node = links[0].first_child; node != 0;) {
    order[count++] = node;
    if (links[node].first_child != 0) {
      node = links[node].first_child;
      continue;
    }
    while (node != 0 && links[node].next_sibling == 0) node = stacks[node].parent;
    node = links[node].next_sibling;
  }
  return order;
}

void SortInPreOrder(std::vector<StackNode>* stacks, std::span<uint32_t> references) {
  if (IsInPreOrder(*stacks)) return;
  const std::vector<uint32_t> order = PreOrder(*stacks);
  std::vector<uint32_t> number(order.size());
  std::vector<StackNode> sorted(order.size());
  for (uint32_t i = 0; i < order.size(); ++i) {
    const StackNode& node = (*stacks)[order[i]];
    number[order[i]] = i;
    sorted[i] = {number[node.parent], node.location};
  }
  *stacks = std::move(sorted);
  for (uint32_t& reference : references) reference = number[reference];
}

}  // namespace brazier
