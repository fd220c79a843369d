#include "common/model/go_pgo.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/saturating.h"
#include "common/model/stack_tree_builder.h"

namespace brazier {
namespace {

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

// Per location, the one that stands for it when it is a leaf: the same for all that differ only in where inside the called
// function they are.
class Callees {
 public:
  explicit Callees(SymbolTable* symbols) : symbols_(*symbols), callee_(symbols->locations.size(), kNone) {}

  uint32_t Of(uint32_t location) {
    if (symbols_.locations[location].line_count == 0) return location;
    if (callee_[location] == kNone) callee_[location] = FindOrAdd(location);
    return callee_[location];
  }

 private:
  uint32_t FindOrAdd(uint32_t index) {
    const auto [found, is_new] = by_key_.try_emplace(Key(index), static_cast<uint32_t>(symbols_.locations.size()));
    if (!is_new) return found->second;
    Location callee = symbols_.locations[index];
    const uint32_t from = std::exchange(callee.line_begin, static_cast<uint32_t>(symbols_.lines.size()));
    for (uint32_t k = 0; k < callee.line_count; ++k) {
      const Line line = symbols_.lines[from + k];
      symbols_.lines.push_back(line);
    }
    symbols_.lines[callee.line_begin].line = 0;
    callee.address = 0;
    symbols_.locations.push_back(callee);
    return found->second;
  }

  // What is left to tell locations apart.
  std::string Key(uint32_t index) const {
    const Location& location = symbols_.locations[index];
    std::string key;
    const auto append = [&key](auto value) { key.append(reinterpret_cast<const char*>(&value), sizeof value); };
    append(location.mapping);
    append(location.is_folded);
    for (uint32_t k = 0; k < location.line_count; ++k) {
      const Line& line = symbols_.lines[location.line_begin + k];
      append(line.function);
      append(k == 0 ? int64_t{0} : line.line);
    }
    return key;
  }

  SymbolTable& symbols_;
  std::vector<uint32_t> callee_;
  std::unordered_map<std::string, uint32_t> by_key_;
};

}  // namespace

void ApplyGoPgo(StackProfile* profile, uint32_t keep_locations, bool aggregate_callees) {
  SymbolTable& symbols = profile->symbols;
  const size_t keep = keep_locations == 0 ? std::numeric_limits<size_t>::max() : keep_locations;
  Callees callees(&symbols);
  StackTreeBuilder builder;
  std::vector<int64_t> sums;  // by node of the builder
  std::vector<bool> is_stack;
  std::vector<uint32_t> locations, path;
  for (size_t i = 0; i < profile->stacks.size(); ++i) {
    locations.clear();
    for (uint32_t node = profile->stacks[i]; node != 0 && locations.size() < keep; node = symbols.stacks[node].parent) {
      locations.push_back(symbols.stacks[node].location);
    }
    if (aggregate_callees && !locations.empty()) locations[0] = callees.Of(locations[0]);
    std::reverse(locations.begin(), locations.end());
    path.resize(locations.size());
    const uint32_t node = builder.Descend(0, locations, path.data());
    sums.resize(builder.size());
    is_stack.resize(builder.size());
    AddSaturating(&sums[node], profile->values[i]);
    is_stack[node] = true;
  }
  symbols.stacks = builder.Nodes();
  profile->stacks.clear();
  profile->values.clear();
  for (uint32_t node = 0; node < is_stack.size(); ++node) {
    if (!is_stack[node]) continue;
    profile->stacks.push_back(node);
    profile->values.push_back(sums[node]);
  }
}

}  // namespace brazier
