// SymbolInterner: one tenant's symbols in the block being built, each distinct one once, with the dataset that uses
// it. At the end strings, functions, mappings and locations that two or more datasets use form the shared chunk; the
// others, and all stacks, the chunk of their dataset: a narrow query reads only its own and the shared part.
//
// Add() maps a batch's stacks to stacks of the block; only what the samples refer to is taken over. It notes the
// dataset at the stacks of samples alone; Owners() passes it on to ancestors, locations, functions and strings in one
// sweep, so that the hot look-ups touch nothing but the table and the entry. Memory grows with the number of distinct
// symbols. Thread-compatible.
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

  // Takes over what `stacks` (nodes of `symbols`) refer to, for dataset `owner`; replaces each by its node here.
  void Add(const SymbolTable& symbols, uint32_t owner, std::span<uint32_t> stacks);

  const SymbolTable& table() const { return table_; }
  SymbolOwners Owners() const;
  size_t MemoryBytes() const;

 private:
  // An open-addressing index over one column: entry + 1 in the high half of a slot, the low half of the hash in the
  // low one. A power of two, at most half full.
  struct Index {
    std::vector<uint64_t> slots;
    uint32_t count = 0;
    // The entry for which equal(entry) holds, or what append() returns after appending one.
    template <typename Equal, typename Append>
    uint32_t FindOrAdd(uint64_t hash, Equal equal, Append append);
    void Grow();
    void Reserve(size_t entries);
  };

  uint32_t String(uint32_t id);
  uint32_t FunctionOf(uint32_t id);
  uint32_t MappingOf(uint32_t id);
  uint32_t LocationOf(uint32_t id);
  uint32_t Node(Index& stacks, uint32_t parent, uint32_t location);

  SymbolTable table_;
  std::vector<uint32_t> stack_owners_;  // of stacks that samples end in; grown on demand
  Index strings_, functions_, mappings_, locations_;
  // Stacks are looked up among those of their dataset only: services hardly share stacks, and a table of one service
  // stays in the processor's cache where one of all services does not (a miss per node was a third of ingest).
  std::vector<Index> stacks_of_owner_;
  // Of the batch in hand: its table, and old id -> new id.
  const SymbolTable* source_ = nullptr;
  std::vector<uint32_t> string_map_, function_map_, mapping_map_, location_map_, stack_map_;
  std::vector<uint8_t> used_;
};

}  // namespace brazier::block
