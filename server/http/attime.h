// The points in time that clients write into URLs: 10 to 19 digits (s, ms, us, ns by their number), YYYYMMDD, "now",
// "now-10m", "now+1h". Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace brazier::http {

// ns since the epoch; nothing when the text is empty or is no time. Units: s, m or min, h, d, w, M or mon (30 days),
// y (365 days).
std::optional<int64_t> ParseAttime(std::string_view text, int64_t now_ns);

}  // namespace brazier::http
