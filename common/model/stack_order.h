// Pre-order of stack trees: a node, then what is below it, child by child. In that order a tree is described by small
// numbers (store/block/stack_tree_codec.h), and what is read together lies together. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/model/symbol_table.h"

namespace brazier {

// The nodes, root first, in pre-order; children of a node in the order of their ids. REQUIRES: parents precede children.
std::vector<uint32_t> PreOrder(std::span<const StackNode> stacks);

// Renumbers a tree in pre-order, and `references` to its nodes with it.
void SortInPreOrder(std::vector<StackNode>* stacks, std::span<uint32_t> references);

}  // namespace brazier
