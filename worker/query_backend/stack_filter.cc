#include "worker/query_backend/stack_filter.h"

#include "worker/query_backend/stack_mapper.h"

namespace brazier::query_backend {

static_assert(SampleFilter::kFunctionsMax <= 32, "a bit each");

void StackFilter::Match(const SymbolTable& symbols) {
  const auto& site = spec_.call_site;
  const auto& functions = spec_.filter.functions;
  const auto all = static_cast<uint32_t>((uint64_t{1} << functions.size()) - 1);
  states_.assign(symbols.stacks.size(), State());
  passes_.assign(symbols.stacks.size(), 0);
  if (!passes_.empty()) passes_[0] = site.empty() && functions.empty();
  for (size_t i = 1; i < symbols.stacks.size(); ++i) {
    // A mismatch passes on to everything below it.
    State state = states_[symbols.stacks[i].parent];
    ForEachFrame(symbols, symbols.locations[symbols.stacks[i].location], [&](std::string_view name) {
      if (state.depth < site.size()) state.depth = name == site[state.depth] ? state.depth + 1 : kMismatch;
      for (size_t f = 0; f < functions.size(); ++f) state.functions |= static_cast<uint32_t>(name == functions[f]) << f;
    });
    states_[i] = state;
    passes_[i] = state.depth == site.size() && state.functions == all;
  }
}

}  // namespace brazier::query_backend
