#include "server/http/attime.h"

#include <charconv>
#include <chrono>

#include "common/base/clock.h"

namespace brazier::http {
namespace {

constexpr int64_t kMinute = 60 * kNsPerSecond;
constexpr int64_t kDay = 24 * 60 * kMinute;

std::optional<int64_t> ParseDigits(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<int64_t> UnitNs(std::string_view unit) {
  if (unit == "s" || unit == "sec" || unit == "seconds") return kNsPerSecond;
  if (unit == "m" || unit == "min" || unit == "minutes") return kMinute;
  if (unit == "h" || unit == "hours") return 60 * kMinute;
  if (unit == "d" || unit == "days") return kDay;
  if (unit == "w" || unit == "weeks") return 7 * kDay;
  if (unit == "M" || unit == "mon" || unit == "months") return 30 * kDay;
  if (unit == "y" || unit == "years") return 365 * kDay;
  return std::nullopt;
}

// "-10m", "+1h30m"
std::optional<int64_t> ParseOffset(std::string_view text) {
  if (text.empty()) return 0;
  const int64_t sign = text[0] == '-' ? -1 : 1;
  if (text[0] != '-' && text[0] != '+') return std::nullopt;
  text.remove_prefix(1);
  int64_t sum = 0;
  do {
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const std::optional<int64_t> count = ParseDigits(text.substr(0, digits));
    text.remove_prefix(digits);
    const size_t letters = std::min(text.find_first_of("0123456789"), text.size());
    const std::optional<int64_t> unit = UnitNs(text.substr(0, letters));
    text.remove_prefix(letters);
    int64_t part = 0;
    if (!count || !unit || __builtin_mul_overflow(*count, *unit, &part) ||
        __builtin_add_overflow(sum, part, &sum)) {
      return std::nullopt;
    }
  } while (!text.empty());
  return sign * sum;
}

std::optional<int64_t> ParseDate(int64_t value) {
  using namespace std::chrono;
  const year_month_day date{year(static_cast<int>(value / 10000)),
                            month(static_cast<unsigned>(value / 100 % 100)),
                            day(static_cast<unsigned>(value % 100))};
  if (!date.ok()) return std::nullopt;
  return sys_days(date).time_since_epoch().count() * kDay;
}

}  // namespace

std::optional<int64_t> ParseAttime(std::string_view text, int64_t now_ns) {
  if (text.starts_with("now")) {
    const std::optional<int64_t> offset = ParseOffset(text.substr(3));
    int64_t time = 0;
    if (!offset || __builtin_add_overflow(now_ns, *offset, &time)) return std::nullopt;
    return time;
  }
  const std::optional<int64_t> value = ParseDigits(text);
  if (!value) return std::nullopt;
  if (text.size() == 8) {
    if (const std::optional<int64_t> date = ParseDate(*value)) return date;
  }
  if (text.size() >= 18) return *value;
  int64_t scale = kNsPerSecond;
  if (text.size() >= 15) {
    scale = 1000;
  } else if (text.size() >= 12) {
    scale = kNsPerMs;
  }
  int64_t time = 0;
  if (__builtin_mul_overflow(*value, scale, &time)) return std::nullopt;
  return time;
}

}  // namespace brazier::http
