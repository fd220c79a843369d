#include "worker/query_backend/stack_mapper.h"

namespace brazier::query_backend {
namespace {

constexpr uint32_t kUnknown = 0xFFFFFFFF;
constexpr uint32_t kSeveral = 0xFFFFFFFE;  // calls are inlined at the location

}  // namespace

std::string_view ShownName(const SymbolTable& symbols, uint32_t function) {
  const Function& f = symbols.functions[function];
  const std::string_view name = symbols.strings.Get(f.name);
  return name.empty() ? symbols.strings.Get(f.system_name) : name;
}

void StackMapper::Map(const SymbolTable& symbols, std::span<const uint32_t> stacks, FlameTreeBuilder& tree) {
  if (stacks.empty()) return;
  // Of a dataset with several profile types, most stacks may belong to others: down to the root, mark what is needed.
  const size_t count = stacks.back() + size_t{1};
  is_needed_.assign(count, 0);
  for (uint32_t stack : stacks) is_needed_[stack] = 1;
  for (size_t i = count; i-- > 1;) {
    if (is_needed_[i]) is_needed_[symbols.stacks[i].parent] = 1;
  }
  names_.assign(symbols.functions.size(), kUnknown);
  frame_names_.assign(symbols.locations.size(), kUnknown);
  // Parents come first, so one sweep finds every node's parent in place.
  nodes_.resize(count);
  nodes_[0] = FlameTreeBuilder::kRoot;
  for (size_t i = 1; i < count; ++i) {
    if (!is_needed_[i]) continue;
    const StackNode& stack = symbols.stacks[i];
    const Location& location = symbols.locations[stack.location];
    uint32_t& name = frame_names_[stack.location];
    if (name == kUnknown) name = FrameName(symbols, location, tree);
    const uint32_t parent = nodes_[stack.parent];
    nodes_[i] = name != kSeveral ? tree.Child(parent, name) : Descend(symbols, parent, location, tree);
  }
}

uint32_t StackMapper::FrameName(const SymbolTable& symbols, const Location& location, FlameTreeBuilder& tree) {
  if (location.line_count == 0) return tree.NameId(UnsymbolizedName(symbols, location));
  if (location.line_count > 1) return kSeveral;
  return NameOf(symbols, symbols.lines[location.line_begin].function, tree);
}

// Lines are innermost first; frames go from the caller down.
uint32_t StackMapper::Descend(const SymbolTable& symbols, uint32_t node, const Location& location,
                              FlameTreeBuilder& tree) {
  for (uint32_t i = location.line_count; i-- > 0;) {
    node = tree.Child(node, NameOf(symbols, symbols.lines[location.line_begin + i].function, tree));
  }
  return node;
}

uint32_t StackMapper::NameOf(const SymbolTable& symbols, uint32_t function, FlameTreeBuilder& tree) {
  uint32_t& name = names_[function];
  if (name == kUnknown) name = tree.NameId(ShownName(symbols, function));
  return name;
}

}  // namespace brazier::query_backend
