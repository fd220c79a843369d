#include "common/model/flame_tree.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/hash.h"

namespace brazier {

Status FlameTree::Validate() const {
  if (nodes.empty()) return InvalidArgument("flame tree: no root");
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].name >= names.size()) {
      return InvalidArgument("flame tree: a node refers to a name that does not exist");
    }
    if (i > 0 && nodes[i].parent >= i) {
      return InvalidArgument("flame tree: a node does not come after its parent");
    }
  }
  return Status::Ok();
}

void AppendTree(FlameTree&& from, FlameTree* into) {
  if (into->nodes.size() == 1) {
    AddSaturating(&from.nodes[0].self, into->nodes[0].self);
    *into = std::move(from);
    return;
  }
  AddSaturating(&into->nodes[0].self, from.nodes[0].self);
  if (from.nodes.size() == 1) return;
  const uint32_t name_offset = into->names.size();
  into->names.Append(from.names);
  // Nodes below the other root become children of this one.
  const uint32_t node_offset = static_cast<uint32_t>(into->nodes.size()) - 1;
  const size_t needed = into->nodes.size() + from.nodes.size() - 1;
  if (into->nodes.capacity() < needed) into->nodes.reserve(std::max(needed, 2 * into->nodes.capacity()));
  for (size_t i = 1; i < from.nodes.size(); ++i) {
    FlameTree::Node node = from.nodes[i];
    if (node.parent > 0) node.parent += node_offset;
    node.name += name_offset;
    into->nodes.push_back(node);
  }
}

std::vector<int64_t> FlameTree::Totals() const {
  std::vector<int64_t> totals(nodes.size());
  for (size_t i = nodes.size(); i-- > 0;) {
    AddSaturating(&totals[i], nodes[i].self);
    if (i > 0) AddSaturating(&totals[nodes[i].parent], totals[i]);
  }
  return totals;
}

namespace {

constexpr size_t kInitialSlots = 1024;

}  // namespace

FlameTreeBuilder::FlameTreeBuilder() : name_slots_(kInitialSlots) {
  // String 0 is the root's empty name; it takes part in look-ups like any other.
  name_hashes_.push_back(Hash64(std::string_view()));
  name_slots_[name_hashes_[0] & (name_slots_.size() - 1)] = 1;
}

FlameTreeBuilder::FlameTreeBuilder(const FlameTree& tree) : FlameTreeBuilder() { Add(tree); }

uint32_t FlameTreeBuilder::NameId(std::string_view name) {
  const uint64_t hash = Hash64(name);
  size_t mask = name_slots_.size() - 1;
  size_t slot = hash & mask;
  while (name_slots_[slot] != 0) {
    const uint32_t id = name_slots_[slot] - 1;
    if (name_hashes_[id] == hash && names_.Get(id) == name) return id;
    slot = (slot + 1) & mask;
  }
  const uint32_t id = names_.Add(name);
  name_hashes_.push_back(hash);
  name_slots_[slot] = id + 1;
  if (name_hashes_.size() * 2 > name_slots_.size()) GrowNames();
  return id;
}

uint32_t FlameTreeBuilder::AddNode(uint32_t parent, uint32_t name_id) {
  const uint32_t node = static_cast<uint32_t>(links_.size());
  links_.push_back({parent, name_id, kNone, kNone});
  selfs_.push_back(0);
  return node;
}

uint32_t FlameTreeBuilder::AddChild(uint32_t parent, uint32_t last, uint32_t name_id) {
  int siblings = 0;
  for (uint32_t child = links_[parent].first_child; child != kNone; child = links_[child].next_sibling) ++siblings;
  if (siblings >= kListMax) {
    Widen(parent);
    return WideChild(parent, name_id);
  }
  const uint32_t node = AddNode(parent, name_id);
  (last == kNone ? links_[parent].first_child : links_[last].next_sibling) = node;
  return node;
}

void FlameTreeBuilder::Widen(uint32_t parent) {
  for (uint32_t child = links_[parent].first_child; child != kNone; child = links_[child].next_sibling) {
    InsertWide({parent, links_[child].name, child});
  }
  links_[parent].first_child = kWide;
}

uint32_t FlameTreeBuilder::WideChild(uint32_t parent, uint32_t name_id) {
  const WideSlot& found = wide_slots_[FindWide(wide_slots_, parent, name_id)];
  if (found.parent == parent) return found.node;
  const uint32_t node = AddNode(parent, name_id);
  InsertWide({parent, name_id, node});
  return node;
}

size_t FlameTreeBuilder::FindWide(const std::vector<WideSlot>& slots, uint32_t parent, uint32_t name_id) {
  const size_t mask = slots.size() - 1;
  size_t at = MixHash(parent, name_id) & mask;
  while (slots[at].parent != UINT32_MAX && (slots[at].parent != parent || slots[at].name != name_id)) {
    at = (at + 1) & mask;
  }
  return at;
}

void FlameTreeBuilder::InsertWide(const WideSlot& slot) {
  if ((wide_count_ + 1) * 2 > wide_slots_.size()) {
    std::vector<WideSlot> slots(std::max(kInitialSlots, wide_slots_.size() * 2));
    for (const WideSlot& old : wide_slots_) {
      if (old.parent != UINT32_MAX) slots[FindWide(slots, old.parent, old.name)] = old;
    }
    wide_slots_ = std::move(slots);
  }
  wide_slots_[FindWide(wide_slots_, slot.parent, slot.name)] = slot;
  ++wide_count_;
}

void FlameTreeBuilder::BeginPart() {
  links_[kRoot].first_child = kNone;
  wide_slots_.clear();
  wide_count_ = 0;
}

void FlameTreeBuilder::Add(const FlameTree& other) {
  std::vector<uint32_t> name_map(other.names.size());
  for (uint32_t i = 0; i < other.names.size(); ++i) name_map[i] = NameId(other.names.Get(i));
  std::vector<uint32_t> node_map(other.nodes.size());
  AddSelf(kRoot, other.nodes[0].self);
  for (size_t i = 1; i < other.nodes.size(); ++i) {
    const FlameTree::Node& node = other.nodes[i];
    DCHECK(node.parent < i);
    node_map[i] = Child(node_map[node.parent], name_map[node.name]);
    AddSelf(node_map[i], node.self);
  }
}

FlameTree FlameTreeBuilder::Finish() {
  FlameTree tree;
  tree.names = std::move(names_);
  tree.nodes.resize(links_.size());
  for (size_t i = 0; i < links_.size(); ++i) tree.nodes[i] = {links_[i].parent, links_[i].name, selfs_[i]};
  *this = FlameTreeBuilder();
  return tree;
}

FlameTree FlameTreeBuilder::Select(std::span<const int64_t> selfs) const {
  FlameTree tree;
  if (selfs.empty()) return tree;
  constexpr uint32_t kNeeded = UINT32_MAX;
  std::vector<uint32_t> node_map(selfs.size());
  size_t count = 1;
  for (size_t i = selfs.size(); i-- > 1;) {
    if (selfs[i] != 0) node_map[i] = kNeeded;
    if (node_map[i] == 0) continue;
    node_map[links_[i].parent] = kNeeded;
    ++count;
  }
  tree.nodes.reserve(count);
  tree.nodes[0].self = selfs[0];
  node_map[0] = 0;
  std::vector<uint32_t> name_map(names_.size());  // 0: not there yet, or the empty name
  for (size_t i = 1; i < selfs.size(); ++i) {
    if (node_map[i] != kNeeded) continue;
    uint32_t& name = name_map[links_[i].name];
    if (name == 0 && links_[i].name != 0) name = tree.names.Add(names_.Get(links_[i].name));
    node_map[i] = static_cast<uint32_t>(tree.nodes.size());
    tree.nodes.push_back({node_map[links_[i].parent], name, selfs[i]});
  }
  return tree;
}

void FlameTreeBuilder::GrowNames() {
  std::vector<uint32_t> slots(name_slots_.size() * 2);
  const size_t mask = slots.size() - 1;
  for (uint32_t id = 0; id < name_hashes_.size(); ++id) {
    size_t slot = name_hashes_[id] & mask;
    while (slots[slot] != 0) slot = (slot + 1) & mask;
    slots[slot] = id + 1;
  }
  name_slots_ = std::move(slots);
}

}  // namespace brazier
