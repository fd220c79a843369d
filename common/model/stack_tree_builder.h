// StackTreeBuilder: turns lists of locations into nodes of a stack tree, each distinct stack once. One profile's tree
// is small, so its hash table stays in the processor's cache: that is what makes decoding quick.
// Reused from profile to profile by Reset(). Thread-compatible.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/base/hash.h"
#include "common/model/symbol_table.h"

namespace brazier {

class StackTreeBuilder {
 public:
  // Begins a new tree in `nodes`, which must hold the root only and outlive the use.
  void Reset(std::vector<StackNode>* nodes) {
    nodes_ = nodes;
    // The next tree is likely as large as the last one, unless that was a giant.
    size_t slots = slots_.size() > kSlotsKept ? kSlotsMin : std::max(kSlotsMin, slots_.size());
    while (slots < nodes_->size() * 2) slots *= 2;
    slots_.assign(slots, 0);
    for (uint32_t node = 1; node < nodes_->size(); ++node) Insert(node);
  }

  // The child of `parent` with this location, created when missing.
  uint32_t Child(uint32_t parent, uint32_t location) {
    const size_t mask = slots_.size() - 1;
    size_t slot = MixHash(parent, location) & mask;
    while (slots_[slot] != 0) {
      const StackNode& node = (*nodes_)[slots_[slot] - 1];
      if (node.parent == parent && node.location == location) return slots_[slot] - 1;
      slot = (slot + 1) & mask;
    }
    const uint32_t node = static_cast<uint32_t>(nodes_->size());
    nodes_->push_back({parent, location});
    slots_[slot] = node + 1;
    if (nodes_->size() * 2 > slots_.size()) Grow();
    return node;
  }

 private:
  static constexpr size_t kSlotsMin = 2048;
  static constexpr size_t kSlotsKept = 1 << 16;

  void Insert(uint32_t node) {
    const size_t mask = slots_.size() - 1;
    size_t slot = MixHash((*nodes_)[node].parent, (*nodes_)[node].location) & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = node + 1;
  }
  void Grow() {
    slots_.assign(slots_.size() * 2, 0);
    for (uint32_t node = 1; node < nodes_->size(); ++node) Insert(node);
  }

  std::vector<StackNode>* nodes_ = nullptr;
  std::vector<uint32_t> slots_;  // node + 1; 0 is free. A power of two, at most half full.
};

}  // namespace brazier
