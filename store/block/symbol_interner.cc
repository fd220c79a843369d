#include "store/block/symbol_interner.h"

#include "common/base/check.h"
#include "common/base/hash.h"

namespace brazier::block {
namespace {

constexpr uint32_t kNone = 0xFFFFFFFF;
constexpr size_t kSlotsMin = 1024;

}  // namespace

template <typename Equal>
uint32_t SymbolInterner::Index::Find(uint64_t hash, Equal equal) const {
  const size_t mask = slots.size() - 1;
  for (size_t slot = hash & mask; slots[slot] != 0; slot = (slot + 1) & mask) {
    const uint32_t entry = slots[slot] - 1;
    if (hashes[entry] == hash && equal(entry)) return entry;
  }
  return kNone;
}

void SymbolInterner::Index::Insert(uint64_t hash, uint32_t owner) {
  hashes.push_back(hash);
  owners.push_back(owner);
  if (hashes.size() * 2 > slots.size()) {
    Grow();
    return;
  }
  const size_t mask = slots.size() - 1;
  size_t slot = hash & mask;
  while (slots[slot] != 0) slot = (slot + 1) & mask;
  slots[slot] = static_cast<uint32_t>(hashes.size());
}

void SymbolInterner::Index::Grow() {
  size_t size = slots.empty() ? kSlotsMin : slots.size() * 2;
  slots.assign(size, 0);
  const size_t mask = size - 1;
  for (uint32_t entry = 0; entry < hashes.size(); ++entry) {
    size_t slot = hashes[entry] & mask;
    while (slots[slot] != 0) slot = (slot + 1) & mask;
    slots[slot] = entry + 1;
  }
}

SymbolInterner::SymbolInterner() {
  for (Index* index : {&strings_, &functions_, &mappings_, &locations_, &stacks_}) index->Grow();
  // The entries that every table begins with: "", "no mapping", the root. They belong to everyone.
  strings_.Insert(Hash64(std::string_view()), kShared);
  mappings_.Insert(0, kShared);
  stacks_.Insert(0, kShared);
}

void SymbolInterner::Add(const SymbolTable& symbols, uint32_t owner, std::span<uint32_t> stacks) {
  source_ = &symbols;
  owner_ = owner;
  string_map_.assign(symbols.strings.size(), kNone);
  function_map_.assign(symbols.functions.size(), kNone);
  mapping_map_.assign(symbols.mappings.size(), kNone);
  location_map_.assign(symbols.locations.size(), kNone);
  stack_map_.assign(symbols.stacks.size(), 0);
  used_.assign(symbols.stacks.size(), 0);
  string_map_[0] = 0;
  mapping_map_[0] = 0;

  for (uint32_t stack : stacks) used_[stack] = 1;
  for (size_t i = symbols.stacks.size(); i-- > 1;) used_[symbols.stacks[i].parent] |= used_[i];
  for (size_t i = 1; i < symbols.stacks.size(); ++i) {
    if (!used_[i]) continue;
    const StackNode& node = symbols.stacks[i];
    stack_map_[i] = Node(stack_map_[node.parent], LocationOf(node.location));
  }
  for (uint32_t& stack : stacks) stack = stack_map_[stack];
  source_ = nullptr;
}

uint32_t SymbolInterner::String(uint32_t id) {
  uint32_t& mapped = string_map_[id];
  if (mapped != kNone) return mapped;
  const std::string_view text = source_->strings.Get(id);
  const uint64_t hash = Hash64(text);
  mapped = strings_.Find(hash, [&](uint32_t e) { return table_.strings.Get(e) == text; });
  if (mapped == kNone) {
    mapped = table_.strings.Add(text);
    strings_.Insert(hash, owner_);
  } else {
    strings_.Own(mapped, owner_);
  }
  return mapped;
}

uint32_t SymbolInterner::FunctionOf(uint32_t id) {
  uint32_t& mapped = function_map_[id];
  if (mapped != kNone) return mapped;
  Function f = source_->functions[id];
  f.name = String(f.name);
  f.system_name = String(f.system_name);
  f.filename = String(f.filename);
  const uint64_t hash = MixHash(MixHash(f.name, f.system_name),
                                MixHash(f.filename, static_cast<uint64_t>(f.start_line)));
  mapped = functions_.Find(hash, [&](uint32_t e) { return table_.functions[e] == f; });
  if (mapped == kNone) {
    mapped = static_cast<uint32_t>(table_.functions.size());
    table_.functions.push_back(f);
    functions_.Insert(hash, owner_);
  } else {
    functions_.Own(mapped, owner_);
  }
  return mapped;
}

uint32_t SymbolInterner::MappingOf(uint32_t id) {
  uint32_t& mapped = mapping_map_[id];
  if (mapped != kNone) return mapped;
  Mapping m = source_->mappings[id];
  m.filename = String(m.filename);
  m.build_id = String(m.build_id);
  const uint64_t hash = MixHash(MixHash(m.memory_start, m.memory_limit),
                                MixHash(m.file_offset, (uint64_t{m.filename} << 32) | m.build_id));
  mapped = mappings_.Find(hash, [&](uint32_t e) { return table_.mappings[e] == m; });
  if (mapped == kNone) {
    mapped = static_cast<uint32_t>(table_.mappings.size());
    table_.mappings.push_back(m);
    mappings_.Insert(hash, owner_);
  } else {
    mappings_.Own(mapped, owner_);
  }
  return mapped;
}

uint32_t SymbolInterner::LocationOf(uint32_t id) {
  uint32_t& mapped = location_map_[id];
  if (mapped != kNone) return mapped;
  Location location = source_->locations[id];
  location.mapping = MappingOf(location.mapping);
  // The lines go in at the end of the table and are taken back when the location turns out to be known.
  const uint32_t source_begin = location.line_begin;
  location.line_begin = static_cast<uint32_t>(table_.lines.size());
  uint64_t hash = MixHash(location.address, (uint64_t{location.mapping} << 1) | location.is_folded);
  for (uint32_t i = 0; i < location.line_count; ++i) {
    const Line& line = source_->lines[source_begin + i];
    table_.lines.push_back({FunctionOf(line.function), line.line});
    hash = MixHash(hash, MixHash(table_.lines.back().function, static_cast<uint64_t>(line.line)));
  }
  mapped = locations_.Find(hash, [&](uint32_t e) {
    const Location& other = table_.locations[e];
    if (other.address != location.address || other.mapping != location.mapping ||
        other.line_count != location.line_count || other.is_folded != location.is_folded) {
      return false;
    }
    for (uint32_t i = 0; i < location.line_count; ++i) {
      if (!(table_.lines[other.line_begin + i] == table_.lines[location.line_begin + i])) return false;
    }
    return true;
  });
  if (mapped == kNone) {
    mapped = static_cast<uint32_t>(table_.locations.size());
    table_.locations.push_back(location);
    locations_.Insert(hash, owner_);
  } else {
    table_.lines.resize(location.line_begin);
    locations_.Own(mapped, owner_);
  }
  return mapped;
}

uint32_t SymbolInterner::Node(uint32_t parent, uint32_t location) {
  const StackNode node{parent, location};
  const uint64_t hash = MixHash(parent, location);
  uint32_t found = stacks_.Find(hash, [&](uint32_t e) { return e != 0 && table_.stacks[e] == node; });
  if (found == kNone) {
    found = static_cast<uint32_t>(table_.stacks.size());
    table_.stacks.push_back(node);
    stacks_.Insert(hash, owner_);
  } else {
    stacks_.Own(found, owner_);
  }
  return found;
}

size_t SymbolInterner::MemoryBytes() const {
  size_t n = table_.MemoryBytes();
  for (const Index* index : {&strings_, &functions_, &mappings_, &locations_, &stacks_}) {
    n += index->slots.capacity() * sizeof(uint32_t) + index->hashes.capacity() * sizeof(uint64_t) +
         index->owners.capacity() * sizeof(uint32_t);
  }
  return n;
}

}  // namespace brazier::block
