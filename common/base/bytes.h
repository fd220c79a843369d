// Bytes: spans over raw memory and the few conversions between them and strings.
// A Bytes value never owns; whoever passes it keeps the memory alive for the call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace brazier {

using Bytes = std::span<const uint8_t>;

inline Bytes AsBytes(std::string_view s) {
  return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
}
inline std::string_view AsString(Bytes b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

}  // namespace brazier
