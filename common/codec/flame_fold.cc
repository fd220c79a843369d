#include "common/codec/flame_fold.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace brazier::codec {
namespace {

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

// What the pass over a tree finds out: totals, and the children as linked lists.
struct NodeLinks {
  int64_t total = 0;
  uint32_t first_child = 0;  // 0: none
  uint32_t next_sibling = 0;
};

std::vector<NodeLinks> LinkNodes(const FlameTree& tree) {
  std::vector<NodeLinks> links(tree.nodes.size());
  for (size_t i = tree.nodes.size(); i-- > 1;) {
    NodeLinks& link = links[i];
    NodeLinks& parent = links[tree.nodes[i].parent];
    AddSaturating(&link.total, tree.nodes[i].self);
    AddSaturating(&parent.total, link.total);
    link.next_sibling = parent.first_child;
    parent.first_child = static_cast<uint32_t>(i);
  }
  AddSaturating(&links[0].total, tree.nodes[0].self);
  return links;
}

// One name, whichever tree and id it came from.
class CommonNames {
 public:
  uint32_t Id(std::string_view name) {
    return ids_.try_emplace(name, static_cast<uint32_t>(ids_.size())).first->second;
  }

 private:
  std::unordered_map<std::string_view, uint32_t> ids_;  // views into the trees
};

template <int Sides>
class Folder {
 public:
  Folder(const std::array<const FlameTree*, Sides>& trees, int64_t max_nodes)
      : trees_(trees), is_limited_(max_nodes > 0), max_nodes_(static_cast<size_t>(std::max<int64_t>(max_nodes, 0))) {
    Group root;
    for (uint32_t side = 0; side < Sides; ++side) {
      links_[side] = LinkNodes(*trees[side]);
      common_[side].assign(trees[side]->names.size(), kNone);
      members_.push_back({0, side});
      root.totals[side] = links_[side][0].total;
    }
    root.member_count = Sides;
    groups_.push_back(root);
    other_name_ = names_.Id(kOtherName);
  }

  SidedTree<Sides> Run() {
    out_.nodes[0].self = SelfOf(groups_[0]);
    other_of_.push_back(kNone);
    if (is_limited_) {
      size_t count = 0;
      for (const FlameTree* tree : trees_) count += tree->nodes.size() - 1;
      // As many nodes at most, joined or not: nothing can be folded, and a node that is really called "other" stays.
      is_limited_ = count > max_nodes_;
    }
    Offer(0, 0);
    if (is_limited_) {
      KeepHeaviest();
    } else {
      for (size_t g = 1; g < groups_.size(); ++g) Offer(g, Keep(groups_[g]));
    }
    return std::move(out_);
  }

 private:
  struct Member {
    uint32_t node;
    uint32_t side;
  };
  // Nodes of the trees that are one node of the result.
  struct Group {
    uint32_t parent = 0;  // node of the result
    uint32_t name = 0;    // of names_
    std::array<int64_t, Sides> totals{};
    size_t member_begin = 0;  // into members_
    uint32_t member_count = 0;
  };
  struct Child {
    uint32_t name;
    Member member;
  };

  uint32_t NameOf(const Member& member) {
    const FlameTree& tree = *trees_[member.side];
    const uint32_t name = tree.nodes[member.node].name;
    uint32_t& id = common_[member.side][name];
    if (id == kNone) id = names_.Id(tree.names.Get(name));
    return id;
  }

  std::array<int64_t, Sides> SelfOf(const Group& group) const {
    std::array<int64_t, Sides> self{};
    for (size_t m = group.member_begin; m < group.member_begin + group.member_count; ++m) {
      AddSaturating(&self[members_[m].side], trees_[members_[m].side]->nodes[members_[m].node].self);
    }
    return self;
  }

  // Makes groups of the children of a group that became node `out` of the result.
  void Offer(size_t group, uint32_t out) {
    children_.clear();
    const size_t begin = groups_[group].member_begin;
    for (size_t m = begin; m < begin + groups_[group].member_count; ++m) {
      const uint32_t side = members_[m].side;
      const std::vector<NodeLinks>& links = links_[side];
      for (uint32_t c = links[members_[m].node].first_child; c != 0; c = links[c].next_sibling) {
        children_.push_back({NameOf({c, side}), {c, side}});
      }
    }
    std::sort(children_.begin(), children_.end(), [](const Child& a, const Child& b) {
      return std::tie(a.name, a.member.side, a.member.node) < std::tie(b.name, b.member.side, b.member.node);
    });
    for (size_t i = 0; i < children_.size();) {
      Group child;
      child.parent = out;
      child.name = children_[i].name;
      child.member_begin = members_.size();
      for (; i < children_.size() && children_[i].name == child.name; ++i) {
        const Member& member = children_[i].member;
        AddSaturating(&child.totals[member.side], links_[member.side][member.node].total);
        members_.push_back(member);
        ++child.member_count;
      }
      if (is_limited_) candidates_.push({SumOfSides<Sides>(child.totals), groups_.size()});
      groups_.push_back(child);
    }
  }

  void KeepHeaviest() {
    size_t kept = 0;
    int64_t threshold = 0;
    while (!candidates_.empty()) {
      const auto [total, index] = candidates_.top();
      if (kept >= max_nodes_ && total < threshold) break;
      candidates_.pop();
      if (++kept == max_nodes_) threshold = total;
      Offer(index, groups_[index].name == other_name_ ? KeepOther(groups_[index]) : Keep(groups_[index]));
    }
    for (; !candidates_.empty(); candidates_.pop()) {
      const Group& group = groups_[candidates_.top().second];
      const uint32_t other = OtherChild(group.parent);
      for (int s = 0; s < Sides; ++s) AddSaturating(&out_.nodes[other].self[s], group.totals[s]);
    }
  }

  uint32_t Keep(const Group& group) {
    const Member& first = members_[group.member_begin];
    const FlameTree& tree = *trees_[first.side];
    return AddNode(group.parent, group.name, tree.names.Get(tree.nodes[first.node].name), SelfOf(group));
  }

  // What is folded, and a node that is really called so, share one node.
  uint32_t KeepOther(const Group& group) {
    const uint32_t other = OtherChild(group.parent);
    const auto self = SelfOf(group);
    for (int s = 0; s < Sides; ++s) AddSaturating(&out_.nodes[other].self[s], self[s]);
    return other;
  }

  uint32_t OtherChild(uint32_t parent) {
    if (other_of_[parent] == kNone) {
      const uint32_t other = AddNode(parent, other_name_, kOtherName, {});  // grows other_of_
      other_of_[parent] = other;
    }
    return other_of_[parent];
  }

  uint32_t AddNode(uint32_t parent, uint32_t common_name, std::string_view text,
                   const std::array<int64_t, Sides>& self) {
    if (common_name >= out_name_.size()) out_name_.resize(common_name + 1, kNone);
    if (out_name_[common_name] == kNone) out_name_[common_name] = text.empty() ? 0 : out_.names.Add(text);
    out_.nodes.push_back({parent, out_name_[common_name], self});
    other_of_.push_back(kNone);
    return static_cast<uint32_t>(out_.nodes.size() - 1);
  }

  const std::array<const FlameTree*, Sides> trees_;
  bool is_limited_;
  const size_t max_nodes_;
  std::array<std::vector<NodeLinks>, Sides> links_;
  std::array<std::vector<uint32_t>, Sides> common_;  // name of the tree -> names_
  CommonNames names_;
  uint32_t other_name_ = 0;
  std::vector<Member> members_;
  std::vector<Group> groups_;
  std::vector<Child> children_;
  std::priority_queue<std::pair<int64_t, size_t>> candidates_;  // (total, group)
  std::vector<uint32_t> out_name_;                              // names_ -> out_.names
  std::vector<uint32_t> other_of_;                              // per node of the result: its child "other"
  SidedTree<Sides> out_;
};

}  // namespace

template <int Sides>
SidedTree<Sides> Fold(const std::array<const FlameTree*, Sides>& trees, int64_t max_nodes) {
  return Folder<Sides>(trees, max_nodes).Run();
}

template SidedTree<1> Fold<1>(const std::array<const FlameTree*, 1>&, int64_t);
template SidedTree<2> Fold<2>(const std::array<const FlameTree*, 2>&, int64_t);

}  // namespace brazier::codec
