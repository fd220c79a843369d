// FlameTree: call trees with a value per stack, keyed by function name; the partial result of flame graph queries.
//
// Built by adding values to stacks (FlameTreeBuilder), merged by appending trees (AppendTree): merging is associative and
// commutative, so that the shape of the query plan cannot change an answer. Truncation happens once, at the very end; it
// is also what joins the nodes that several partial trees have in common (common/codec/flame_graph.h).
// Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/saturating.h"
#include "common/base/status.h"
#include "common/model/symbol_table.h"

namespace brazier {

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

// Adds values to stacks. Grows with the number of distinct stacks; MemoryBytes() lets the caller enforce a bound.
//
// A node's children are a linked list until there are kListMax of them, then entries of a hash table: most nodes have a
// handful, which lie close together because they were added together, where a table of all children would touch a cache
// line of its own for each. The oldest come first: what was met first is met most.
class FlameTreeBuilder {
 public:
  FlameTreeBuilder();
  // Goes on from a valid tree.
  explicit FlameTreeBuilder(const FlameTree& tree);
  static constexpr uint32_t kRoot = 0;

  uint32_t NameId(std::string_view name);
  // The child of `parent` with this name, created when missing.
  uint32_t Child(uint32_t parent, uint32_t name_id) {
    uint32_t child = links_[parent].first_child;
    if (child == kWide) return WideChild(parent, name_id);
    uint32_t last = kNone;
    for (; child != kNone; child = links_[child].next_sibling) {
      if (links_[child].name == name_id) return child;
      last = child;
    }
    return AddChild(parent, last, name_id);
  }
  void AddSelf(uint32_t node, int64_t value) { AddSaturating(&selfs_[node], value); }
  void Add(const FlameTree& other);
  // Forgets the nodes there are, except the root: they stay in the tree, but what is added from now on gets nodes of its
  // own. For parts with little in common, such as services, whose nodes then lie together.
  void BeginPart();
  size_t nodes() const { return links_.size(); }
  size_t MemoryBytes() const {
    return links_.capacity() * sizeof(Links) + selfs_.capacity() * sizeof(int64_t) + names_.bytes() +
           wide_slots_.capacity() * sizeof(WideSlot) + name_slots_.capacity() * sizeof(uint32_t) +
           name_hashes_.capacity() * sizeof(uint64_t);
  }
  // The builder is empty afterwards.
  FlameTree Finish();
  // The tree of the nodes that these values reach, with these values in place of the builder's own: what a builder is when
  // it serves as a dictionary of stacks. selfs: by node, of the first selfs.size() nodes.
  FlameTree Select(std::span<const int64_t> selfs) const;

 private:
  static constexpr uint32_t kNone = 0;  // the root is nobody's child
  static constexpr uint32_t kWide = UINT32_MAX;
  static constexpr int kListMax = 16;

  struct Links {
    uint32_t parent = 0;
    uint32_t name = 0;
    uint32_t first_child = kNone;  // kWide: the children are in wide_slots_
    uint32_t next_sibling = kNone;
  };
  struct WideSlot {
    uint32_t parent = UINT32_MAX;  // UINT32_MAX: empty
    uint32_t name = 0;
    uint32_t node = 0;
  };

  // `last`: the last of the list of children, kNone when there is none.
  uint32_t AddChild(uint32_t parent, uint32_t last, uint32_t name_id);
  uint32_t AddNode(uint32_t parent, uint32_t name_id);
  uint32_t WideChild(uint32_t parent, uint32_t name_id);
  void Widen(uint32_t parent);
  // The slot that holds the child, or the empty one where it belongs.
  static size_t FindWide(const std::vector<WideSlot>& slots, uint32_t parent, uint32_t name_id);
  void InsertWide(const WideSlot& slot);
  void GrowNames();

  StringTable names_;
  std::vector<Links> links_{Links{}};
  std::vector<int64_t> selfs_{0};  // by node; apart, because look-ups do not touch them
  // Open addressing, powers of two, at most half full.
  std::vector<WideSlot> wide_slots_;
  size_t wide_count_ = 0;
  std::vector<uint32_t> name_slots_;  // name id + 1
  std::vector<uint64_t> name_hashes_;
};

}  // namespace brazier
