// How a tree becomes rows.
//
// 1. Names are ranked by their bytes once; siblings are then ordered by two counting passes (by rank, by parent), so
//    that a million nodes cost no string comparisons beyond the sort of the distinct names.
// 2. Children named "other" become leaves, stand last, and lose what was below them.
// 3. A walk that takes the right-most child first gives each name its number, in visiting order.
// 4. A walk level by level gives each row, left to right; offsets are differences to the end of the previous node.
// Both walks keep their own stacks: a chain of any depth needs no recursion. One template serves one tree (four
// numbers a node) and two trees (seven numbers a node).
#include "common/codec/flame_graph.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <span>

#include "common/codec/flame_fold.h"

namespace brazier::codec {
namespace {

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
constexpr std::string_view kTotal = "total";

// The children of every node in ascending byte order of their names.
struct SortedChildren {
  std::vector<uint32_t> begin;     // per node, into children; one more at the end
  std::vector<uint32_t> children;  // nodes
  std::vector<uint32_t> rank;      // per name id; equal names have equal ranks
  uint32_t other_rank = kNone;

  std::span<const uint32_t> Of(uint32_t node) const {
    return std::span(children).subspan(begin[node], begin[node + 1] - begin[node]);
  }
};

template <typename Nodes>
SortedChildren SortChildren(const StringTable& names, const Nodes& nodes) {
  SortedChildren sorted;
  std::vector<uint32_t> by_name(names.size());
  std::iota(by_name.begin(), by_name.end(), 0);
  std::sort(by_name.begin(), by_name.end(),
            [&](uint32_t a, uint32_t b) { return names.Get(a) < names.Get(b); });
  sorted.rank.resize(names.size());
  uint32_t rank = 0;
  for (size_t i = 0; i < by_name.size(); ++i) {
    if (i > 0 && names.Get(by_name[i]) != names.Get(by_name[i - 1])) ++rank;
    sorted.rank[by_name[i]] = rank;
    if (names.Get(by_name[i]) == kOtherName) sorted.other_rank = rank;
  }

  const size_t count = nodes.size();
  std::vector<uint32_t> cursor(rank + 2);
  for (size_t i = 1; i < count; ++i) ++cursor[sorted.rank[nodes[i].name] + 1];
  std::partial_sum(cursor.begin(), cursor.end(), cursor.begin());
  std::vector<uint32_t> by_rank(count > 0 ? count - 1 : 0);
  for (uint32_t i = 1; i < count; ++i) by_rank[cursor[sorted.rank[nodes[i].name]]++] = i;

  sorted.begin.assign(count + 1, 0);
  for (size_t i = 1; i < count; ++i) ++sorted.begin[nodes[i].parent + 1];
  std::partial_sum(sorted.begin.begin(), sorted.begin.end(), sorted.begin.begin());
  sorted.children.resize(by_rank.size());
  std::vector<uint32_t> next(sorted.begin.begin(), sorted.begin.end() - 1);
  for (const uint32_t node : by_rank) sorted.children[next[nodes[node].parent]++] = node;
  return sorted;
}

// Moves a child named "other" to the end of its siblings and cuts its children off. The caller treats nodes marked in
// `leaf` as leaves whose self is their total.
template <typename Nodes>
std::vector<bool> PutOtherLast(SortedChildren* sorted, const Nodes& nodes) {
  std::vector<bool> leaf(nodes.size());
  if (sorted->other_rank == kNone) return leaf;
  const auto is_other = [&](uint32_t node) {
    return sorted->rank[nodes[node].name] == sorted->other_rank;
  };
  for (uint32_t i = 1; i < nodes.size(); ++i) {
    if (!is_other(i)) continue;
    leaf[i] = true;
    const auto first = sorted->children.begin() + sorted->begin[nodes[i].parent];
    const auto last = sorted->children.begin() + sorted->begin[nodes[i].parent + 1];
    const auto at = std::find(first, last, i);
    std::rotate(at, at + 1, last);
  }
  return leaf;
}

template <int Sides>
class RowEncoder {
 public:
  explicit RowEncoder(const SidedTree<Sides>& tree)
      : tree_(tree),
        totals_(tree.Totals()),
        children_(SortChildren(tree.names, tree.nodes)),
        leaf_(PutOtherLast(&children_, tree.nodes)) {}

  FlameGraph Encode() {
    NumberNames();
    EncodeRows();
    graph_.total = SumOfSides<Sides>(totals_[0]);
    return std::move(graph_);
  }
  const std::array<int64_t, Sides>& total() const { return totals_[0]; }

 private:
  struct Placed {
    uint32_t node = 0;
    std::array<int64_t, Sides> x{};
  };

  std::span<const uint32_t> ChildrenOf(uint32_t node) const {
    if (leaf_[node]) return {};
    return children_.Of(node);
  }
  // An "other" without value would only be noise in the rows.
  bool IsEmptyOther(uint32_t node) const {
    if (!leaf_[node]) return false;
    for (const int64_t total : totals_[node]) {
      if (total != 0) return false;
    }
    return true;
  }

  void NumberNames() {
    name_index_.assign(children_.rank.size() + 1, kNone);
    graph_.names.emplace_back(kTotal);
    std::vector<uint32_t> stack{0};
    while (!stack.empty()) {
      const uint32_t node = stack.back();
      stack.pop_back();
      if (node != 0) Number(tree_.nodes[node].name);
      for (const uint32_t child : ChildrenOf(node)) {
        if (!IsEmptyOther(child)) stack.push_back(child);
      }
    }
  }

  void Number(uint32_t name) {
    uint32_t& index = name_index_[children_.rank[name]];
    if (index != kNone) return;
    const std::string_view text = tree_.names.Get(name);
    if (text == kTotal) {
      index = 0;
      return;
    }
    index = static_cast<uint32_t>(graph_.names.size());
    graph_.names.emplace_back(text);
  }

  void EncodeRows() {
    std::vector<Placed> row{Placed{}};
    std::vector<Placed> below;
    while (!row.empty()) {
      std::vector<int64_t>& values = graph_.levels.emplace_back();
      values.reserve(row.size() * (Sides * 3 + 1));
      std::array<int64_t, Sides> end{};
      below.clear();
      for (const Placed& placed : row) {
        AppendNode(placed, &end, &values);
        PlaceChildren(placed, &below);
      }
      row.swap(below);
    }
  }

  void AppendNode(const Placed& placed, std::array<int64_t, Sides>* end,
                  std::vector<int64_t>* values) {
    const auto& self = leaf_[placed.node] ? totals_[placed.node] : tree_.nodes[placed.node].self;
    const auto& total = totals_[placed.node];
    for (int s = 0; s < Sides; ++s) {
      values->push_back(placed.x[s] - (*end)[s]);
      values->push_back(total[s]);
      values->push_back(self[s]);
      (*end)[s] = placed.x[s] + total[s];
      graph_.max_self = std::max(graph_.max_self, self[s]);
    }
    values->push_back(
        placed.node == 0 ? 0 : name_index_[children_.rank[tree_.nodes[placed.node].name]]);
  }

  // A parent's own value lies at its left end, before its first child.
  void PlaceChildren(const Placed& placed, std::vector<Placed>* below) {
    Placed child;
    for (int s = 0; s < Sides; ++s) {
      child.x[s] = placed.x[s] + tree_.nodes[placed.node].self[s];
    }
    for (const uint32_t node : ChildrenOf(placed.node)) {
      if (IsEmptyOther(node)) continue;
      child.node = node;
      below->push_back(child);
      for (int s = 0; s < Sides; ++s) child.x[s] += totals_[node][s];
    }
  }

  const SidedTree<Sides>& tree_;
  const std::vector<std::array<int64_t, Sides>> totals_;
  SortedChildren children_;
  const std::vector<bool> leaf_;
  std::vector<uint32_t> name_index_;  // by rank
  FlameGraph graph_;
};

void AppendUvarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

}  // namespace

FlameTree Truncate(const FlameTree& tree, int64_t max_nodes) {
  SidedTree<1> folded = Fold<1>({&tree}, max_nodes);
  FlameTree result;
  result.names = std::move(folded.names);
  result.nodes.clear();
  result.nodes.reserve(folded.nodes.size());
  for (const auto& node : folded.nodes) result.nodes.push_back({node.parent, node.name, node.self[0]});
  return result;
}

FlameGraph EncodeLevels(const FlameTree& tree) {
  SidedTree<1> sided;
  sided.names = tree.names;
  sided.nodes.clear();
  sided.nodes.reserve(tree.nodes.size());
  for (const FlameTree::Node& node : tree.nodes) sided.nodes.push_back({node.parent, node.name, {node.self}});
  return RowEncoder<1>(sided).Encode();
}

FlameGraphDiff EncodeDiffLevels(const FlameTree& left, const FlameTree& right, int64_t max_nodes) {
  const SidedTree<2> folded = Fold<2>({&left, &right}, max_nodes);
  RowEncoder<2> encoder(folded);
  FlameGraphDiff diff;
  diff.left_ticks = encoder.total()[0];
  diff.right_ticks = encoder.total()[1];
  diff.graph = encoder.Encode();
  return diff;
}

std::string EncodeBinaryTree(const FlameTree& tree) {
  std::string out;
  if (tree.nodes.size() == 1 && tree.nodes[0].self == 0) return out;
  const SortedChildren children = SortChildren(tree.names, tree.nodes);
  out.reserve(tree.nodes.size() * 8 + tree.names.bytes());
  std::vector<uint32_t> stack{0};
  while (!stack.empty()) {
    const uint32_t index = stack.back();
    stack.pop_back();
    const FlameTree::Node& node = tree.nodes[index];
    const std::string_view name = index == 0 ? std::string_view() : tree.names.Get(node.name);
    const auto below = children.Of(index);
    AppendUvarint(name.size(), &out);
    out.append(name);
    AppendUvarint(static_cast<uint64_t>(node.self), &out);
    AppendUvarint(below.size(), &out);
    stack.insert(stack.end(), below.begin(), below.end());
  }
  return out;
}

}  // namespace brazier::codec
