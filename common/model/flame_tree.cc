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

uint64_t ChildHash(uint32_t parent, uint32_t name) { return MixHash(parent, name); }

}  // namespace

FlameTreeBuilder::FlameTreeBuilder() : child_slots_(kInitialSlots), name_slots_(kInitialSlots) {
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
    if (name_hashes_[id] == hash && tree_.names.Get(id) == name) return id;
    slot = (slot + 1) & mask;
  }
  const uint32_t id = tree_.names.Add(name);
  name_hashes_.push_back(hash);
  name_slots_[slot] = id + 1;
  if (name_hashes_.size() * 2 > name_slots_.size()) GrowNames();
  return id;
}

uint32_t FlameTreeBuilder::Child(uint32_t parent, uint32_t name_id) {
  const size_t mask = child_slots_.size() - 1;
  size_t at = ChildHash(parent, name_id) & mask;
  for (; child_slots_[at].parent != UINT32_MAX; at = (at + 1) & mask) {
    const ChildSlot& slot = child_slots_[at];
    if (slot.parent == parent && slot.name == name_id) return slot.node;
  }
  const uint32_t node = static_cast<uint32_t>(tree_.nodes.size());
  tree_.nodes.push_back({parent, name_id, 0});
  child_slots_[at] = {parent, name_id, node};
  if ((tree_.nodes.size() - part_begin_) * 2 > child_slots_.size()) GrowChildren();
  return node;
}

void FlameTreeBuilder::BeginPart() {
  const size_t used = tree_.nodes.size() - part_begin_;
  part_begin_ = tree_.nodes.size();
  // The next part is as large as this one was, more or less: a table that one large part left behind would make every
  // small one pay for clearing it.
  size_t slots = kInitialSlots;
  while (slots < used * 2) slots *= 2;
  child_slots_.assign(std::min(slots, child_slots_.size()), ChildSlot());
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

void FlameTreeBuilder::GrowChildren() {
  std::vector<ChildSlot> slots(child_slots_.size() * 2);
  const size_t mask = slots.size() - 1;
  for (const ChildSlot& slot : child_slots_) {
    if (slot.parent == UINT32_MAX) continue;
    size_t at = ChildHash(slot.parent, slot.name) & mask;
    while (slots[at].parent != UINT32_MAX) at = (at + 1) & mask;
    slots[at] = slot;
  }
  child_slots_ = std::move(slots);
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
