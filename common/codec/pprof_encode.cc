// 1. Mark the stack nodes below which a sample lies; only their locations, and what those refer to, are written.
// 2. With a node limit: build the tree of function names, find the threshold, and cut every stack at the first
//    location whose innermost frame is below it; the cut part becomes one location "other". Equal stacks then merge.
// 3. Write the messages in table order; ids are positions, starting at 1.
#include "common/codec/pprof_encode.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <vector>

#include "common/model/flame_tree.h"

namespace brazier::codec {
namespace {

constexpr std::string_view kOther = "other";
constexpr int64_t kCpuPeriod = 1'000'000'000;
constexpr int64_t kMemoryPeriod = 512 * 1024;

// Field numbers of the pprof messages.
namespace field {
enum Profile : uint32_t {
  kSampleType = 1, kSample = 2, kMapping = 3, kLocation = 4, kFunction = 5, kString = 6,
  kTimeNanos = 9, kDurationNanos = 10, kPeriodType = 11, kPeriod = 12, kDefaultSampleType = 14,
};
}  // namespace field

// Appends protobuf fields. Zero values are left out, as proto3 has it.
class WireWriter {
 public:
  explicit WireWriter(std::string* out) : out_(out) {}
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      out_->push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    out_->push_back(static_cast<char>(value));
  }
  void Number(uint32_t field, uint64_t value) {
    if (value == 0) return;
    Varint(field << 3);
    Varint(value);
  }
  void Signed(uint32_t field, int64_t value) { Number(field, static_cast<uint64_t>(value)); }
  void Bytes(uint32_t field, std::string_view bytes) {
    Varint(field << 3 | 2);
    Varint(bytes.size());
    out_->append(bytes);
  }

 private:
  std::string* out_;
};

// The string table of the answer: the strings that are used, in order of first use. String 0 is "".
class Strings {
 public:
  explicit Strings(const StringTable& table) : table_(table), index_(table.size(), 0) { Fixed(""); }

  uint64_t Use(uint32_t id) {
    if (table_.Get(id).empty()) return 0;
    if (index_[id] == 0) {
      index_[id] = static_cast<uint32_t>(texts_.size());
      texts_.push_back(table_.Get(id));
    }
    return index_[id];
  }
  // A string that need not be in the table; looked for among all, so only for the few fixed ones. `text` outlives this.
  uint64_t Fixed(std::string_view text) {
    const auto at = std::find(texts_.begin(), texts_.end(), text);
    if (at != texts_.end()) return static_cast<uint64_t>(at - texts_.begin());
    texts_.push_back(text);
    return texts_.size() - 1;
  }
  const std::vector<std::string_view>& texts() const { return texts_; }

 private:
  const StringTable& table_;
  std::vector<uint32_t> index_;
  std::vector<std::string_view> texts_;
};

// A sample of the answer: a stack node, perhaps with a location "other" below it.
struct Row {
  uint32_t node = 0;
  bool folded = false;
  int64_t value = 0;
};

// Nodes on the path of some sample. Node 0 is always one of them.
std::vector<bool> UsedNodes(const StackProfile& profile) {
  const auto& nodes = profile.symbols.stacks;
  std::vector<bool> used(nodes.size());
  used[0] = true;
  for (uint32_t node : profile.stacks) {
    while (!used[node]) {
      used[node] = true;
      node = nodes[node].parent;
    }
  }
  return used;
}

// Per stack node, the node of its innermost frame in a tree of names.
std::vector<uint32_t> BuildNameTree(const StackProfile& profile, const std::vector<bool>& used,
                                    FlameTreeBuilder* builder) {
  const SymbolTable& symbols = profile.symbols;
  std::vector<uint32_t> frame(symbols.stacks.size(), FlameTreeBuilder::kRoot);
  for (size_t i = 1; i < symbols.stacks.size(); ++i) {
    if (!used[i]) continue;
    const Location& location = symbols.locations[symbols.stacks[i].location];
    uint32_t node = frame[symbols.stacks[i].parent];
    if (location.line_count == 0) {
      node = builder->Child(node, builder->NameId(UnsymbolizedName(symbols, location)));
    }
    for (uint32_t k = location.line_count; k-- > 0;) {
      const Line& line = symbols.lines[location.line_begin + k];
      const uint32_t name = symbols.functions[line.function].name;
      node = builder->Child(node, builder->NameId(symbols.strings.Get(name)));
    }
    frame[i] = node;
  }
  for (size_t i = 0; i < profile.stacks.size(); ++i) {
    builder->AddSelf(frame[profile.stacks[i]], profile.values[i]);
  }
  return frame;
}

std::vector<Row> PlainRows(const StackProfile& profile) {
  std::vector<Row> rows;
  rows.reserve(profile.stacks.size());
  for (size_t i = 0; i < profile.stacks.size(); ++i) {
    rows.push_back({profile.stacks[i], false, profile.values[i]});
  }
  return rows;
}

std::vector<Row> TruncatedRows(const StackProfile& profile, const std::vector<bool>& used,
                               int64_t max_nodes) {
  FlameTreeBuilder builder;
  const std::vector<uint32_t> frame = BuildNameTree(profile, used, &builder);
  if (builder.nodes() - 1 <= static_cast<size_t>(max_nodes)) return PlainRows(profile);
  const std::vector<int64_t> totals = builder.Finish().Totals();
  std::vector<int64_t> order(totals.begin() + 1, totals.end());
  const auto nth = order.begin() + (max_nodes - 1);
  std::nth_element(order.begin(), nth, order.end(), std::greater<>());
  const int64_t threshold = *nth;

  // The nearest node at or above each stack node that stays: its parent's, unless it stays itself.
  const auto& nodes = profile.symbols.stacks;
  std::vector<uint32_t> kept(nodes.size(), 0);
  for (size_t i = 1; i < nodes.size(); ++i) {
    const uint32_t parent = nodes[i].parent;
    const bool stays = used[i] && kept[parent] == parent && totals[frame[i]] >= threshold;
    kept[i] = stays ? static_cast<uint32_t>(i) : kept[parent];
  }
  std::vector<Row> rows;
  std::vector<uint32_t> at[2];  // row index + 1 per kept node: whole, folded
  at[0].resize(nodes.size());
  at[1].resize(nodes.size());
  for (size_t i = 0; i < profile.stacks.size(); ++i) {
    const uint32_t node = kept[profile.stacks[i]];
    const bool folded = node != profile.stacks[i];
    uint32_t& row = at[folded][node];
    if (row == 0) {
      rows.push_back({node, folded, 0});
      row = static_cast<uint32_t>(rows.size());
    }
    rows[row - 1].value += profile.values[i];
  }
  return rows;
}

int64_t PeriodOf(const ProfileType& type) {
  if (type.name == "process_cpu") return kCpuPeriod;
  if (type.name == "memory") return kMemoryPeriod;
  return 1;
}

class Encoder {
 public:
  Encoder(const StackProfile& profile, const ProfileType& type, int64_t time_ns)
      : profile_(profile), symbols_(profile.symbols), type_(type), time_ns_(time_ns),
        strings_(profile.symbols.strings), out_(&bytes_),
        location_id_(symbols_.locations.size()), function_id_(symbols_.functions.size()),
        mapping_id_(symbols_.mappings.size()) {}

  std::string Encode(const std::vector<Row>& rows) {
    type_index_ = strings_.Fixed(type_.sample_type);
    AppendValueType(field::kSampleType, type_.sample_type, type_.sample_unit);
    bool has_folded = false;
    MarkUsed(rows, &has_folded);
    for (const Row& row : rows) AppendSample(row);
    AppendMappings();
    AppendLocations(has_folded);
    AppendFunctions(has_folded);
    const bool has_period = !type_.period_type.empty() || !type_.period_unit.empty();
    out_.Signed(field::kTimeNanos, time_ns_);
    out_.Signed(field::kDurationNanos, profile_.duration_ns);
    if (has_period) AppendValueType(field::kPeriodType, type_.period_type, type_.period_unit);
    out_.Signed(field::kPeriod, PeriodOf(type_));
    out_.Number(field::kDefaultSampleType, type_index_);
    for (const std::string_view text : strings_.texts()) out_.Bytes(field::kString, text);
    return std::move(bytes_);
  }

 private:
  uint64_t OtherName() { return strings_.Fixed(kOther); }

  void AppendValueType(uint32_t number, std::string_view type, std::string_view unit) {
    scratch_.clear();
    WireWriter message(&scratch_);
    message.Number(1, strings_.Fixed(type));
    message.Number(2, strings_.Fixed(unit));
    out_.Bytes(number, scratch_);
  }

  // Ids in table order for every location, function and mapping that a row reaches.
  void MarkUsed(const std::vector<Row>& rows, bool* has_folded) {
    std::vector<bool> seen(symbols_.stacks.size());
    seen[0] = true;
    for (const Row& row : rows) {
      *has_folded |= row.folded;
      for (uint32_t node = row.node; !seen[node]; node = symbols_.stacks[node].parent) {
        seen[node] = true;
        location_id_[symbols_.stacks[node].location] = 1;
      }
    }
    uint64_t next = 0;
    for (size_t i = 0; i < location_id_.size(); ++i) {
      if (location_id_[i] == 0) continue;
      location_id_[i] = ++next;
      const Location& location = symbols_.locations[i];
      if (location.mapping != 0) mapping_id_[location.mapping] = 1;
      for (uint32_t k = 0; k < location.line_count; ++k) {
        function_id_[symbols_.lines[location.line_begin + k].function] = 1;
      }
    }
    other_location_ = next + 1;
    next = 0;
    for (uint64_t& id : function_id_) {
      if (id != 0) id = ++next;
    }
    other_function_ = next + 1;
    next = 0;
    for (uint64_t& id : mapping_id_) {
      if (id != 0) id = ++next;
    }
  }

  void AppendSample(const Row& row) {
    packed_.clear();
    WireWriter ids(&packed_);
    if (row.folded) ids.Varint(other_location_);
    for (uint32_t node = row.node; node != 0; node = symbols_.stacks[node].parent) {
      ids.Varint(location_id_[symbols_.stacks[node].location]);
    }
    scratch_.clear();
    WireWriter message(&scratch_);
    if (!packed_.empty()) message.Bytes(1, packed_);
    packed_.clear();
    ids.Varint(static_cast<uint64_t>(row.value));
    message.Bytes(2, packed_);
    out_.Bytes(field::kSample, scratch_);
  }

  void AppendMappings() {
    for (size_t i = 1; i < symbols_.mappings.size(); ++i) {
      if (mapping_id_[i] == 0) continue;
      const Mapping& mapping = symbols_.mappings[i];
      scratch_.clear();
      WireWriter message(&scratch_);
      message.Number(1, mapping_id_[i]);
      message.Number(2, mapping.memory_start);
      message.Number(3, mapping.memory_limit);
      message.Number(4, mapping.file_offset);
      message.Number(5, strings_.Use(mapping.filename));
      message.Number(6, strings_.Use(mapping.build_id));
      for (uint32_t bit = 0; bit < 4; ++bit) message.Number(7 + bit, (mapping.flags >> bit) & 1);
      out_.Bytes(field::kMapping, scratch_);
    }
  }

  void AppendLocations(bool has_folded) {
    for (size_t i = 0; i < symbols_.locations.size(); ++i) {
      if (location_id_[i] == 0) continue;
      const Location& location = symbols_.locations[i];
      scratch_.clear();
      WireWriter message(&scratch_);
      message.Number(1, location_id_[i]);
      message.Number(2, location.mapping == 0 ? 0 : mapping_id_[location.mapping]);
      message.Number(3, location.address);
      for (uint32_t k = 0; k < location.line_count; ++k) {
        const Line& line = symbols_.lines[location.line_begin + k];
        AppendLine(function_id_[line.function], line.line, &message);
      }
      message.Number(5, location.is_folded ? 1 : 0);
      out_.Bytes(field::kLocation, scratch_);
    }
    if (!has_folded) return;
    scratch_.clear();
    WireWriter message(&scratch_);
    message.Number(1, other_location_);
    AppendLine(other_function_, 0, &message);
    out_.Bytes(field::kLocation, scratch_);
  }

  void AppendLine(uint64_t function, int64_t number, WireWriter* location) {
    packed_.clear();
    WireWriter line(&packed_);
    line.Number(1, function);
    line.Signed(2, number);
    location->Bytes(4, packed_);
  }

  void AppendFunctions(bool has_folded) {
    for (size_t i = 0; i < symbols_.functions.size(); ++i) {
      if (function_id_[i] == 0) continue;
      const Function& function = symbols_.functions[i];
      scratch_.clear();
      WireWriter message(&scratch_);
      message.Number(1, function_id_[i]);
      message.Number(2, strings_.Use(function.name));
      message.Number(3, strings_.Use(function.system_name));
      message.Number(4, strings_.Use(function.filename));
      message.Signed(5, function.start_line);
      out_.Bytes(field::kFunction, scratch_);
    }
    if (!has_folded) return;
    scratch_.clear();
    WireWriter message(&scratch_);
    message.Number(1, other_function_);
    message.Number(2, OtherName());
    message.Number(3, OtherName());
    out_.Bytes(field::kFunction, scratch_);
  }

  const StackProfile& profile_;
  const SymbolTable& symbols_;
  const ProfileType& type_;
  const int64_t time_ns_;
  Strings strings_;
  std::string bytes_;
  WireWriter out_;
  std::string scratch_;  // one message
  std::string packed_;   // one part of it
  // Ids of what is written; 0: not written.
  std::vector<uint64_t> location_id_;
  std::vector<uint64_t> function_id_;
  std::vector<uint64_t> mapping_id_;
  uint64_t other_location_ = 0;
  uint64_t other_function_ = 0;
  uint64_t type_index_ = 0;
};

}  // namespace

std::string EncodePprof(const StackProfile& profile, const ProfileType& type, int64_t time_ns,
                        int64_t max_nodes) {
  const std::vector<Row> rows =
      max_nodes > 0 ? TruncatedRows(profile, UsedNodes(profile), max_nodes) : PlainRows(profile);
  return Encoder(profile, type, time_ns).Encode(rows);
}

}  // namespace brazier::codec
