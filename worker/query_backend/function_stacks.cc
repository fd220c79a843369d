#include "worker/query_backend/function_stacks.h"

#include <algorithm>

#include "worker/query_backend/stack_mapper.h"

namespace brazier::query_backend {

FunctionStacks::FunctionStacks(const ReportRequest& report) : matcher_(FunctionMatcher(report).value()) {}

// A name is matched once, however many lines and stacks have it.
void FunctionStacks::MatchLocations(const SymbolTable& symbols) {
  is_function_.assign(symbols.functions.size(), 0);
  for (uint32_t f = 0; f < symbols.functions.size(); ++f) is_function_[f] = matcher_.Matches(ShownName(symbols, f));
  is_location_.assign(symbols.locations.size(), 0);
  for (size_t l = 0; l < symbols.locations.size(); ++l) {
    const Location& location = symbols.locations[l];
    if (location.line_count == 0) is_location_[l] = matcher_.Matches(UnsymbolizedName(symbols, location));
    for (uint32_t i = 0; i < location.line_count; ++i) {
      is_location_[l] |= is_function_[symbols.lines[location.line_begin + i].function];
    }
  }
}

bool FunctionStacks::AreIn(const SymbolTable& symbols) {
  MatchLocations(symbols);
  return std::find(is_location_.begin(), is_location_.end(), 1) != is_location_.end();
}

bool FunctionStacks::Match(const SymbolTable& symbols) {
  if (!AreIn(symbols)) return false;
  has_.assign(symbols.stacks.size(), 0);
  for (size_t i = 1; i < symbols.stacks.size(); ++i) {
    has_[i] = has_[symbols.stacks[i].parent] | is_location_[symbols.stacks[i].location];
  }
  return true;
}

}  // namespace brazier::query_backend
