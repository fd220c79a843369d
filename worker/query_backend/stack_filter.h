// StackFilter: which stacks a query means: those that begin with its call site and have all of its functions. Matched for all stacks of
// a symbol table at once, parents first; keeps its memory from table to table. Thread-compatible.
#pragma once

#include <cstdint>
#include <vector>

#include "common/model/query.h"
#include "common/model/symbol_table.h"

namespace brazier::query_backend {

class StackFilter {
 public:
  // The spec outlives it.
  explicit StackFilter(const QuerySpec& spec) : spec_(spec) {}

  bool IsEmpty() const { return spec_.call_site.empty() && spec_.filter.functions.empty(); }
  void Match(const SymbolTable& symbols);
  // Of the table matched last.
  bool Passes(uint32_t stack) const { return passes_[stack] != 0; }

 private:
  // Of a stack: how many frames of the call site it has from the root, and which of the functions.
  struct State {
    uint32_t depth = 0;
    uint32_t functions = 0;
  };
  static constexpr uint32_t kMismatch = 0xFFFFFFFF;

  const QuerySpec& spec_;
  std::vector<State> states_;
  std::vector<uint8_t> passes_;
};

}  // namespace brazier::query_backend
