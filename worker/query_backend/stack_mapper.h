// StackMapper: finds the stacks of a dataset in a flame tree, by the names that flame graphs show. Keeps its memory from
// dataset to dataset. Thread-compatible.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/model/flame_tree.h"
#include "common/model/symbol_table.h"

namespace brazier::query_backend {

// The name of a function that flame graphs show, and that call sites are compared with.
std::string_view ShownName(const SymbolTable& symbols, uint32_t function);

// Calls frame(name) for each function of a location, the outermost first.
template <typename F>
void ForEachFrame(const SymbolTable& symbols, const Location& location, const F& frame) {
  if (location.line_count == 0) frame(std::string_view(UnsymbolizedName(symbols, location)));
  for (uint32_t l = location.line_count; l-- > 0;) frame(ShownName(symbols, symbols.lines[location.line_begin + l].function));
}

class StackMapper {
 public:
  // Finds or adds the nodes of `stacks` (ascending) and of what is above them. Each stack node is looked up once, in the
  // order of its id, however many stacks pass through it.
  void Map(const SymbolTable& symbols, std::span<const uint32_t> stacks, FlameTreeBuilder& tree);
  // REQUIRES: the stack was among those mapped last, or above one of them
  uint32_t node(uint32_t stack) const { return nodes_[stack]; }

 private:
  uint32_t FrameName(const SymbolTable& symbols, const Location& location, FlameTreeBuilder& tree);
  uint32_t Descend(const SymbolTable& symbols, uint32_t node, const Location& location, FlameTreeBuilder& tree);
  uint32_t NameOf(const SymbolTable& symbols, uint32_t function, FlameTreeBuilder& tree);

  std::vector<uint8_t> is_needed_;     // by stack
  std::vector<uint32_t> nodes_;        // stack -> tree node, where needed
  std::vector<uint32_t> names_;        // function -> tree name
  std::vector<uint32_t> frame_names_;  // location -> tree name, kSeveral
};

}  // namespace brazier::query_backend
