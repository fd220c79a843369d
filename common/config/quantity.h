// Sizes and durations as people write them: "4MiB", "1h30m". Parsing is exact (no floating point), refuses what does
// not fit into 64 bits, and Format gives a text that parses to the same number. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace brazier::config {

// Decimal digits, an optional fraction, and B, KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (powers of 1024),
// in any case; a bare number is bytes. The result must be a whole number of bytes. nullopt for anything else.
std::optional<int64_t> ParseBytes(std::string_view text);
std::string FormatBytes(int64_t bytes);

// One or more of number and unit (ns, us, ms, s, m, h, d, w), largest unit first by convention only: "1h30m", "1.5s".
// "0" needs no unit. The result is in ns and must be whole. nullopt for anything else.
std::optional<int64_t> ParseDuration(std::string_view text);
std::string FormatDuration(int64_t ns);

}  // namespace brazier::config
