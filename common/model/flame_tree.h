// FlameTree: call trees with a value per stack, keyed by function name; the partial result of flame graph queries.
//
// Built by adding values to stacks (FlameTreeBuilder), merged by appending trees (AppendTree): merging is associative and
// commutative, so that the shape of the query plan cannot change an answer. Truncation happens once, at the very end; it
// is also what joins the nodes that several partial trees have in common (common/codec/flame_graph.h).
// Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/model/symbol_table.h"

namespace brazier {

// Sums of hostile values stay at the largest number instead of turning over.
inline void AddSaturating(int64_t* sum, int64_t value) {
  if (__builtin_add_overflow(*sum, value, sum)) *sum = value < 0 ? INT64_MIN : INT64_MAX;
}

// Nodes in an order where parents precede children. Node 0 is the root: no name, self 0 unless stacks were empty.
//
// Partial trees may name a child of a node more than once, and hold a name more than once: such nodes are one node whose
// values and children are added up. What a builder or a truncation leaves has each child once.
struct FlameTree {
  StringTable names;
  struct Node {
    uint32_t parent = 0;
    uint32_t name = 0;  // into names
    int64_t self = 0;
  };
  std::vector<Node> nodes{Node{}};

  Status Validate() const;  // for trees that came over a wire
  // total[i]: self of node i and of all below it.
  std::vector<int64_t> Totals() const;
};

// Appends the nodes of `from` without looking for those that are there already: the cost is that of copying.
void AppendTree(FlameTree&& from, FlameTree* into);

// Adds values to stacks. Grows with the number of distinct stacks; `nodes()` lets the caller enforce a bound.
class FlameTreeBuilder {
 public:
  FlameTreeBuilder();
  // Goes on from a valid tree.
  explicit FlameTreeBuilder(const FlameTree& tree);
  static constexpr uint32_t kRoot = 0;

  uint32_t NameId(std::string_view name);
  // The child of `parent` with this name, created when missing.
  uint32_t Child(uint32_t parent, uint32_t name_id);
  void AddSelf(uint32_t node, int64_t value) { AddSaturating(&tree_.nodes[node].self, value); }
  void Add(const FlameTree& other);
  // Forgets the nodes there are, except the root: they stay in the tree, but what is added from now on gets nodes of its
  // own. For parts with little in common, such as services: look-ups go through a table that fits a processor's cache.
  void BeginPart();
  size_t nodes() const { return tree_.nodes.size(); }
  size_t MemoryBytes() const {
    return tree_.nodes.capacity() * sizeof(FlameTree::Node) + tree_.names.bytes() +
           child_slots_.capacity() * sizeof(ChildSlot) + name_slots_.capacity() * sizeof(uint32_t) +
           name_hashes_.capacity() * sizeof(uint64_t);
  }
  const FlameTree& tree() const { return tree_; }
  FlameTree Finish() { return std::move(tree_); }

 private:
  // The key stands in the slot, so that a look-up touches one cache line. Empty: no node has parent and name 2^32 - 1.
  struct ChildSlot {
    uint32_t parent = UINT32_MAX;
    uint32_t name = UINT32_MAX;
    uint32_t node = 0;
  };

  void GrowChildren();
  void GrowNames();

  FlameTree tree_;
  size_t part_begin_ = 0;  // nodes of the tree when the part began
  // Open addressing, a power of two, at most half full.
  std::vector<ChildSlot> child_slots_;
  std::vector<uint32_t> name_slots_;  // name id + 1
  std::vector<uint64_t> name_hashes_;
};

}  // namespace brazier
