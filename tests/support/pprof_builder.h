// PprofBuilder: writes pprof messages for tests, good ones and broken ones, with nothing but the wire format.
//
// Use: Type(), Function(), Location(), Sample() and so on, then Build(). Strings are interned; raw indexes can be given to
// break things. The string table is written last unless strings_first is set. Header only; Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace brazier::testing {

inline void AppendVarint(std::string& out, uint64_t v) {
  for (; v >= 0x80; v >>= 7) out += static_cast<char>(v | 0x80);
  out += static_cast<char>(v);
}

// The fields of one protobuf message.
class WireMessage {
 public:
  WireMessage& Number(uint32_t field, uint64_t v) {
    AppendVarint(bytes_, field << 3);
    AppendVarint(bytes_, v);
    return *this;
  }
  WireMessage& Text(uint32_t field, std::string_view s) {
    AppendVarint(bytes_, field << 3 | 2);
    AppendVarint(bytes_, s.size());
    bytes_ += s;
    return *this;
  }
  WireMessage& Packed(uint32_t field, const std::vector<uint64_t>& values) {
    std::string packed;
    for (uint64_t v : values) AppendVarint(packed, v);
    return Text(field, packed);
  }
  WireMessage& Raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class PprofBuilder {
 public:
  struct SampleLabel {
    std::string key;
    std::string value;   // a text label, unless empty
    int64_t number = 0;  // else a number
  };

  PprofBuilder() { String(""); }

  bool strings_first = false;
  bool packed = true;  // location ids and values

  uint64_t String(std::string_view s) {
    const auto [it, is_new] = string_ids_.emplace(s, strings_.size());
    if (is_new) strings_.emplace_back(s);
    return it->second;
  }
  PprofBuilder& Type(std::string_view type, std::string_view unit) {
    body_.Text(1, ValueType(type, unit));
    return *this;
  }
  PprofBuilder& Period(std::string_view type, std::string_view unit, int64_t period) {
    body_.Text(11, ValueType(type, unit)).Number(12, static_cast<uint64_t>(period));
    return *this;
  }
  PprofBuilder& Time(int64_t time_ns, int64_t duration_ns) {
    body_.Number(9, static_cast<uint64_t>(time_ns)).Number(10, static_cast<uint64_t>(duration_ns));
    return *this;
  }
  PprofBuilder& Mapping(uint64_t id, uint64_t start, uint64_t limit, std::string_view file, std::string_view build_id,
                        bool has_functions) {
    WireMessage m;
    m.Number(1, id).Number(2, start).Number(3, limit).Number(4, 0x40).Number(5, String(file)).Number(6, String(build_id));
    if (has_functions) m.Number(7, 1);
    body_.Text(3, m.bytes());
    return *this;
  }
  PprofBuilder& Function(uint64_t id, std::string_view name, std::string_view file = "", int64_t start_line = 0) {
    WireMessage m;
    m.Number(1, id).Number(2, String(name)).Number(3, String(name)).Number(4, String(file));
    m.Number(5, static_cast<uint64_t>(start_line));
    body_.Text(5, m.bytes());
    return *this;
  }
  // `lines`: (function id, line), innermost first.
  PprofBuilder& Location(uint64_t id, const std::vector<std::pair<uint64_t, int64_t>>& lines, uint64_t address = 0,
                         uint64_t mapping = 0) {
    WireMessage m;
    m.Number(1, id).Number(2, mapping).Number(3, address);
    for (const auto& [function, line] : lines) {
      m.Text(4, WireMessage().Number(1, function).Number(2, static_cast<uint64_t>(line)).bytes());
    }
    body_.Text(4, m.bytes());
    return *this;
  }
  // `locations`: leaf first.
  PprofBuilder& Sample(const std::vector<uint64_t>& locations, const std::vector<int64_t>& values,
                       const std::vector<SampleLabel>& labels = {}) {
    WireMessage m;
    const std::vector<uint64_t> numbers(values.begin(), values.end());
    if (packed) {
      m.Packed(1, locations).Packed(2, numbers);
    } else {
      for (uint64_t id : locations) m.Number(1, id);
      for (uint64_t v : numbers) m.Number(2, v);
    }
    for (const SampleLabel& label : labels) {
      WireMessage l;
      l.Number(1, String(label.key));
      if (!label.value.empty()) l.Number(2, String(label.value));
      if (label.value.empty()) l.Number(3, static_cast<uint64_t>(label.number));
      m.Text(3, l.bytes());
    }
    body_.Text(2, m.bytes());
    return *this;
  }
  // Any field of the profile, as it is.
  PprofBuilder& Field(uint32_t field, std::string_view message) {
    body_.Text(field, message);
    return *this;
  }

  std::string Build() const {
    WireMessage table;
    for (const std::string& s : strings_) table.Text(6, s);
    return strings_first ? table.bytes() + body_.bytes() : body_.bytes() + table.bytes();
  }

 private:
  std::string ValueType(std::string_view type, std::string_view unit) {
    return WireMessage().Number(1, String(type)).Number(2, String(unit)).bytes();
  }

  WireMessage body_;
  std::vector<std::string> strings_;
  std::map<std::string, uint64_t, std::less<>> string_ids_;
};

}  // namespace brazier::testing
