// SymbolInterner: one tenant's symbols in the block being built, each distinct one once, with the dataset that uses
// it. At the end strings, functions, mappings and locations that two or more datasets use form the shared chunk; the
// others, and all stacks, the chunk of their dataset: a narrow query reads only its own and the shared part.
//
// Add() maps a batch's stacks to stacks of the block; only what the samples refer to is taken over. It notes the
// dataset at each symbol when the batch first refers to it. Memory grows with the number of distinct symbols.
// Thread-compatible.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/model/profile.h"
#include "common/model/symbol_table.h"

namespace brazier::block {

// The dataset that uses each entry of a symbol table's columns.
struct SymbolOwners {
  static constexpr uint32_t kShared = 0xFFFFFFFF;   // two or more datasets
  static constexpr uint32_t kNoOwner = 0xFFFFFFFE;  // none yet
  std::vector<uint32_t> strings, functions, mappings, locations, stacks;
};

class SymbolInterner {
 public:
  SymbolInterner();

  // What the caller knows of the stack tree of a table: kDistinct when no node has two children with equal locations,
  // as a decoder's tree; then a dataset's first table is taken over without looking its nodes up.
  enum class Tree { kAny, kDistinct };
  // Entries here of the entries that several tables begin with, as the datasets of one object do with what they share: then
  // these are looked up once. Each column is as long as what they share, kUnmapped where nothing referred to it yet.
  struct CommonEntries {
    std::vector<uint32_t> strings, functions, mappings, locations;
    size_t MemoryBytes() const {
      return (strings.size() + functions.size() + mappings.size() + locations.size()) * sizeof(uint32_t);
    }
  };
  // Of a table that holds nothing but what others begin with.
  static CommonEntries CommonOf(const SymbolTable& shared);
  // Takes over what `stacks` (nodes of `symbols`) refer to, for dataset `owner`; replaces each by its node here.
  void Add(const SymbolTable& symbols, uint32_t owner, std::span<uint32_t> stacks, Tree tree = Tree::kAny,
           CommonEntries* common = nullptr);

  const SymbolTable& table() const { return table_; }
  // Of all columns of table(), as they are now.
  const SymbolOwners& Owners() const { return owners_; }
  size_t MemoryBytes() const;

 private:
  static constexpr uint32_t kUnmapped = 0xFFFFFFFF;

  // An open-addressing index over one column: entry + 1 in the high half of a slot, the low half of the hash in the
  // low one. A power of two, at most half full.
  struct Index {
    std::vector<uint64_t> slots;
    uint32_t count = 0;
    // The entry for which equal(entry) holds, or what append() returns after appending one.
    template <typename Equal, typename Append>
    uint32_t FindOrAdd(uint64_t hash, Equal equal, Append append);
    template <typename Equal>
    uint32_t Find(uint64_t hash, Equal equal) const;  // kUnmapped: there is none. REQUIRES: slots
    void Grow();
    void Reserve(size_t entries);
  };

  // The stacks of one dataset. The nodes of its first table are linked when a second one comes. Children are found in a list: a tree in
  // pre-order meets another such tree in about the same order, so that the list lies near. Those of a node with many are found by hash.
  struct DatasetStacks {
    uint32_t first_child = 0;  // of the root, which all datasets have in common
    uint32_t child_count = 0;
    Index index;               // children beyond kListedMax
    uint32_t unlinked_begin = 0, unlinked_end = 0;  // nodes
    bool is_empty = true;
  };
  struct Links {
    uint32_t first_child = 0, next = 0;  // nodes, 0: none
    uint32_t child_count = 0;
  };
  static constexpr uint32_t kListedMax = 8;

  // Makes room for as many tables like this one, which is the first, and for the little that any use needs.
  void ReserveFor(const SymbolTable& symbols, size_t times);
  // The entry here of an entry of the batch in hand.
  uint32_t String(uint32_t id) { return Mapped(string_map_, id, &SymbolInterner::InternString); }
  uint32_t FunctionOf(uint32_t id) { return Mapped(function_map_, id, &SymbolInterner::InternFunction); }
  uint32_t MappingOf(uint32_t id) { return Mapped(mapping_map_, id, &SymbolInterner::InternMapping); }
  uint32_t LocationOf(uint32_t id) { return Mapped(location_map_, id, &SymbolInterner::InternLocation); }
  uint32_t Mapped(std::vector<uint32_t>& map, uint32_t id, uint32_t (SymbolInterner::*intern)(uint32_t)) {
    if (map[id] == kUnmapped) map[id] = (this->*intern)(id);
    return map[id];
  }
  // Likewise, the first time that the batch refers to it.
  template <typename Mark, typename Find>
  uint32_t Common(std::vector<uint32_t> CommonEntries::*column, uint32_t id, Mark mark, Find find);
  uint32_t FindString(uint32_t id);
  uint32_t FindFunction(uint32_t id);
  uint32_t FindMapping(uint32_t id);
  uint32_t FindLocation(uint32_t id);
  // The batch in hand uses an entry here, and so what it refers to.
  void UseFunction(uint32_t entry);
  void UseMapping(uint32_t entry);
  void UseLocation(uint32_t entry);
  uint32_t InternString(uint32_t id);
  uint32_t InternFunction(uint32_t id);
  uint32_t InternMapping(uint32_t id);
  uint32_t InternLocation(uint32_t id);
  uint32_t Node(DatasetStacks& stacks, uint32_t parent, uint32_t location);
  uint32_t AddNode(DatasetStacks& stacks, uint32_t parent, uint32_t location);
  // Makes a node that is in the table a child of its parent.
  void Link(DatasetStacks& stacks, uint32_t node);
  void LinkNodes(DatasetStacks& stacks);

  SymbolTable table_;
  SymbolOwners owners_;
  Index strings_, functions_, mappings_, locations_;
  // Stacks are looked up among those of their dataset only: services hardly share stacks, and a table of one service
  // stays in the processor's cache where one of all services does not (a miss per node was a third of ingest).
  std::vector<DatasetStacks> stacks_of_owner_;
  std::vector<Links> links_;  // per stack that is linked
  std::vector<uint32_t> location_adds_;  // per location, the call of Add() that referred to it last
  // Of the batch in hand: its table, its owner, and old id -> new id.
  const SymbolTable* source_ = nullptr;
  CommonEntries* common_ = nullptr;
  uint32_t owner_ = 0;
  uint32_t adds_ = 0;               // calls of Add() so far
  bool has_equal_locations_ = false;  // two of its locations have become one
  std::vector<uint32_t> string_map_, function_map_, mapping_map_, location_map_, stack_map_;
  std::vector<uint8_t> used_;
};

}  // namespace brazier::block
