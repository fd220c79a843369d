#include "store/block/symbol_interner.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/hash.h"

namespace brazier::block {
namespace {

constexpr size_t kSlotsMin = 1024;
constexpr size_t kChildSlotsMin = 64;
// A profile's table tells how large those of the others are: room for a few of them saves growing again and again.
constexpr size_t kProfilesExpected = 4;

// Adds a user to an entry: the first owns it, a second one makes it shared.
void Own(uint32_t& owner, uint32_t user) {
  if (owner == user) return;
  owner = owner == SymbolOwners::kNoOwner ? user : SymbolOwners::kShared;
}

}  // namespace

template <typename Equal, typename Append>
uint32_t SymbolInterner::Index::FindOrAdd(uint64_t hash, Equal equal, Append append) {
  const uint32_t tag = static_cast<uint32_t>(hash);
  const size_t mask = slots.size() - 1;
  size_t at = tag & mask;
  for (; slots[at] != 0; at = (at + 1) & mask) {
    if (static_cast<uint32_t>(slots[at]) != tag) continue;
    const uint32_t entry = static_cast<uint32_t>(slots[at] >> 32) - 1;
    if (equal(entry)) return entry;
  }
  const uint32_t entry = append();
  slots[at] = (uint64_t{entry} + 1) << 32 | tag;
  if (++count * 2 > slots.size()) Grow();
  return entry;
}

template <typename Equal>
uint32_t SymbolInterner::Index::Find(uint64_t hash, Equal equal) const {
  const uint32_t tag = static_cast<uint32_t>(hash);
  const size_t mask = slots.size() - 1;
  for (size_t at = tag & mask; slots[at] != 0; at = (at + 1) & mask) {
    if (static_cast<uint32_t>(slots[at]) != tag) continue;
    const uint32_t entry = static_cast<uint32_t>(slots[at] >> 32) - 1;
    if (equal(entry)) return entry;
  }
  return kUnmapped;
}

void SymbolInterner::Index::Grow() {
  std::vector<uint64_t> old(slots.empty() ? kSlotsMin : slots.size() * 2);
  old.swap(slots);
  const size_t mask = slots.size() - 1;
  for (uint64_t slot : old) {
    if (slot == 0) continue;
    size_t at = slot & mask & 0xFFFFFFFF;
    while (slots[at] != 0) at = (at + 1) & mask;
    slots[at] = slot;
  }
}

SymbolInterner::SymbolInterner() {
  // The entries that every table begins with belong to everyone.
  owners_.strings = owners_.mappings = owners_.stacks = {SymbolOwners::kShared};
}

void SymbolInterner::Index::Reserve(size_t entries) {
  size_t size = kSlotsMin;
  while (size < entries * 2) size *= 2;
  if (slots.empty()) slots.resize(size);
}

SymbolInterner::CommonEntries SymbolInterner::CommonOf(const SymbolTable& shared) {
  CommonEntries common;
  common.strings.assign(shared.strings.size(), kUnmapped);
  common.functions.assign(shared.functions.size(), kUnmapped);
  common.mappings.assign(shared.mappings.size(), kUnmapped);
  common.locations.assign(shared.locations.size(), kUnmapped);
  return common;
}

void SymbolInterner::Add(const SymbolTable& symbols, uint32_t owner, std::span<uint32_t> stacks, Tree tree,
                         CommonEntries* common) {
  source_ = &symbols;
  common_ = common;
  owner_ = owner;
  ++adds_;
  has_equal_locations_ = false;
  string_map_.assign(symbols.strings.size(), kUnmapped);
  function_map_.assign(symbols.functions.size(), kUnmapped);
  mapping_map_.assign(symbols.mappings.size(), kUnmapped);
  location_map_.assign(symbols.locations.size(), kUnmapped);
  stack_map_.assign(symbols.stacks.size(), 0);
  used_.assign(symbols.stacks.size(), 0);
  string_map_[0] = 0;
  mapping_map_[0] = 0;
  if (adds_ == 1) ReserveFor(symbols, tree == Tree::kDistinct ? kProfilesExpected : 0);

  for (uint32_t stack : stacks) used_[stack] = 1;
  for (size_t i = symbols.stacks.size(); i-- > 1;) used_[symbols.stacks[i].parent] |= used_[i];
  if (owner >= stacks_of_owner_.size()) stacks_of_owner_.resize(owner + 1);
  DatasetStacks& known = stacks_of_owner_[owner];
  const bool is_first = known.is_empty;
  known.is_empty = false;
  const uint32_t nodes_begin = static_cast<uint32_t>(table_.stacks.size());
  size_t i = 1;
  if (is_first && tree == Tree::kDistinct) {
    // Distinct children stay distinct as long as no two locations become one; from then on nodes are looked up.
    table_.stacks.resize(nodes_begin + symbols.stacks.size());
    StackNode* next = table_.stacks.data() + nodes_begin;
    for (; i < symbols.stacks.size(); ++i) {
      if (!used_[i]) continue;
      const StackNode& node = symbols.stacks[i];
      const uint32_t location = LocationOf(node.location);
      if (has_equal_locations_) break;
      *next = {stack_map_[node.parent], location};
      stack_map_[i] = static_cast<uint32_t>(next++ - table_.stacks.data());
    }
    known.unlinked_begin = nodes_begin;
    known.unlinked_end = static_cast<uint32_t>(next - table_.stacks.data());
    table_.stacks.resize(known.unlinked_end);
  }
  if (i < symbols.stacks.size()) LinkNodes(known);
  // What is below a node that was new to the table is new as well, as long as children stay distinct.
  const uint32_t new_begin = tree == Tree::kDistinct ? static_cast<uint32_t>(table_.stacks.size()) : kUnmapped;
  for (; i < symbols.stacks.size(); ++i) {
    if (!used_[i]) continue;
    const StackNode& node = symbols.stacks[i];
    const uint32_t parent = stack_map_[node.parent];
    const uint32_t location = LocationOf(node.location);
    stack_map_[i] = parent >= new_begin && !has_equal_locations_ ? AddNode(known, parent, location) : Node(known, parent, location);
  }
  // Nodes are looked up among those of their dataset only: what is new is its own.
  owners_.stacks.resize(table_.stacks.size(), owner);
  for (uint32_t& stack : stacks) stack = stack_map_[stack];
  source_ = nullptr;
  common_ = nullptr;
}

void SymbolInterner::ReserveFor(const SymbolTable& symbols, size_t times) {
  const size_t strings = symbols.strings.size() * times;
  const size_t functions = symbols.functions.size() * times;
  const size_t locations = symbols.locations.size() * times;
  strings_.Reserve(strings);
  functions_.Reserve(functions);
  mappings_.Reserve(symbols.mappings.size() * times);
  locations_.Reserve(locations);
  table_.strings.Reserve(strings, symbols.strings.bytes() * times);
  table_.functions.reserve(functions);
  table_.lines.reserve(symbols.lines.size() * times);
  table_.locations.reserve(locations);
  table_.stacks.reserve(symbols.stacks.size() * times);
  links_.reserve(symbols.stacks.size() * times);
  owners_.strings.reserve(strings);
  owners_.functions.reserve(functions);
  owners_.locations.reserve(locations);
  owners_.stacks.reserve(symbols.stacks.size() * times);
  location_adds_.reserve(locations);
}

void SymbolInterner::Link(DatasetStacks& stacks, uint32_t node) {
  const uint32_t parent = table_.stacks[node].parent;
  uint32_t& count = parent == 0 ? stacks.child_count : links_[parent].child_count;
  if (++count > kListedMax) {
    if (stacks.index.slots.empty()) stacks.index.slots.resize(kChildSlotsMin);
    stacks.index.FindOrAdd(MixHash(parent, table_.stacks[node].location), [](uint32_t) { return false; }, [node] { return node; });
    return;
  }
  uint32_t& first = parent == 0 ? stacks.first_child : links_[parent].first_child;
  links_[node].next = first;
  first = node;
}

void SymbolInterner::LinkNodes(DatasetStacks& stacks) {
  links_.resize(table_.stacks.size());
  for (uint32_t i = stacks.unlinked_begin; i < stacks.unlinked_end; ++i) Link(stacks, i);
  stacks.unlinked_begin = stacks.unlinked_end = 0;
}

// What an entry refers to has all of its users: one that has this user already need not be followed.
void SymbolInterner::UseFunction(uint32_t entry) {
  uint32_t& owner = owners_.functions[entry];
  if (owner == owner_ || owner == SymbolOwners::kShared) return;
  Own(owner, owner_);
  const Function& f = table_.functions[entry];
  for (uint32_t string : {f.name, f.system_name, f.filename}) Own(owners_.strings[string], owner_);
}

void SymbolInterner::UseMapping(uint32_t entry) {
  uint32_t& owner = owners_.mappings[entry];
  if (owner == owner_ || owner == SymbolOwners::kShared) return;
  Own(owner, owner_);
  const Mapping& m = table_.mappings[entry];
  for (uint32_t string : {m.filename, m.build_id}) Own(owners_.strings[string], owner_);
}

void SymbolInterner::UseLocation(uint32_t entry) {
  uint32_t& owner = owners_.locations[entry];
  if (owner == owner_ || owner == SymbolOwners::kShared) return;
  Own(owner, owner_);
  const Location& l = table_.locations[entry];
  UseMapping(l.mapping);
  for (uint32_t i = 0; i < l.line_count; ++i) UseFunction(table_.lines[l.line_begin + i].function);
}

// What the tables have in common was perhaps mapped for another one: then it only gets a user more.
template <typename Mark, typename Find>
uint32_t SymbolInterner::Common(std::vector<uint32_t> CommonEntries::*column, uint32_t id, Mark mark, Find find) {
  if (common_ == nullptr || id >= (common_->*column).size()) return find();
  uint32_t& entry = (common_->*column)[id];
  if (entry == kUnmapped) {
    entry = find();
  } else {
    mark(entry);
  }
  return entry;
}

uint32_t SymbolInterner::InternString(uint32_t id) {
  return Common(&CommonEntries::strings, id, [&](uint32_t e) { Own(owners_.strings[e], owner_); }, [&] { return FindString(id); });
}

uint32_t SymbolInterner::InternFunction(uint32_t id) {
  return Common(&CommonEntries::functions, id, [&](uint32_t e) { UseFunction(e); }, [&] { return FindFunction(id); });
}

uint32_t SymbolInterner::InternMapping(uint32_t id) {
  return Common(&CommonEntries::mappings, id, [&](uint32_t e) { UseMapping(e); }, [&] { return FindMapping(id); });
}

uint32_t SymbolInterner::InternLocation(uint32_t id) {
  const uint32_t mapped =
      Common(&CommonEntries::locations, id, [&](uint32_t e) { UseLocation(e); }, [&] { return FindLocation(id); });
  has_equal_locations_ |= location_adds_[mapped] == adds_;
  location_adds_[mapped] = adds_;
  return mapped;
}

uint32_t SymbolInterner::FindString(uint32_t id) {
  const std::string_view text = source_->strings.Get(id);
  // "" is string 0 of every table, never looked up.
  if (text.empty()) return 0;
  const uint32_t mapped = strings_.FindOrAdd(
      Hash64(text), [&](uint32_t e) { return table_.strings.Get(e) == text; },
      [&] {
        owners_.strings.push_back(owner_);
        return table_.strings.Add(text);
      });
  Own(owners_.strings[mapped], owner_);
  return mapped;
}

uint32_t SymbolInterner::FindFunction(uint32_t id) {
  Function f = source_->functions[id];
  f.name = String(f.name);
  f.system_name = String(f.system_name);
  f.filename = String(f.filename);
  const uint64_t hash = MixHash(MixHash(f.name, f.system_name),
                                MixHash(f.filename, static_cast<uint64_t>(f.start_line)));
  const uint32_t mapped = functions_.FindOrAdd(
      hash, [&](uint32_t e) { return table_.functions[e] == f; },
      [&] {
        owners_.functions.push_back(owner_);
        table_.functions.push_back(f);
        return static_cast<uint32_t>(table_.functions.size() - 1);
      });
  Own(owners_.functions[mapped], owner_);
  return mapped;
}

uint32_t SymbolInterner::FindMapping(uint32_t id) {
  Mapping m = source_->mappings[id];
  m.filename = String(m.filename);
  m.build_id = String(m.build_id);
  const uint64_t hash = MixHash(MixHash(m.memory_start, m.memory_limit),
                                MixHash(m.file_offset, (uint64_t{m.filename} << 32) | m.build_id));
  const uint32_t mapped = mappings_.FindOrAdd(
      hash, [&](uint32_t e) { return table_.mappings[e] == m; },
      [&] {
        owners_.mappings.push_back(owner_);
        table_.mappings.push_back(m);
        return static_cast<uint32_t>(table_.mappings.size() - 1);
      });
  Own(owners_.mappings[mapped], owner_);
  return mapped;
}

uint32_t SymbolInterner::FindLocation(uint32_t id) {
  Location location = source_->locations[id];
  location.mapping = MappingOf(location.mapping);
  // The lines go in at the end of the table and are taken back when the location turns out to be known.
  const uint32_t source_begin = location.line_begin;
  location.line_begin = static_cast<uint32_t>(table_.lines.size());
  uint64_t hash = MixHash(location.address, (uint64_t{location.mapping} << 1) | location.is_folded);
  for (uint32_t i = 0; i < location.line_count; ++i) {
    const Line& line = source_->lines[source_begin + i];
    const uint32_t function = FunctionOf(line.function);
    table_.lines.push_back({function, line.line});
    hash = MixHash(hash, MixHash(function, static_cast<uint64_t>(line.line)));
  }
  bool is_new = false;
  const uint32_t mapped = locations_.FindOrAdd(
      hash,
      [&](uint32_t e) {
        const Location& other = table_.locations[e];
        if (other.address != location.address || other.mapping != location.mapping ||
            other.line_count != location.line_count || other.is_folded != location.is_folded) {
          return false;
        }
        for (uint32_t i = 0; i < location.line_count; ++i) {
          if (!(table_.lines[other.line_begin + i] == table_.lines[location.line_begin + i])) {
            return false;
          }
        }
        return true;
      },
      [&] {
        is_new = true;
        owners_.locations.push_back(owner_);
        location_adds_.push_back(0);
        table_.locations.push_back(location);
        return static_cast<uint32_t>(table_.locations.size() - 1);
      });
  if (!is_new) table_.lines.resize(location.line_begin);
  Own(owners_.locations[mapped], owner_);
  return mapped;
}

uint32_t SymbolInterner::Node(DatasetStacks& stacks, uint32_t parent, uint32_t location) {
  const bool is_root = parent == 0;
  for (uint32_t c = is_root ? stacks.first_child : links_[parent].first_child; c != 0; c = links_[c].next) {
    if (table_.stacks[c].location == location) return c;
  }
  const StackNode node{parent, location};
  const uint32_t count = is_root ? stacks.child_count : links_[parent].child_count;
  if (count > kListedMax) {
    const uint32_t found = stacks.index.Find(MixHash(parent, location), [&](uint32_t e) { return table_.stacks[e] == node; });
    if (found != kUnmapped) return found;
  }
  return AddNode(stacks, parent, location);
}

uint32_t SymbolInterner::AddNode(DatasetStacks& stacks, uint32_t parent, uint32_t location) {
  table_.stacks.push_back({parent, location});
  links_.push_back({});
  const uint32_t added = static_cast<uint32_t>(table_.stacks.size() - 1);
  Link(stacks, added);
  return added;
}

size_t SymbolInterner::MemoryBytes() const {
  size_t n = table_.MemoryBytes() + location_adds_.capacity() * sizeof(uint32_t) + links_.capacity() * sizeof(Links);
  for (const auto* owners : {&owners_.strings, &owners_.functions, &owners_.mappings, &owners_.locations,
                             &owners_.stacks}) {
    n += owners->capacity() * sizeof(uint32_t);
  }
  for (const Index* index : {&strings_, &functions_, &mappings_, &locations_}) {
    n += index->slots.capacity() * sizeof(uint64_t);
  }
  for (const DatasetStacks& stacks : stacks_of_owner_) n += stacks.index.slots.capacity() * sizeof(uint64_t);
  return n;
}

}  // namespace brazier::block
