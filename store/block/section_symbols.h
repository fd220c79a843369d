// The symbols sections: a chunk of a tenant's symbols as columns. The shared chunk comes first; a dataset's own chunk
// continues its numbering, so that ids in a dataset's sections run over "shared, then own".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/symbol_table.h"
#include "store/block/stack_tree_codec.h"
#include "store/block/symbol_interner.h"

namespace brazier::block {

// Final ids of one tenant's symbols: shared entries count from 0, those of a dataset from the number of shared ones.
class SymbolNumbering {
 public:
  // `dataset_count`: owners are below it.
  SymbolNumbering(const SymbolInterner& interner, uint32_t dataset_count);

  struct Chunk {
    std::vector<uint32_t> strings, functions, mappings, locations;  // interner ids, ascending
    std::vector<uint32_t> stacks;                                   // interner ids, in pre-order
    bool empty() const { return strings.empty() && locations.empty() && stacks.empty(); }
  };
  const Chunk& shared() const { return chunks_.back(); }
  const Chunk& own(uint32_t dataset) const { return chunks_[dataset]; }
  uint32_t StackId(uint32_t interner_stack) const { return stacks_[interner_stack]; }

  // The parts of the section, for AppendSection.
  struct Parts {
    std::string text, numbers;
    StackTreeColumns stacks;  // empty without stacks
  };
  Parts Encode(const SymbolTable& table, const Chunk& chunk) const;

 private:
  std::vector<Chunk> chunks_;  // per dataset, then the shared one
  std::vector<uint32_t> strings_, functions_, mappings_, locations_, stacks_;  // interner id -> final id
};

// What a decoded table held before a chunk was appended, to take the chunk back.
struct SymbolMark {
  uint32_t strings, functions, mappings, lines, locations, stacks;
};
SymbolMark MarkOf(const SymbolTable& table);
void TruncateTo(const SymbolMark& mark, SymbolTable* table);

// Appends a chunk to `table` (a fresh table for the shared chunk). kCorruption when references are out of range.
Status DecodeSymbols(const std::vector<std::string>& parts, SymbolTable* table);

}  // namespace brazier::block
