// Columns, all varints ("delta": zig-zag difference to the entry before):
//   numbers: counts of strings, functions, mappings, locations, lines, stacks; then
//     string lengths; functions: name (delta), system name (0: as name, else id + 1), file (delta), start line (signed);
//     mappings: memory start, size, file offset, file, build id, flags;
//     locations: mapping, address (delta), lines * 2 + folded; lines: function (delta), line (signed).
//   text: the strings' bytes.
//   shape, steps, fresh, known: the stacks as a tree in pre-order (stack_tree_codec.h).
// Version 1 of the format, still read, and sections without stacks: stacks, one part in place of these four: parents
// (distance back to the parent), then locations (delta).
#include "store/block/section_symbols.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "common/base/check.h"
#include "common/base/varint.h"
#include "common/model/stack_order.h"
#include "store/block/stack_tree_codec.h"

namespace brazier::block {
namespace {

// Sorts the entries of one column into chunks and numbers them. Entry 0 of columns that every table begins with is
// implied, never written.
void Number(const std::vector<uint32_t>& owners, bool first_is_implied, uint32_t dataset_count,
            std::vector<SymbolNumbering::Chunk>& chunks,
            std::vector<uint32_t> SymbolNumbering::Chunk::*column, std::vector<uint32_t>& ids) {
  const uint32_t first = first_is_implied ? 1 : 0;
  const uint32_t size = static_cast<uint32_t>(owners.size());
  // Entries of one owner mostly follow each other: what is done for each run of them need not be done for each entry.
  auto for_each_run = [&](auto visit) {
    for (uint32_t begin = first, end = first; begin < size; begin = end) {
      const uint32_t owner = owners[begin];
      while (end < size && owners[end] == owner) ++end;
      visit(owner == SymbolOwners::kShared ? dataset_count : owner, begin, end);
    }
  };
  std::vector<uint32_t> counts(dataset_count + 1);
  for_each_run([&](uint32_t chunk, uint32_t begin, uint32_t end) { counts[chunk] += end - begin; });
  // Per chunk: where its next entry goes, and the id that one gets.
  struct Next {
    uint32_t* entry;
    uint32_t id;
  };
  std::vector<Next> next(dataset_count + 1);
  const uint32_t shared_count = first + counts[dataset_count];
  for (uint32_t c = 0; c <= dataset_count; ++c) {
    (chunks[c].*column).resize(counts[c]);
    next[c] = {(chunks[c].*column).data(), c == dataset_count ? first : shared_count};
  }
  ids.resize(size);
  for_each_run([&](uint32_t chunk, uint32_t begin, uint32_t end) {
    Next& n = next[chunk];
    std::iota(n.entry, n.entry + (end - begin), begin);
    std::iota(ids.begin() + begin, ids.begin() + end, n.id);
    n.entry += end - begin;
    n.id += end - begin;
  });
}

// Stacks get their numbers in pre-order, dataset by dataset; each belongs to one dataset, as its parent does.
void NumberStacks(const std::vector<StackNode>& stacks, const std::vector<uint32_t>& owners, uint32_t dataset_count,
                  std::vector<SymbolNumbering::Chunk>& chunks, std::vector<uint32_t>& ids) {
  std::vector<uint32_t> sizes(dataset_count);
  for (size_t i = 1; i < owners.size(); ++i) {
    CHECK(owners[i] < dataset_count);
    ++sizes[owners[i]];
  }
  for (uint32_t d = 0; d < dataset_count; ++d) chunks[d].stacks.reserve(sizes[d]);
  ids.resize(stacks.size());
  for (const uint32_t node : PreOrder(stacks)) {
    if (node == 0) continue;
    std::vector<uint32_t>& own = chunks[owners[node]].stacks;
    own.push_back(node);
    ids[node] = static_cast<uint32_t>(own.size());
  }
}

int64_t Delta(uint32_t value, uint32_t before) {
  return static_cast<int64_t>(value) - static_cast<int64_t>(before);
}

constexpr size_t kParts = 6;
constexpr size_t kPartsOfVersion1 = 3;

Status Corrupt(const std::string& what) { return Corruption("symbols: " + what); }

}  // namespace

SymbolNumbering::SymbolNumbering(const SymbolInterner& interner, uint32_t dataset_count)
    : chunks_(dataset_count + 1) {
  const SymbolOwners& owners = interner.Owners();
  Number(owners.strings, true, dataset_count, chunks_, &Chunk::strings, strings_);
  Number(owners.functions, false, dataset_count, chunks_, &Chunk::functions, functions_);
  Number(owners.mappings, true, dataset_count, chunks_, &Chunk::mappings, mappings_);
  Number(owners.locations, false, dataset_count, chunks_, &Chunk::locations, locations_);
  NumberStacks(interner.table().stacks, owners.stacks, dataset_count, chunks_, stacks_);
}

SymbolNumbering::Parts SymbolNumbering::Encode(const SymbolTable& table, const Chunk& chunk) const {
  Parts parts;
  ByteWriter w;
  uint64_t line_count = 0;
  for (uint32_t id : chunk.locations) line_count += table.locations[id].line_count;
  for (uint64_t n : {chunk.strings.size(), chunk.functions.size(), chunk.mappings.size(),
                     chunk.locations.size(), line_count, chunk.stacks.size()}) {
    w.Varint(n);
  }
  // Strings that follow each other in the table are copied at once.
  std::string_view run;
  for (uint32_t id : chunk.strings) {
    const std::string_view s = table.strings.Get(id);
    if (s.data() == run.data() + run.size()) {
      run = {run.data(), run.size() + s.size()};
    } else {
      parts.text.append(run);
      run = s;
    }
  }
  parts.text.append(run);
  w.Varints(chunk.strings.size(), [&](size_t i) { return table.strings.Get(chunk.strings[i]).size(); });
  // Columns of the functions, the mappings and the locations of the chunk.
  auto functions = [&](auto value) {
    w.Varints(chunk.functions.size(), [&](size_t i) { return value(table.functions[chunk.functions[i]]); });
  };
  auto locations = [&](auto value) {
    w.Varints(chunk.locations.size(), [&](size_t i) { return value(table.locations[chunk.locations[i]]); });
  };
  // A column of ids that are written as differences.
  auto difference = [last = uint32_t{0}](uint32_t next) mutable {
    return ZigZag(Delta(next, std::exchange(last, next)));
  };
  functions([&, delta = difference](const Function& f) mutable { return delta(strings_[f.name]); });
  functions([&](const Function& f) { return f.system_name == f.name ? 0 : uint64_t{strings_[f.system_name]} + 1; });
  functions([&, delta = difference](const Function& f) mutable { return delta(strings_[f.filename]); });
  functions([&](const Function& f) { return ZigZag(f.start_line); });
  for (uint32_t id : chunk.mappings) {
    const Mapping& m = table.mappings[id];
    w.Varint(m.memory_start);
    w.Varint(m.memory_limit - m.memory_start);
    w.Varint(m.file_offset);
    w.Varint(strings_[m.filename]);
    w.Varint(strings_[m.build_id]);
    w.Varint(m.flags);
  }
  locations([&](const Location& l) { return mappings_[l.mapping]; });
  locations([&, address = uint64_t{0}](const Location& l) mutable {
    return ZigZag(static_cast<int64_t>(l.address - std::exchange(address, l.address)));
  });
  locations([&](const Location& l) { return uint64_t{l.line_count} * 2 + l.is_folded; });
  auto delta = difference;
  for (uint32_t id : chunk.locations) {
    const Location& location = table.locations[id];
    for (uint32_t i = 0; i < location.line_count; ++i) {
      w.Varint(delta(functions_[table.lines[location.line_begin + i].function]));
    }
  }
  for (uint32_t id : chunk.locations) {
    const Location& location = table.locations[id];
    for (uint32_t i = 0; i < location.line_count; ++i) {
      w.Signed(table.lines[location.line_begin + i].line);
    }
  }
  parts.numbers = w.Take();

  if (!chunk.stacks.empty()) {
    std::vector<StackNode> nodes(chunk.stacks.size());
    for (size_t i = 0; i < nodes.size(); ++i) {
      const StackNode& node = table.stacks[chunk.stacks[i]];
      nodes[i] = {stacks_[node.parent], locations_[node.location]};
    }
    // All that the dataset can refer to: the shared locations, and its own.
    parts.stacks = EncodeStackTree(nodes, static_cast<uint32_t>(shared().locations.size() + chunk.locations.size()));
  }
  return parts;
}

SymbolMark MarkOf(const SymbolTable& table) {
  auto size = [](const auto& column) { return static_cast<uint32_t>(column.size()); };
  return {table.strings.size(), size(table.functions), size(table.mappings),
          size(table.lines),    size(table.locations), size(table.stacks)};
}

void TruncateTo(const SymbolMark& mark, SymbolTable* table) {
  table->strings.Truncate(mark.strings);
  table->functions.resize(mark.functions);
  table->mappings.resize(mark.mappings);
  table->lines.resize(mark.lines);
  table->locations.resize(mark.locations);
  table->stacks.resize(mark.stacks);
}

namespace {

// Reads one chunk; counts were checked against the bytes there are before anything is allocated.
class SymbolDecoder {
 public:
  explicit SymbolDecoder(const std::vector<std::string>& parts, SymbolTable* table)
      : r_(AsBytes(parts[1])), text_(AsBytes(parts[0])), t_(*table) {
    if (parts.size() == kPartsOfVersion1) {
      is_tree_ = false;
      stacks_ = ByteReader(AsBytes(parts[2]));
    } else {
      tree_ = {AsBytes(parts[2]), AsBytes(parts[3]), AsBytes(parts[4]), AsBytes(parts[5])};
    }
  }

  Status Run() {
    strings_ = r_.Count();
    functions_ = r_.Count(3);
    mappings_ = r_.Count(6);
    locations_ = r_.Count(3);
    lines_ = r_.Count(2);
    nodes_ = r_.Varint();
    const size_t nodes_max = is_tree_ ? std::min(tree_.shape.size(), tree_.steps.size()) : stacks_.remaining() / 2;
    if (!r_.ok() || nodes_ > nodes_max) return Corrupt("a count is wrong");
    RETURN_IF_ERROR(ReadStrings());
    RETURN_IF_ERROR(ReadFunctions());
    RETURN_IF_ERROR(ReadMappings());
    RETURN_IF_ERROR(ReadLocations());
    if (is_tree_) {
      RETURN_IF_ERROR(DecodeStackTree(tree_, nodes_, static_cast<uint32_t>(t_.locations.size()), &t_.stacks));
    } else {
      RETURN_IF_ERROR(ReadStacks());
    }
    return r_.AtEnd() && stacks_.AtEnd() ? Status::Ok() : Corrupt("there are bytes left over");
  }

 private:
  Status ReadStrings() {
    t_.strings.Reserve(t_.strings.size() + strings_, t_.strings.bytes() + text_.size());
    size_t at = 0;
    for (uint64_t i = 0; i < strings_; ++i) {
      const uint64_t size = r_.Varint();
      if (size > text_.size() - at) return Corrupt("text is truncated");
      t_.strings.Add(AsString(text_.subspan(at, size)));
      at += size;
    }
    return r_.ok() && at == text_.size() ? Status::Ok() : Corrupt("text has the wrong size");
  }

  Status ReadFunctions() {
    const size_t begin = t_.functions.size();
    t_.functions.resize(begin + functions_);
    const std::span<Function> out(t_.functions.data() + begin, functions_);
    const uint32_t string_count = t_.strings.size();
    uint32_t bad = 0;
    uint32_t value = 0;
    for (Function& f : out) {
      value += static_cast<uint32_t>(r_.Signed());
      bad |= value >= string_count;
      f.name = value;
    }
    for (Function& f : out) {
      const uint64_t v = r_.Varint();
      bad |= v > string_count;
      f.system_name = v == 0 ? f.name : static_cast<uint32_t>(v - 1);
    }
    value = 0;
    for (Function& f : out) {
      value += static_cast<uint32_t>(r_.Signed());
      bad |= value >= string_count;
      f.filename = value;
    }
    for (Function& f : out) f.start_line = r_.Signed();
    return bad || !r_.ok() ? Corrupt("a function is wrong") : Status::Ok();
  }

  Status ReadMappings() {
    for (uint64_t i = 0; i < mappings_; ++i) {
      Mapping m;
      m.memory_start = r_.Varint();
      m.memory_limit = m.memory_start + r_.Varint();
      m.file_offset = r_.Varint();
      const uint64_t filename = r_.Varint();
      const uint64_t build_id = r_.Varint();
      m.flags = static_cast<uint8_t>(r_.Varint());
      if (filename >= t_.strings.size() || build_id >= t_.strings.size()) {
        return Corrupt("a mapping is wrong");
      }
      m.filename = static_cast<uint32_t>(filename);
      m.build_id = static_cast<uint32_t>(build_id);
      t_.mappings.push_back(m);
    }
    return r_.ok() ? Status::Ok() : Corrupt("mappings are truncated");
  }

  Status ReadLocations() {
    const size_t begin = t_.locations.size();
    t_.locations.resize(begin + locations_);
    const std::span<Location> out(t_.locations.data() + begin, locations_);
    uint32_t bad = 0;
    for (Location& l : out) {
      const uint64_t mapping = r_.Varint();
      bad |= mapping >= t_.mappings.size();
      l.mapping = static_cast<uint32_t>(mapping);
    }
    uint64_t address = 0;
    for (Location& l : out) l.address = address += static_cast<uint64_t>(r_.Signed());
    const size_t line_begin = t_.lines.size();
    uint64_t line = 0;
    for (Location& l : out) {
      const uint64_t v = r_.Varint();
      l.is_folded = v & 1;
      l.line_begin = static_cast<uint32_t>(line_begin + line);
      if ((v >> 1) > lines_ - line) return Corrupt("a location has too many lines");
      l.line_count = static_cast<uint32_t>(v >> 1);
      line += l.line_count;
    }
    if (line != lines_) return Corrupt("lines are left over");
    t_.lines.resize(line_begin + lines_);
    const std::span<Line> lines(t_.lines.data() + line_begin, lines_);
    uint32_t function = 0;
    for (Line& l : lines) {
      function += static_cast<uint32_t>(r_.Signed());
      bad |= function >= t_.functions.size();
      l.function = function;
    }
    for (Line& l : lines) l.line = r_.Signed();
    return bad || !r_.ok() ? Corrupt("a location is wrong") : Status::Ok();
  }

  Status ReadStacks() {
    const size_t begin = t_.stacks.size();
    t_.stacks.resize(begin + nodes_);
    uint32_t bad = 0;
    for (size_t i = begin; i < t_.stacks.size(); ++i) {
      const uint64_t distance = stacks_.Varint();
      bad |= distance == 0 || distance > i;
      t_.stacks[i].parent = static_cast<uint32_t>(i - distance);
    }
    uint32_t location = 0;
    for (size_t i = begin; i < t_.stacks.size(); ++i) {
      location += static_cast<uint32_t>(stacks_.Signed());
      bad |= location >= t_.locations.size();
      t_.stacks[i].location = location;
    }
    return bad || !stacks_.ok() ? Corrupt("a stack is wrong") : Status::Ok();
  }

  ByteReader r_;
  Bytes text_;
  bool is_tree_ = true;
  StackTreeBytes tree_;
  ByteReader stacks_{Bytes()};
  SymbolTable& t_;
  uint64_t strings_ = 0, functions_ = 0, mappings_ = 0, locations_ = 0, lines_ = 0, nodes_ = 0;
};

}  // namespace

Status DecodeSymbols(const std::vector<std::string>& parts, SymbolTable* table) {
  if (parts.size() != kPartsOfVersion1 && parts.size() != kParts) {
    return Corrupt("the section has " + std::to_string(parts.size()) + " parts, not three or six");
  }
  return SymbolDecoder(parts, table).Run();
}

}  // namespace brazier::block
