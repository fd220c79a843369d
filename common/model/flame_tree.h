// FlameTree: call trees with a value per stack, keyed by function name; the partial result of flame graph queries.
//
// Built by adding values to stacks (FlameTreeBuilder), merged by adding trees: merging is associative and commutative,
// so that the shape of the query plan cannot change an answer. Truncation happens once, at the very end.
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

// Adds values to stacks. Grows with the number of distinct stacks; `nodes()` lets the caller enforce a bound.
class FlameTreeBuilder {
 public:
  FlameTreeBuilder();
  // Goes on from a valid tree.
  explicit FlameTreeBuilder(FlameTree tree);
  static constexpr uint32_t kRoot = 0;

  uint32_t NameId(std::string_view name);
  // The child of `parent` with this name, created when missing.
  uint32_t Child(uint32_t parent, uint32_t name_id);
  void AddSelf(uint32_t node, int64_t value) { AddSaturating(&tree_.nodes[node].self, value); }
  void Add(const FlameTree& other);
  size_t nodes() const { return tree_.nodes.size(); }
  size_t MemoryBytes() const {
    return tree_.nodes.capacity() * sizeof(FlameTree::Node) + tree_.names.bytes() +
           (child_slots_.capacity() + name_slots_.capacity()) * sizeof(uint32_t) +
           name_hashes_.capacity() * sizeof(uint64_t);
  }
  const FlameTree& tree() const { return tree_; }
  FlameTree Finish() { return std::move(tree_); }

 private:
  void GrowChildren();
  void GrowNames();

  FlameTree tree_;
  // Open addressing. child_slots_: node index + 1, key (parent, name) read from the node itself.
  std::vector<uint32_t> child_slots_;
  std::vector<uint32_t> name_slots_;  // name id + 1
  std::vector<uint64_t> name_hashes_;
};

}  // namespace brazier
