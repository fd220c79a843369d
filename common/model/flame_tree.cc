#include "common/model/flame_tree.h"

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

FlameTreeBuilder::FlameTreeBuilder(FlameTree tree) : tree_(std::move(tree)) {
  size_t slots = kInitialSlots;
  while (slots < tree_.nodes.size() * 2) slots *= 2;
  child_slots_.resize(slots / 2);
  GrowChildren();
  for (uint32_t id = 0; id < tree_.names.size(); ++id) {
    name_hashes_.push_back(Hash64(tree_.names.Get(id)));
  }
  slots = kInitialSlots;
  while (slots < name_hashes_.size() * 2) slots *= 2;
  name_slots_.resize(slots / 2);
  GrowNames();
}

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
  size_t slot = ChildHash(parent, name_id) & mask;
  while (child_slots_[slot] != 0) {
    const uint32_t node = child_slots_[slot] - 1;
    if (tree_.nodes[node].parent == parent && tree_.nodes[node].name == name_id) return node;
    slot = (slot + 1) & mask;
  }
  const uint32_t node = static_cast<uint32_t>(tree_.nodes.size());
  tree_.nodes.push_back({parent, name_id, 0});
  child_slots_[slot] = node + 1;
  if (tree_.nodes.size() * 2 > child_slots_.size()) GrowChildren();
  return node;
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
  std::vector<uint32_t> slots(child_slots_.size() * 2);
  const size_t mask = slots.size() - 1;
  for (uint32_t node = 1; node < tree_.nodes.size(); ++node) {
    size_t slot = ChildHash(tree_.nodes[node].parent, tree_.nodes[node].name) & mask;
    while (slots[slot] != 0) slot = (slot + 1) & mask;
    slots[slot] = node + 1;
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
