#include "common/model/symbol_table.h"

#include <charconv>

namespace brazier {

void StringTable::Append(const StringTable& other) {
  const uint32_t base = static_cast<uint32_t>(bytes_.size());
  bytes_.append(other.bytes_);
  for (size_t i = 1; i < other.offsets_.size(); ++i) offsets_.push_back(base + other.offsets_[i]);
}

Status SymbolTable::Validate() const {
  const uint32_t string_count = strings.size();
  for (const Function& f : functions) {
    if (f.name >= string_count || f.system_name >= string_count || f.filename >= string_count) {
      return InvalidArgument("symbols: a function refers to a string that does not exist");
    }
  }
  for (const Mapping& m : mappings) {
    if (m.filename >= string_count || m.build_id >= string_count) {
      return InvalidArgument("symbols: a mapping refers to a string that does not exist");
    }
  }
  for (const Line& l : lines) {
    if (l.function >= functions.size()) {
      return InvalidArgument("symbols: a line refers to a function that does not exist");
    }
  }
  for (const Location& l : locations) {
    if (l.mapping >= mappings.size()) {
      return InvalidArgument("symbols: a location refers to a mapping that does not exist");
    }
    if (l.line_begin > lines.size() || l.line_count > lines.size() - l.line_begin) {
      return InvalidArgument("symbols: a location refers to lines that do not exist");
    }
  }
  if (mappings.empty() || stacks.empty()) {
    return InvalidArgument("symbols: mapping 0 or stack 0 is missing");
  }
  for (size_t i = 1; i < stacks.size(); ++i) {
    if (stacks[i].parent >= i) {
      return InvalidArgument("symbols: a stack node does not come after its parent");
    }
    if (stacks[i].location >= locations.size()) {
      return InvalidArgument("symbols: a stack node refers to a location that does not exist");
    }
  }
  return Status::Ok();
}

size_t SymbolTable::MemoryBytes() const {
  return strings.bytes() + strings.size() * sizeof(uint32_t) +
         functions.capacity() * sizeof(Function) + mappings.capacity() * sizeof(Mapping) +
         lines.capacity() * sizeof(Line) + locations.capacity() * sizeof(Location) +
         stacks.capacity() * sizeof(StackNode);
}

std::string UnsymbolizedName(const SymbolTable& symbols, const Location& location) {
  std::string_view binary = symbols.strings.Get(symbols.mappings[location.mapping].filename);
  if (const size_t slash = binary.rfind('/'); slash != std::string_view::npos) {
    binary.remove_prefix(slash + 1);
  }
  char digits[17];
  const auto end = std::to_chars(digits, digits + sizeof(digits), location.address, 16);
  std::string name(binary.empty() ? "unknown" : binary);
  name += "!0x";
  name.append(digits, end.ptr);
  return name;
}

}  // namespace brazier
