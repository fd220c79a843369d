// Appends protobuf fields to a string. Zero numbers are left out. Internal to server/http.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace brazier::http {

inline void AppendVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

inline void AppendNumberField(uint32_t field, int64_t value, std::string* out) {
  if (value == 0) return;
  AppendVarint(field << 3, out);
  AppendVarint(static_cast<uint64_t>(value), out);
}

inline void AppendDoubleField(uint32_t field, double value, std::string* out) {
  if (value == 0) return;
  AppendVarint(field << 3 | 1, out);
  const auto bits = std::bit_cast<uint64_t>(value);
  for (int shift = 0; shift < 64; shift += 8) out->push_back(static_cast<char>(bits >> shift));
}

inline void AppendBytesField(uint32_t field, std::string_view bytes, std::string* out) {
  AppendVarint(field << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

}  // namespace brazier::http
