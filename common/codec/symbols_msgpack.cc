#include "common/codec/symbols_msgpack.h"

namespace brazier::codec {
namespace {

auto TieFunctionRecord(Function& f) {
  return std::tie(f.name, f.system_name, f.filename, f.start_line);
}
auto TieMapping(Mapping& m) {
  return std::tie(m.memory_start, m.memory_limit, m.file_offset, m.filename, m.build_id, m.flags);
}
auto TieLine(Line& l) { return std::tie(l.function, l.line); }

// Location with its flag as a byte: the bytes of a bool that came over a wire cannot be trusted to
// be 0 or 1.
struct FlatLocation {
  uint64_t address = 0;
  uint32_t mapping = 0;
  uint32_t line_begin = 0;
  uint32_t line_count = 0;
  uint8_t is_folded = 0;
};
auto TieLocation(FlatLocation& l) {
  return std::tie(l.address, l.mapping, l.line_begin, l.line_count, l.is_folded);
}

static_assert(sizeof(StackNode) == 8 && offsetof(StackNode, location) == 4);

}  // namespace

void WriteStrings(MsgpackWriter& out, const StringTable& strings) {
  std::vector<uint32_t> lengths(strings.size());
  for (uint32_t i = 0; i < strings.size(); ++i) {
    lengths[i] = static_cast<uint32_t>(strings.Get(i).size());
  }
  out.Key("string_lengths");
  out.Column(lengths);
  out.Key("string_bytes");
  out.BinHeader(strings.bytes());
  for (uint32_t i = 0; i < strings.size(); ++i) {
    out.Raw(strings.Get(i).data(), strings.Get(i).size());
  }
}

bool StringColumns::Read(MsgpackReader& in, std::string_view key) {
  if (key == "string_lengths") {
    in.Column(lengths_);
  } else if (key == "string_bytes") {
    bytes_ = in.Bin();
  } else {
    return false;
  }
  return true;
}

StringTable StringColumns::Make(MsgpackReader& in) const {
  StringTable strings;
  if (!in.ok()) return strings;
  uint64_t total = 0;
  for (uint32_t length : lengths_) total += length;
  if (total != bytes_.size()) {
    in.Fail("the lengths of the strings sum to " + std::to_string(total) + ", their bytes are " +
            std::to_string(bytes_.size()));
    return strings;
  }
  if (!lengths_.empty() && lengths_[0] != 0) {
    in.Fail("string 0 is not empty");
    return strings;
  }
  strings.Reserve(lengths_.size() + 1, bytes_.size());
  size_t position = 0;
  for (size_t i = 1; i < lengths_.size(); ++i) {  // string 0 is there already
    strings.Add(AsString(bytes_.subspan(position, lengths_[i])));
    position += lengths_[i];
  }
  return strings;
}

void WriteLabels(MsgpackWriter& out, const Labels& labels) {
  out.Array(labels.size() * 2);
  for (const Label& label : labels) {
    out.Str(label.name);
    out.Str(label.value);
  }
}

Labels ReadLabels(MsgpackReader& in) {
  const size_t count = in.Array(2 * kLabelsPerSeriesMax);
  if (count % 2 != 0) in.Fail("a label name without a value");
  std::vector<Label> labels;
  for (size_t i = 0; i < count && in.ok(); i += 2) {
    const std::string_view name = in.Str();
    const std::string_view value = in.Str();
    if (!labels.empty() && in.ok() && labels.back().name >= name) {
      in.Fail("labels are not in ascending order of their names");
    }
    labels.push_back({std::string(name), std::string(value)});
  }
  return in.ok() ? Labels(std::move(labels)) : Labels();
}

void WriteSymbols(MsgpackWriter& out, const SymbolTable& symbols) {
  std::vector<FlatLocation> locations;
  locations.reserve(symbols.locations.size());
  for (const Location& l : symbols.locations) {
    locations.push_back(
        {l.address, l.mapping, l.line_begin, l.line_count, l.is_folded ? uint8_t{1} : uint8_t{0}});
  }
  out.Map(kStringTableKeys + 5);
  WriteStrings(out, symbols.strings);
  out.Key("functions");
  WriteRecords(out, symbols.functions, TieFunctionRecord);
  out.Key("mappings");
  WriteRecords(out, symbols.mappings, TieMapping);
  out.Key("lines");
  WriteRecords(out, symbols.lines, TieLine);
  out.Key("locations");
  WriteRecords(out, locations, TieLocation);
  out.Key("stacks");
  out.Column(symbols.stacks);
}

SymbolTable ReadSymbols(MsgpackReader& in) {
  SymbolTable symbols;
  StringColumns strings;
  std::vector<FlatLocation> locations;
  for (size_t n = in.Map(); n > 0 && in.ok(); --n) {
    const std::string_view key = in.Str();
    if (strings.Read(in, key)) continue;
    if (key == "functions") {
      ReadRecords(in, symbols.functions, TieFunctionRecord);
    } else if (key == "mappings") {
      ReadRecords(in, symbols.mappings, TieMapping);
    } else if (key == "lines") {
      ReadRecords(in, symbols.lines, TieLine);
    } else if (key == "locations") {
      ReadRecords(in, locations, TieLocation);
    } else if (key == "stacks") {
      in.Column(symbols.stacks);
    } else {
      in.Skip();
    }
  }
  if (!symbols.stacks.empty() && symbols.stacks[0].parent != 0)
    in.Fail("the root of the stacks has a parent");
  symbols.strings = strings.Make(in);
  symbols.locations.reserve(locations.size());
  for (const FlatLocation& l : locations) {
    symbols.locations.push_back(
        {l.address, l.mapping, l.line_begin, l.line_count, l.is_folded != 0});
  }
  return symbols;
}

size_t SymbolsBytes(const SymbolTable& symbols) {
  return 256 + symbols.strings.bytes() + 4 * symbols.strings.size() +
         20 * symbols.functions.size() + 33 * symbols.mappings.size() + 12 * symbols.lines.size() +
         21 * symbols.locations.size() + 8 * symbols.stacks.size();
}

}  // namespace brazier::codec
