// Decoding in two passes over one buffer:
//   1. The top level: where each sample, location, function, mapping and string lies; the scalars.
//   2. Mappings, functions and locations become columns; then each sample's location list is walked from the root into
//      the stack tree, reusing the part of the path that it shares with the sample before.
// The string table may come last, so nothing is resolved in pass 1.
#include "common/codec/pprof.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>

#include "common/codec/text.h"
#include "common/model/profile_id.h"
#include "common/codec/wire_reader.h"
#include "common/model/stack_tree_builder.h"

namespace brazier::codec {
namespace {

constexpr uint32_t kNone = 0xFFFFFFFF;

// Errors are made out of the way: their strings must not cost the loops that never fail their registers.
[[gnu::cold, gnu::noinline]] Status Malformed(std::string message) {
  return InvalidArgument("malformed pprof: " + std::move(message)).WithReason("malformed_profile");
}

// The client's 64-bit ids -> indexes. Ids are 1..n in nearly all profiles; others go through a hash map.
class IdMap {
 public:
  void Reset(size_t count, uint64_t id_max) {
    is_dense_ = id_max <= count * 4 + 1024;
    dense_.assign(is_dense_ ? id_max + 1 : 0, kNone);
    sparse_.clear();
  }
  void Set(uint64_t id, uint32_t index) {
    if (is_dense_) {
      dense_[id] = index;
    } else {
      sparse_[id] = index;
    }
  }
  size_t dense_size() const { return dense_.size(); }
  uint32_t Find(uint64_t id) const {
    if (is_dense_) return id < dense_.size() ? dense_[id] : kNone;
    auto it = sparse_.find(id);
    return it == sparse_.end() ? kNone : it->second;
  }

 private:
  bool is_dense_ = true;
  std::vector<uint32_t> dense_;
  std::unordered_map<uint64_t, uint32_t> sparse_;
};

struct RawLine {
  uint64_t function_id = 0;
  int64_t line = 0;
};

struct RawLocation {
  uint64_t id = 0;
  uint64_t mapping_id = 0;
  uint64_t address = 0;
  uint32_t line_begin = 0;
  uint32_t line_count = 0;
  bool is_folded = false;
  uint32_t output = kNone;  // index in the result; kNone until a sample uses it
};

struct RawFunction {
  uint64_t id = 0;
  int64_t name = 0;
  int64_t system_name = 0;
  int64_t filename = 0;
  int64_t start_line = 0;
  uint32_t output = kNone;
};

struct RawMapping {
  uint64_t id = 0;
  uint64_t memory_start = 0;
  uint64_t memory_limit = 0;
  uint64_t file_offset = 0;
  int64_t filename = 0;
  int64_t build_id = 0;
  uint8_t flags = 0;
  uint32_t output = kNone;
};

struct RawLabel {
  int64_t key = 0;
  int64_t value = 0;
  friend auto operator<=>(const RawLabel&, const RawLabel&) = default;
};

struct RawValueType {
  int64_t type = 0;
  int64_t unit = 0;
};

constexpr uint8_t kHasFunctions = 1;

// Memory that is reused from profile to profile on one thread.
struct Scratch {
  std::vector<Bytes> samples, mappings, locations, functions, strings;
  std::vector<RawValueType> sample_types;
  std::vector<RawMapping> raw_mappings;
  std::vector<RawFunction> raw_functions;
  std::vector<RawLocation> raw_locations;
  std::vector<RawLine> raw_lines;
  std::vector<uint32_t> string_ids;
  IdMap mapping_ids, function_ids, location_ids;
  std::vector<uint32_t> output_of_id;  // location id -> output location; kNone until seen; empty when ids are sparse
  StackTreeBuilder stack_tree;
  std::vector<uint32_t> frames;       // of one sample, leaf first, output locations
  std::vector<uint32_t> path;         // of the sample before, root first, output locations
  std::vector<uint32_t> path_nodes;   // their nodes
  std::vector<RawLabel> labels;
};

[[gnu::cold, gnu::noinline]] Status MalformedSample(std::string_view what, size_t position,
                                                   std::string_view fault) {
  return Malformed(std::string(what) + " " + std::to_string(position) + " " + std::string(fault));
}

// Reads the varint field with this one-byte tag, if it is what comes next.
[[gnu::always_inline]] inline bool ReadVarintField(uint8_t tag, const uint8_t*& at, const uint8_t* end, uint64_t* value) {
  if (at == end || *at != tag) return false;
  const uint8_t* field = at + 1;
  if (!ReadShortVarint(field, end, value)) return false;
  at = field;
  return true;
}

class PprofDecoder {
 public:
  PprofDecoder(Bytes data, const PprofLimits& limits, Scratch& scratch)
      : data_(data), limits_(limits), s_(scratch) {}

  Result<DecodedProfile> Run() {
    RETURN_IF_ERROR(ScanTopLevel());
    RETURN_IF_ERROR(CheckStrings());
    RETURN_IF_ERROR(ReadTypes());
    RETURN_IF_ERROR(ReadMappings());
    RETURN_IF_ERROR(ReadFunctions());
    RETURN_IF_ERROR(ReadLocations());
    RETURN_IF_ERROR(ReadSamples());
    return std::move(out_);
  }

 private:
  Status ScanTopLevel() {
    for (auto* list : {&s_.samples, &s_.mappings, &s_.locations, &s_.functions, &s_.strings}) {
      list->clear();
    }
    s_.sample_types.clear();
    WireReader reader(data_);
    while (reader.Next()) {
      // One field's size leads to the next one: without help each step would wait for memory.
      constexpr size_t kBytesAhead = 512;
      __builtin_prefetch(reader.position() + kBytesAhead);
      switch (reader.field()) {
        case 1: RETURN_IF_ERROR(ReadValueType(reader, &s_.sample_types.emplace_back())); break;
        case 2: RETURN_IF_ERROR(Keep(reader, "sample", &s_.samples)); break;
        case 3: RETURN_IF_ERROR(Keep(reader, "mapping", &s_.mappings)); break;
        case 4: RETURN_IF_ERROR(Keep(reader, "location", &s_.locations)); break;
        case 5: RETURN_IF_ERROR(Keep(reader, "function", &s_.functions)); break;
        case 6: RETURN_IF_ERROR(Keep(reader, "string table", &s_.strings)); break;
        case 9: out_.time_ns = reader.is_varint() ? reader.signed_value() : 0; break;
        case 10: out_.duration_ns = reader.is_varint() ? reader.signed_value() : 0; break;
        case 11: RETURN_IF_ERROR(ReadValueType(reader, &period_type_)); break;
        case 12: out_.period = reader.is_varint() ? reader.signed_value() : 0; break;
        default: break;  // frame filters, comments, default type: nothing that is stored
      }
    }
    if (!reader.ok()) return Malformed("the protobuf message is truncated or corrupt");
    if (s_.sample_types.empty()) return Malformed("it has no sample types");
    if (limits_.samples_max > 0 && s_.samples.size() > limits_.samples_max) {
      return InvalidArgument("profile has " + std::to_string(s_.samples.size()) +
                             " samples, the limit is " + std::to_string(limits_.samples_max))
          .WithReason("samples_limit");
    }
    return Status::Ok();
  }

  [[gnu::cold, gnu::noinline]] static Status WrongWireType(const char* what) {
    return Malformed(std::string(what) + " has the wrong wire type");
  }
  static Status Keep(const WireReader& reader, const char* what, std::vector<Bytes>* list) {
    if (!reader.is_bytes()) return WrongWireType(what);
    list->push_back(reader.bytes());
    return Status::Ok();
  }

  static Status ReadValueType(const WireReader& outer, RawValueType* type) {
    if (!outer.is_bytes()) return Malformed("value type has the wrong wire type");
    WireReader reader(outer.bytes());
    while (reader.Next()) {
      if (reader.field() == 1 && reader.is_varint()) type->type = reader.signed_value();
      if (reader.field() == 2 && reader.is_varint()) type->unit = reader.signed_value();
    }
    return reader.ok() ? Status::Ok() : Malformed("value type is truncated");
  }

  Status CheckStrings() {
    if (s_.strings.empty()) return Malformed("the string table is empty");
    if (!s_.strings[0].empty()) return Malformed("string 0 is not empty");
    for (size_t i = 0; i < s_.strings.size(); ++i) {
      if (!IsUtf8(s_.strings[i])) {
        return Malformed("string " + std::to_string(i) + " is not valid UTF-8");
      }
    }
    s_.string_ids.assign(s_.strings.size(), kNone);
    s_.string_ids[0] = 0;
    out_.symbols.strings.Reserve(s_.strings.size(), 0);
    return Status::Ok();
  }

  Status CheckStringIndex(int64_t index, const char* where, size_t position) const {
    if (index >= 0 && static_cast<size_t>(index) < s_.strings.size()) return Status::Ok();
    return Malformed(std::string(where) + " " + std::to_string(position) + ": string index " +
                     std::to_string(index) + " is out of range (the string table has " +
                     std::to_string(s_.strings.size()) + " entries)");
  }

  // REQUIRES: the index was checked.
  std::string_view StringAt(int64_t index) const {
    return AsString(s_.strings[static_cast<size_t>(index)]);
  }
  uint32_t OutputString(int64_t index) {
    uint32_t& id = s_.string_ids[static_cast<size_t>(index)];
    if (id == kNone) {
      id = out_.symbols.strings.Add(Utf8Suffix(StringAt(index), limits_.symbol_value_bytes_max));
    }
    return id;
  }

  Status ReadTypes() {
    for (size_t i = 0; i < s_.sample_types.size(); ++i) {
      RETURN_IF_ERROR(CheckStringIndex(s_.sample_types[i].type, "sample type", i));
      RETURN_IF_ERROR(CheckStringIndex(s_.sample_types[i].unit, "sample type", i));
      ValueType type{std::string(StringAt(s_.sample_types[i].type)),
                     std::string(StringAt(s_.sample_types[i].unit))};
      if (limits_.replace_dash_in_types) std::replace(type.type.begin(), type.type.end(), '-', '_');
      if (type.type.find('-') != std::string::npos) {
        return Malformed("sample type name \"" + type.type.substr(0, 128) + "\" contains '-'");
      }
      out_.sample_types.push_back(std::move(type));
    }
    RETURN_IF_ERROR(CheckStringIndex(period_type_.type, "period type", 0));
    RETURN_IF_ERROR(CheckStringIndex(period_type_.unit, "period type", 0));
    out_.period_type = {std::string(StringAt(period_type_.type)),
                        std::string(StringAt(period_type_.unit))};
    return Status::Ok();
  }

  Status ReadMappings() {
    s_.raw_mappings.clear();
    uint64_t id_max = 0;
    for (size_t i = 0; i < s_.mappings.size(); ++i) {
      RawMapping m;
      WireReader reader(s_.mappings[i]);
      while (reader.Next()) {
        if (!reader.is_varint()) continue;
        const uint64_t v = reader.value();
        switch (reader.field()) {
          case 1: m.id = v; break;
          case 2: m.memory_start = v; break;
          case 3: m.memory_limit = v; break;
          case 4: m.file_offset = v; break;
          case 5: m.filename = static_cast<int64_t>(v); break;
          case 6: m.build_id = static_cast<int64_t>(v); break;
          case 7: m.flags |= v ? kHasFunctions : 0; break;
          case 8: m.flags |= v ? 2 : 0; break;
          case 9: m.flags |= v ? 4 : 0; break;
          case 10: m.flags |= v ? 8 : 0; break;
          default: break;
        }
      }
      if (!reader.ok()) return Malformed("mapping " + std::to_string(i) + " is truncated");
      RETURN_IF_ERROR(CheckStringIndex(m.filename, "mapping", i));
      RETURN_IF_ERROR(CheckStringIndex(m.build_id, "mapping", i));
      id_max = std::max(id_max, m.id);
      s_.raw_mappings.push_back(m);
    }
    s_.mapping_ids.Reset(s_.raw_mappings.size(), id_max);
    for (size_t i = 0; i < s_.raw_mappings.size(); ++i) {
      s_.mapping_ids.Set(s_.raw_mappings[i].id, static_cast<uint32_t>(i));
    }
    return Status::Ok();
  }

  Status ReadFunctions() {
    s_.raw_functions.clear();
    uint64_t id_max = 0;
    for (size_t i = 0; i < s_.functions.size(); ++i) {
      RawFunction f;
      WireReader reader(s_.functions[i]);
      while (reader.Next()) {
        if (!reader.is_varint()) continue;
        switch (reader.field()) {
          case 1: f.id = reader.value(); break;
          case 2: f.name = reader.signed_value(); break;
          case 3: f.system_name = reader.signed_value(); break;
          case 4: f.filename = reader.signed_value(); break;
          case 5: f.start_line = reader.signed_value(); break;
          default: break;
        }
      }
      if (!reader.ok()) return Malformed("function " + std::to_string(i) + " is truncated");
      RETURN_IF_ERROR(CheckStringIndex(f.name, "function", i));
      RETURN_IF_ERROR(CheckStringIndex(f.system_name, "function", i));
      RETURN_IF_ERROR(CheckStringIndex(f.filename, "function", i));
      id_max = std::max(id_max, f.id);
      s_.raw_functions.push_back(f);
    }
    RepairZeroFunctionIds(id_max);
    s_.function_ids.Reset(s_.raw_functions.size(), id_max);
    for (size_t i = 0; i < s_.raw_functions.size(); ++i) {
      s_.function_ids.Set(s_.raw_functions[i].id, static_cast<uint32_t>(i));
    }
    return Status::Ok();
  }

  // Some .NET writers leave all function ids 0 and mean "the n-th function belongs to the n-th location".
  void RepairZeroFunctionIds(uint64_t& id_max) {
    functions_follow_locations_ =
        id_max == 0 && !s_.raw_functions.empty() && s_.functions.size() == s_.locations.size();
    if (!functions_follow_locations_) return;
    for (size_t i = 0; i < s_.raw_functions.size(); ++i) s_.raw_functions[i].id = i + 1;
    id_max = s_.raw_functions.size();
  }

  Status ReadLocations() {
    s_.raw_locations.assign(s_.locations.size(), RawLocation());
    s_.raw_lines.clear();
    uint64_t id_max = 0;
    for (size_t i = 0; i < s_.locations.size(); ++i) {
      RawLocation& location = s_.raw_locations[i];
      location.line_begin = static_cast<uint32_t>(s_.raw_lines.size());
      // What a location nearly always is is read in one go, the rest field by field.
      WireReader reader(Bytes(SkipPlainLocation(s_.locations[i], location), EndOf(s_.locations[i])));
      while (reader.Next()) {
        switch (reader.field()) {
          case 1: location.id = reader.is_varint() ? reader.value() : 0; break;
          case 2: location.mapping_id = reader.is_varint() ? reader.value() : 0; break;
          case 3: location.address = reader.is_varint() ? reader.value() : 0; break;
          case 4: RETURN_IF_ERROR(ReadLine(reader, i)); break;
          case 5: location.is_folded = reader.is_varint() && reader.value() != 0; break;
          default: break;
        }
      }
      if (!reader.ok()) return Malformed("location " + std::to_string(i) + " is truncated");
      location.line_count = static_cast<uint32_t>(s_.raw_lines.size()) - location.line_begin;
      if (location.id == 0) return Malformed("location " + std::to_string(i) + " has id 0");
      id_max = std::max(id_max, location.id);
    }
    s_.location_ids.Reset(s_.raw_locations.size(), id_max);
    s_.output_of_id.assign(s_.location_ids.dense_size(), kNone);
    for (size_t i = 0; i < s_.raw_locations.size(); ++i) {
      s_.location_ids.Set(s_.raw_locations[i].id, static_cast<uint32_t>(i));
    }
    return Status::Ok();
  }

  static const uint8_t* EndOf(Bytes bytes) { return bytes.data() + bytes.size(); }

  // Reads the id, the mapping, the address and the lines in the order and the form in which writers write them, as far as
  // they are so; the fields that are left begin where it returns.
  const uint8_t* SkipPlainLocation(Bytes bytes, RawLocation& location) {
    const uint8_t* at = bytes.data();
    const uint8_t* const end = EndOf(bytes);
    // Every number, also the last one of the location, is read as a word.
    constexpr size_t kSlack = 8;
    if (static_cast<size_t>(EndOf(data_) - end) < kSlack || functions_follow_locations_) return at;
    ReadVarintField(1 << 3, at, end, &location.id);
    ReadVarintField(2 << 3, at, end, &location.mapping_id);
    ReadVarintField(3 << 3, at, end, &location.address);
    while (end - at >= 2 && at[0] == (4 << 3 | WireReader::kBytes) && at[1] < 0x80 && at[1] <= end - at - 2) {
      const uint8_t* field = at + 2;
      const uint8_t* const line_end = field + at[1];
      RawLine line;
      uint64_t number = 0;
      ReadVarintField(1 << 3, field, line_end, &line.function_id);
      ReadVarintField(2 << 3, field, line_end, &number);
      if (field != line_end) break;
      line.line = static_cast<int64_t>(number);
      s_.raw_lines.push_back(line);
      at = line_end;
    }
    return at;
  }

  Status ReadLine(const WireReader& outer, size_t location) {
    if (!outer.is_bytes()) return Malformed("a line has the wrong wire type");
    RawLine line;
    WireReader reader(outer.bytes());
    while (reader.Next()) {
      if (reader.field() == 1 && reader.is_varint()) line.function_id = reader.value();
      if (reader.field() == 2 && reader.is_varint()) line.line = reader.signed_value();
    }
    if (!reader.ok()) return Malformed("a line is truncated");
    if (functions_follow_locations_ && line.function_id == 0) line.function_id = location + 1;
    s_.raw_lines.push_back(line);
    return Status::Ok();
  }

  uint32_t OutputMapping(uint64_t id) {
    const uint32_t index = id == 0 ? kNone : s_.mapping_ids.Find(id);
    if (index == kNone) return 0;
    RawMapping& raw = s_.raw_mappings[index];
    if (raw.output == kNone) {
      Mapping m;
      m.flags = raw.flags;
      m.filename = OutputString(raw.filename);
      m.build_id = OutputString(raw.build_id);
      // Where functions are known, addresses only tell processes of one binary apart: leaving them out lets equal
      // frames of different processes be one.
      if (!(raw.flags & kHasFunctions)) {
        m.memory_start = raw.memory_start;
        m.memory_limit = raw.memory_limit;
        m.file_offset = raw.file_offset;
      }
      raw.output = static_cast<uint32_t>(out_.symbols.mappings.size());
      out_.symbols.mappings.push_back(m);
    }
    return raw.output;
  }

  uint32_t OutputFunction(uint32_t index) {
    RawFunction& raw = s_.raw_functions[index];
    if (raw.output == kNone) {
      Function f;
      f.name = OutputString(raw.name);
      f.system_name = OutputString(raw.system_name);
      f.filename = OutputString(raw.filename);
      f.start_line = raw.start_line;
      raw.output = static_cast<uint32_t>(out_.symbols.functions.size());
      out_.symbols.functions.push_back(f);
    }
    return raw.output;
  }

  // An output that means "leave this frame out"; every real one is smaller.
  static constexpr uint32_t kEmptyFrame = kNone - 1;

  // Sets raw.output to the location in the result, or to kEmptyFrame for one that says nothing.
  Status OutputLocation(RawLocation& raw) {
    if (raw.line_count == 0 && raw.address == 0) {
      raw.output = kEmptyFrame;
      return Status::Ok();
    }
    Location location;
    location.mapping = OutputMapping(raw.mapping_id);
    const bool has_functions = out_.symbols.mappings[location.mapping].flags & kHasFunctions;
    location.address = has_functions && raw.line_count > 0 ? 0 : raw.address;
    location.is_folded = raw.is_folded;
    location.line_begin = static_cast<uint32_t>(out_.symbols.lines.size());
    location.line_count = raw.line_count;
    for (uint32_t i = 0; i < raw.line_count; ++i) {
      const RawLine& line = s_.raw_lines[raw.line_begin + i];
      const uint32_t function = s_.function_ids.Find(line.function_id);
      if (function == kNone) {
        return Malformed("location " + std::to_string(raw.id) + " refers to function " +
                         std::to_string(line.function_id) + ", which does not exist");
      }
      out_.symbols.lines.push_back({OutputFunction(function), line.line});
    }
    raw.output = static_cast<uint32_t>(out_.symbols.locations.size());
    out_.symbols.locations.push_back(location);
    return Status::Ok();
  }

  Status ReadSamples() {
    const size_t count = s_.samples.size();
    const size_t types = out_.sample_types.size();
    out_.stacks.reserve(count);
    // No more than what the message can hold, whatever its types claim.
    out_.values.reserve(std::min(count * types, data_.size()));
    // Nearly every location of a profile is used by a sample of it.
    out_.symbols.functions.reserve(s_.raw_functions.size());
    out_.symbols.locations.reserve(s_.raw_locations.size());
    out_.symbols.lines.reserve(s_.raw_lines.size());
    s_.stack_tree.Reset();
    s_.frames.resize(limits_.stack_depth_max);
    for (size_t i = 0; i < count; ++i) RETURN_IF_ERROR(ReadSample(i, types));
    out_.symbols.stacks = s_.stack_tree.Nodes();
    return Status::Ok();
  }

  Status ReadSample(size_t position, size_t types) {
    frame_count_ = 0;
    const size_t values_begin = out_.values.size();
    size_t label_count = 0;
    WireReader reader(s_.samples[position]);
    while (reader.Next()) {
      if (reader.field() == 1) {
        RETURN_IF_ERROR(ReadFrames(reader, position));
      } else if (reader.field() == 2) {
        RETURN_IF_ERROR(ReadValues(reader, values_begin + types, position));
      } else if (reader.field() == 3 && reader.is_bytes()) {
        if (++label_count > limits_.sample_labels_max) {
          return TooManyLabels(position);
        }
      }
    }
    if (!reader.ok()) return MalformedSample("sample", position, "is truncated");
    if (out_.values.size() - values_begin != types) return WrongValueCount(position, types);
    out_.stacks.push_back(InsertStack());
    if (label_count > 0) RETURN_IF_ERROR(ReadLabels(position));
    if (!out_.label_set.empty()) out_.label_set.resize(position + 1);
    if (!out_.span_ids.empty()) out_.span_ids.resize(position + 1);
    if (!out_.trace_ids.empty()) out_.trace_ids.resize(position + 1);
    return Status::Ok();
  }

  [[gnu::cold, gnu::noinline]] Status TooManyLabels(size_t position) const {
    return InvalidArgument("sample " + std::to_string(position) + " has more than " +
                           std::to_string(limits_.sample_labels_max) + " labels")
        .WithReason("sample_labels_limit");
  }
  [[gnu::cold, gnu::noinline]] static Status WrongValueCount(size_t position, size_t types) {
    return Malformed("sample " + std::to_string(position) + " does not have one value for each " +
                     "of the " + std::to_string(types) + " sample types");
  }

  // The hottest loop of ingest: one table look-up and one store per frame once its location has been seen.
  [[gnu::noinline]] Status ReadFrames(const WireReader& outer, size_t position) {
    if (outer.is_varint()) return AddFrame(outer.value(), position);
    if (!outer.is_bytes()) return Malformed("location ids have the wrong wire type");
    const uint32_t* const outputs = s_.output_of_id.data();
    const uint64_t known = s_.output_of_id.size();
    const size_t depth_max = limits_.stack_depth_max;
    const uint8_t* at = outer.bytes().data();
    const uint8_t* const end = at + outer.bytes().size();
    const uint8_t* const message_end = data_.data() + data_.size();
    uint32_t* const frames = s_.frames.data();
    // Ids below 2^14 take one byte or two, as good as at random: no branch tells which. A word holds four of them. Any
    // other id, and those at the end of the message, go byte by byte.
    while (at < end && message_end - at >= 8) {
      uint64_t word;
      std::memcpy(&word, at, 8);
      const uint8_t* const word_begin = at;
      for (int i = 0; i < 4 && at < end; ++i) {
        const uint64_t is_long = word >> 7 & 1;
        const uint64_t id = (word & 0x7F) | (word >> 1 & 0x3F80 & (0 - is_long));
        const uint8_t* const next = at + 1 + is_long;
        if ((word & 0x8080) == 0x8080 || next > end || id >= known) break;
        if (outputs[id] >= kEmptyFrame || frame_count_ >= depth_max) {
          RETURN_IF_ERROR(AddFrame(id, position));
        } else {
          frames[frame_count_++] = outputs[id];
        }
        word >>= 8 + 8 * is_long;
        at = next;
      }
      if (at == word_begin) break;
    }
    WireReader packed(Bytes(at, end));
    while (!packed.AtEnd()) {
      const uint64_t id = packed.ReadVarint();
      if (id < known && outputs[id] < kEmptyFrame && frame_count_ < depth_max) [[likely]] {
        s_.frames[frame_count_++] = outputs[id];
        continue;
      }
      if (!packed.ok()) return MalformedSample("sample", position, "is truncated");
      RETURN_IF_ERROR(AddFrame(id, position));
    }
    return Status::Ok();
  }

  // The frame of any location id: the first time, one that says nothing, or an id too sparse for the table.
  [[gnu::noinline]] Status AddFrame(uint64_t id, size_t position) {
    const uint32_t index = s_.location_ids.Find(id);
    if (index == kNone) [[unlikely]] {
      return MalformedSample("sample", position,
                             "refers to location " + std::to_string(id) + ", which does not exist");
    }
    RawLocation& raw = s_.raw_locations[index];
    if (raw.output == kNone) {
      RETURN_IF_ERROR(OutputLocation(raw));
      if (id < s_.output_of_id.size()) s_.output_of_id[id] = raw.output;
    }
    if (raw.output != kEmptyFrame && frame_count_ < limits_.stack_depth_max) {
      s_.frames[frame_count_++] = raw.output;
    }
    return Status::Ok();
  }

  // One value more than `end_max` allows is kept, so that the caller sees that there are too many.
  Status ReadValues(const WireReader& outer, size_t end_max, size_t position) {
    if (outer.is_varint()) {
      if (out_.values.size() <= end_max) out_.values.push_back(outer.signed_value());
      return Status::Ok();
    }
    if (!outer.is_bytes()) return Status::Ok();
    const uint8_t* at = outer.bytes().data();
    const uint8_t* const end = at + outer.bytes().size();
    const uint8_t* const message_end = data_.data() + data_.size();
    while (at < end && out_.values.size() <= end_max) {
      // What is longer than eight bytes or near the end of the message goes byte by byte.
      uint64_t value;
      if (message_end - at >= 8 && ReadShortVarint(at, end, &value)) {
        out_.values.push_back(static_cast<int64_t>(value));
        continue;
      }
      WireReader packed(Bytes(at, end));
      out_.values.push_back(static_cast<int64_t>(packed.ReadVarint()));
      if (!packed.ok()) return MalformedSample("the values of sample", position, "are truncated");
      at = packed.position();
    }
    return Status::Ok();
  }

  [[gnu::noinline]] uint32_t InsertStack() {
    const size_t depth = frame_count_;
    if (s_.path.size() < depth) {
      s_.path.resize(depth);
      s_.path_nodes.resize(depth);
    }
    const uint32_t* const leaf_first = s_.frames.data();
    uint32_t* const path = s_.path.data();
    uint32_t* const nodes = s_.path_nodes.data();
    const size_t shared_max = std::min(depth, path_depth_);
    size_t shared = 0;
    while (shared < shared_max && path[shared] == leaf_first[depth - 1 - shared]) ++shared;
    for (size_t i = shared; i < depth; ++i) path[i] = leaf_first[depth - 1 - i];
    const uint32_t parent = shared == 0 ? 0 : nodes[shared - 1];
    const uint32_t node =
        s_.stack_tree.Descend(parent, {path + shared, depth - shared}, nodes + shared);
    path_depth_ = depth;
    return node;
  }

  // Text labels of one sample: spans and traces become columns, the rest a label set. Numbers are dropped.
  Status ReadLabels(size_t position) {
    s_.labels.clear();
    uint64_t span_id = 0;
    Hash128 trace_id;
    WireReader sample(s_.samples[position]);
    while (sample.Next()) {
      if (sample.field() != 3 || !sample.is_bytes()) continue;
      RawLabel label;
      WireReader reader(sample.bytes());
      while (reader.Next()) {
        if (reader.field() == 1 && reader.is_varint()) label.key = reader.signed_value();
        if (reader.field() == 2 && reader.is_varint()) label.value = reader.signed_value();
      }
      if (!reader.ok()) return Malformed("a label of sample " + std::to_string(position) + " is truncated");
      RETURN_IF_ERROR(CheckStringIndex(label.key, "label key of sample", position));
      RETURN_IF_ERROR(CheckStringIndex(label.value, "label value of sample", position));
      const std::string_view key = StringAt(label.key);
      if (label.value == 0 || key.empty()) continue;
      if (key == "span_id" || key == "profile_id") {
        ParseSpanId(StringAt(label.value), &span_id);
      } else if (key == "trace_id") {
        ParseTraceId(StringAt(label.value), &trace_id);
      } else {
        s_.labels.push_back(label);
      }
    }
    if (span_id != 0) {
      out_.span_ids.resize(out_.stacks.size());
      out_.span_ids.back() = span_id;
    }
    if (!trace_id.IsZero()) {
      out_.trace_ids.resize(out_.stacks.size());
      out_.trace_ids.back() = trace_id;
    }
    if (!s_.labels.empty()) {
      out_.label_set.resize(out_.stacks.size());
      out_.label_set.back() = LabelSetOf(s_.labels);
    }
    return Status::Ok();
  }

  uint32_t LabelSetOf(std::vector<RawLabel>& labels) {
    std::sort(labels.begin(), labels.end());
    std::string key(reinterpret_cast<const char*>(labels.data()), labels.size() * sizeof(RawLabel));
    auto [it, is_new] =
        label_set_ids_.emplace(std::move(key), static_cast<uint32_t>(out_.label_sets.size()));
    if (is_new) {
      std::vector<Label> items;
      for (const RawLabel& l : labels) {
        items.push_back({std::string(StringAt(l.key)), std::string(StringAt(l.value))});
      }
      out_.label_sets.emplace_back(std::move(items));
    }
    return it->second;
  }

  Bytes data_;
  const PprofLimits& limits_;
  Scratch& s_;
  DecodedProfile out_;
  RawValueType period_type_;
  bool functions_follow_locations_ = false;
  size_t frame_count_ = 0;  // of the sample in hand, in s_.frames
  size_t path_depth_ = 0;   // of the sample before, in s_.path
  std::unordered_map<std::string, uint32_t> label_set_ids_;
};

}  // namespace

Result<DecodedProfile> DecodePprof(Bytes data, const PprofLimits& limits) {
  thread_local Scratch scratch;
  return PprofDecoder(data, limits, scratch).Run();
}

}  // namespace brazier::codec
