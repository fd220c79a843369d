// FunctionStacks: which stacks of a symbol table have a function that a report of function usage means. Keeps its memory from table
// to table. Thread-compatible.
#pragma once

#include <cstdint>
#include <vector>

#include "common/model/function_matcher.h"
#include "common/model/symbol_table.h"

namespace brazier::query_backend {

class FunctionStacks {
 public:
  // REQUIRES: FunctionMatcher(report) is OK
  explicit FunctionStacks(const ReportRequest& report);

  // Whether the table has such a function at all: without one, no sample needs to be read.
  bool AreIn(const SymbolTable& symbols);
  // For all stacks. False, and nothing matched, when it has none.
  bool Match(const SymbolTable& symbols);
  bool Has(uint32_t stack) const { return has_[stack] != 0; }

 private:
  void MatchLocations(const SymbolTable& symbols);

  const Matcher matcher_;
  std::vector<uint8_t> is_function_;  // by function
  std::vector<uint8_t> is_location_;
  std::vector<uint8_t> has_;          // by stack
};

}  // namespace brazier::query_backend
