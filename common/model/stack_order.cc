#include "common/model/stack_order.h"

#include <utility>

namespace brazier {
namespace {

// Where each node comes in pre-order, without walking the tree: a node's children begin behind it, each behind the whole of
// the one before. Two passes without a branch, where a walk would be surprised at every turn.
std::vector<uint32_t> PreOrderNumbers(std::span<const StackNode> stacks) {
  const size_t count = stacks.size();
  std::vector<uint32_t> sizes(count, 1);  // of the subtrees
  for (size_t i = count; i-- > 1;) sizes[stacks[i].parent] += sizes[i];
  std::vector<uint32_t> numbers(count);
  // From here on, instead of its size: where the next child of a node goes.
  if (count > 0) sizes[0] = 1;
  for (size_t i = 1; i < count; ++i) {
    const uint32_t size = sizes[i];
    uint32_t& next = sizes[stacks[i].parent];
    numbers[i] = next;
    next += size;
    sizes[i] = numbers[i] + 1;
  }
  return numbers;
}

}  // namespace

std::vector<uint32_t> PreOrder(std::span<const StackNode> stacks) {
  const std::vector<uint32_t> numbers = PreOrderNumbers(stacks);
  std::vector<uint32_t> order(numbers.size());
  for (uint32_t i = 0; i < numbers.size(); ++i) order[numbers[i]] = i;
  return order;
}

void SortInPreOrder(std::vector<StackNode>* stacks, std::span<uint32_t> references) {
  const std::vector<uint32_t> numbers = PreOrderNumbers(*stacks);
  std::vector<StackNode> sorted(stacks->size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    const StackNode& node = (*stacks)[i];
    sorted[numbers[i]] = {numbers[node.parent], node.location};
  }
  *stacks = std::move(sorted);
  for (uint32_t& reference : references) reference = numbers[reference];
}

}  // namespace brazier
