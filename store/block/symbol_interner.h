// SymbolInterner: one tenant's symbols in the block being built, each distinct one once, with the dataset that uses
// it. At the end symbols that two or more datasets use form the shared chunk, the others the chunk of their dataset,
// so that a narrow query reads only its own and the shared part.
//
// Add() maps a batch's stacks to stacks of the block; only what the samples refer to is taken over. Memory grows with
// the number of distinct symbols. Thread-compatible.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/model/profile.h"
#include "common/model/symbol_table.h"

namespace brazier::block {

class SymbolInterner {
 public:
  static constexpr uint32_t kShared = 0xFFFFFFFF;  // owner: two or more datasets
  static constexpr uint32_t kNoOwner = 0xFFFFFFFE;

  SymbolInterner();

  // Takes over what `stacks` (nodes of `symbols`) refer to, for dataset `owner`; replaces each by its node here.
  void Add(const SymbolTable& symbols, uint32_t owner, std::span<uint32_t> stacks);

  const SymbolTable& table() const { return table_; }
  // Owner of each entry, parallel to the columns of table().
  const std::vector<uint32_t>& string_owners() const { return strings_.owners; }
  const std::vector<uint32_t>& function_owners() const { return functions_.owners; }
  const std::vector<uint32_t>& mapping_owners() const { return mappings_.owners; }
  const std::vector<uint32_t>& location_owners() const { return locations_.owners; }
  const std::vector<uint32_t>& stack_owners() const { return stacks_.owners; }
  size_t MemoryBytes() const;

 private:
  // An open-addressing index over one column: slots hold entry + 1; entries keep their hash.
  struct Index {
    std::vector<uint32_t> slots;
    std::vector<uint64_t> hashes;
    std::vector<uint32_t> owners;
    void Own(uint32_t entry, uint32_t owner) {
      uint32_t& o = owners[entry];
      if (o != owner) o = o == kNoOwner ? owner : kShared;
    }
    template <typename Equal>
    uint32_t Find(uint64_t hash, Equal equal) const;
    void Insert(uint64_t hash, uint32_t owner);
    void Grow();
  };

  uint32_t String(uint32_t id);
  uint32_t FunctionOf(uint32_t id);
  uint32_t MappingOf(uint32_t id);
  uint32_t LocationOf(uint32_t id);
  uint32_t Node(uint32_t parent, uint32_t location);

  SymbolTable table_;
  Index strings_, functions_, mappings_, locations_, stacks_;
  // Of the batch in hand: its table, its owner, and old id -> new id.
  const SymbolTable* source_ = nullptr;
  uint32_t owner_ = kNoOwner;
  std::vector<uint32_t> string_map_, function_map_, mapping_map_, location_map_, stack_map_;
  std::vector<uint8_t> used_;
};

}  // namespace brazier::block
