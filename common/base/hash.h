// 64 and 128-bit hashes (xxh3). Stable: results reach disk (profile identities, placement), so the function
// and its seeds never change within a format version.
#pragma once

#include <compare>
#include <cstdint>
#include <cstring>
#include <string>

#include "common/base/bytes.h"

namespace brazier {

uint64_t Hash64(Bytes data, uint64_t seed = 0);
inline uint64_t Hash64(std::string_view s, uint64_t seed = 0) { return Hash64(AsBytes(s), seed); }

// A 128-bit value: a profile's identity, a ULID. Ordered as a big-endian number.
struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;
  friend auto operator<=>(const Hash128&, const Hash128&) = default;
  bool IsZero() const { return high == 0 && low == 0; }
  std::string Hex() const;  // 32 lower-case digits
};

Hash128 HashTo128(Bytes data, uint64_t seed = 0);

// Mixes two 64-bit numbers; for in-memory hash tables only.
inline uint64_t MixHash(uint64_t a, uint64_t b) {
  unsigned __int128 p = static_cast<unsigned __int128>(a ^ 0x9E3779B97F4A7C15ull) *
                        (b ^ 0xD6E8FEB86659FD93ull);
  return static_cast<uint64_t>(p) ^ static_cast<uint64_t>(p >> 64);
}

}  // namespace brazier
