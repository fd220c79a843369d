// StackTreeBuilder: turns lists of locations into nodes of a stack tree, each distinct stack once. One profile's tree
// is small, so its tables stay in the processor's cache: that is what makes decoding quick.
//
// Most nodes have one child, and below a new node everything is new. So a node knows its first child, and only the
// others are in the hash table: a path is looked up where the tree branches, and the new end of a path is written down
// without looking anything up. Reused from tree to tree by Reset(). Thread-compatible.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/hash.h"
#include "common/model/symbol_table.h"

namespace brazier {

class StackTreeBuilder {
 public:
  StackTreeBuilder() { Reset(); }

  // Begins a new tree, of the root alone. Memory of an ordinary tree is kept for the next one, that of a giant is not.
  void Reset() {
    if (slots_.size() > kSlotsKept) std::vector<uint32_t>().swap(slots_);
    if (nodes_.size() > kSlotsKept) std::vector<Node>().swap(nodes_);
    slots_.assign(std::max(kSlotsMin, slots_.size()), 0);
    slots_used_ = 0;
    if (nodes_.empty()) nodes_.resize(kSlotsMin);
    nodes_[0] = {};
    size_ = 1;
  }

  // The number of nodes so far, the root among them.
  size_t size() const { return size_; }
  // The tree so far. Node 0 is the root; nodes are in the order of their making.
  std::vector<StackNode> Nodes() const {
    std::vector<StackNode> nodes(size_);
    for (uint32_t i = 0; i < size_; ++i) nodes[i] = {nodes_[i].parent, nodes_[i].location};
    return nodes;
  }

  // The child of `parent` with this location, created when missing.
  uint32_t Child(uint32_t parent, uint32_t location) {
    uint32_t child;
    return Descend(parent, {&location, 1}, &child);
  }

  // Follows `locations` down from `parent` and creates what is missing. Writes the nodes that are passed to `path`, as
  // many as there are locations; returns the last one, `parent` when there is none.
  uint32_t Descend(uint32_t parent, std::span<const uint32_t> locations, uint32_t* path) {
    const Node* const nodes = nodes_.data();
    uint32_t node = parent;
    for (size_t i = 0; i < locations.size(); ++i) {
      uint32_t child = nodes[node].first_child;
      if (child == 0) return Append(node, locations.subspan(i), path + i);
      if (nodes[child].location != locations[i]) {
        uint32_t& slot = SlotOf(node, locations[i]);
        child = slot;
        if (child == 0) {
          slot = size_;  // the node that Append() makes first
          const uint32_t last = Append(node, locations.subspan(i), path + i);
          if (++slots_used_ * 2 > slots_.size()) Grow();
          return last;
        }
      }
      path[i] = node = child;
    }
    return node;
  }

 private:
  static constexpr size_t kSlotsMin = 2048;
  static constexpr size_t kSlotsKept = 1 << 16;

  // What look-ups read of a node, in one place; aligned, so that no node lies across two lines of the cache.
  struct alignas(16) Node {
    uint32_t parent = 0;
    uint32_t location = 0;
    uint32_t first_child = 0;  // 0: none
  };

  // Where the node (parent, location) is noted, or 0 where it would be. First children are not in the table.
  uint32_t& SlotOf(uint32_t parent, uint32_t location) {
    const size_t mask = slots_.size() - 1;
    size_t slot = MixHash(parent, location) & mask;
    while (slots_[slot] != 0) {
      const Node& node = nodes_[slots_[slot]];
      if (node.location == location && node.parent == parent) break;
      slot = (slot + 1) & mask;
    }
    return slots_[slot];
  }

  // A chain of new nodes under `parent`, which gets its first child if it has none. Returns the last.
  uint32_t Append(uint32_t parent, std::span<const uint32_t> locations, uint32_t* path) {
    if (size_ + locations.size() > nodes_.size()) nodes_.resize((size_ + locations.size()) * 2);
    Node* const nodes = nodes_.data();
    uint32_t node = size_;
    if (nodes[parent].first_child == 0) nodes[parent].first_child = node;
    for (uint32_t location : locations) {
      nodes[node] = {parent, location, node + 1};
      *path++ = parent = node++;
    }
    nodes[parent].first_child = 0;
    size_ = node;
    return parent;
  }

  void Grow() {
    std::vector<uint32_t> old(slots_.size() * 2, 0);
    old.swap(slots_);
    for (uint32_t node : old) {
      if (node != 0) SlotOf(nodes_[node].parent, nodes_[node].location) = node;
    }
  }

  uint32_t size_ = 0;
  std::vector<Node> nodes_;       // the first size_; room for more behind them
  std::vector<uint32_t> slots_;   // nodes that are not first children; 0 is free. A power of two, at most half full.
  size_t slots_used_ = 0;
};

}  // namespace brazier
