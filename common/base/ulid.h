// Ulid: a 128-bit id that sorts by the time it was made (48 bits of ms, 80 random bits), written as 26 characters
// of Crockford's base 32. Names blocks and objects. Value type.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/hash.h"
#include "common/base/random.h"
#include "common/base/result.h"

namespace brazier {

struct Ulid {
  Hash128 bits;
  static Ulid Make(int64_t time_ms, Random& random);
  static Result<Ulid> Parse(std::string_view text);
  int64_t TimeMs() const { return static_cast<int64_t>(bits.high >> 16); }
  std::string ToString() const;
  friend auto operator<=>(const Ulid&, const Ulid&) = default;
};

}  // namespace brazier
