#include "common/config/quantity.h"

#include <array>
#include <cctype>
#include <limits>
#include <span>

namespace brazier::config {
namespace {

using Wide = unsigned __int128;
constexpr Wide kMax = static_cast<Wide>(std::numeric_limits<int64_t>::max());

struct Unit {
  std::string_view name;
  int64_t factor;
};

constexpr int64_t kKi = 1024;
// Lower case; the largest factor last.
constexpr std::array<Unit, 9> kByteUnits = {{{"b", 1},
                                             {"kb", 1000},
                                             {"kib", kKi},
                                             {"mb", 1000 * 1000},
                                             {"mib", kKi* kKi},
                                             {"gb", 1000LL * 1000 * 1000},
                                             {"gib", kKi* kKi* kKi},
                                             {"tb", 1000LL * 1000 * 1000 * 1000},
                                             {"tib", kKi* kKi* kKi* kKi}}};

constexpr int64_t kSecond = 1'000'000'000;
constexpr std::array<Unit, 8> kDurationUnits = {{{"ns", 1},
                                                 {"us", 1000},
                                                 {"ms", 1000 * 1000},
                                                 {"s", kSecond},
                                                 {"m", 60 * kSecond},
                                                 {"h", 3600 * kSecond},
                                                 {"d", 24 * 3600 * kSecond},
                                                 {"w", 7 * 24 * 3600 * kSecond}}};

// digits[.digits] as mantissa / 10^fraction_digits. At most 18 digits, so that nothing overflows.
struct Number {
  Wide mantissa = 0;
  Wide scale = 1;
};

std::optional<Number> TakeNumber(std::string_view& text) {
  Number number;
  size_t i = 0, digits = 0;
  bool fraction = false;
  for (; i < text.size(); ++i) {
    if (text[i] == '.' && !fraction && digits > 0) {
      fraction = true;
      continue;
    }
    if (text[i] < '0' || text[i] > '9') break;
    if (++digits > 19) return std::nullopt;
    number.mantissa = number.mantissa * 10 + static_cast<Wide>(text[i] - '0');
    if (fraction) number.scale *= 10;
  }
  if (digits == 0 || text[i - 1] == '.') return std::nullopt;
  text.remove_prefix(i);
  return number;
}

std::string TakeUnit(std::string_view& text) {
  std::string unit;
  size_t i = 0;
  while (i < text.size() && std::isalpha(static_cast<unsigned char>(text[i]))) {
    unit += static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
    ++i;
  }
  text.remove_prefix(i);
  return unit;
}

std::optional<Wide> Multiply(const Number& number, std::string_view unit,
                             std::span<const Unit> units) {
  for (const Unit& candidate : units) {
    if (candidate.name != unit) continue;
    const Wide product = number.mantissa * static_cast<Wide>(candidate.factor);
    if (product % number.scale != 0) return std::nullopt;
    const Wide value = product / number.scale;
    if (value > kMax) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<int64_t> ParseBytes(std::string_view text) {
  const auto number = TakeNumber(text);
  if (!number) return std::nullopt;
  if (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  std::string unit = TakeUnit(text);
  if (!text.empty()) return std::nullopt;
  if (unit.empty()) unit = "b";
  const auto value = Multiply(*number, unit, kByteUnits);
  if (!value) return std::nullopt;
  return static_cast<int64_t>(*value);
}

std::string FormatBytes(int64_t bytes) {
  static constexpr std::array<std::string_view, 5> kNames = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes != 0 && bytes % kKi == 0 && unit + 1 < kNames.size()) {
    bytes /= kKi;
    ++unit;
  }
  return std::to_string(bytes) + std::string(kNames[unit]);
}

std::optional<int64_t> ParseDuration(std::string_view text) {
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  Wide total = 0;
  while (!text.empty()) {
    const auto number = TakeNumber(text);
    if (!number) return std::nullopt;
    const auto part = Multiply(*number, TakeUnit(text), kDurationUnits);
    if (!part) return std::nullopt;
    total += *part;
    if (total > kMax) return std::nullopt;
  }
  return static_cast<int64_t>(total);
}

std::string FormatDuration(int64_t ns) {
  if (ns == 0) return "0";
  std::string out;
  for (size_t i = kDurationUnits.size(); i-- > 0;) {
    // "14d" reads better than "2w": weeks are for reading only.
    if (kDurationUnits[i].name == "w") continue;
    const int64_t count = ns / kDurationUnits[i].factor;
    if (count == 0) continue;
    out += std::to_string(count) + std::string(kDurationUnits[i].name);
    ns %= kDurationUnits[i].factor;
  }
  return out;
}

}  // namespace brazier::config
