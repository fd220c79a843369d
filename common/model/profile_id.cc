#include "common/model/profile_id.h"

#include <algorithm>
#include <array>

namespace brazier {
namespace {

// Where a UUID has its hyphens.
constexpr std::array<size_t, 4> kHyphens = {8, 13, 18, 23};
constexpr size_t kUuidSize = 36;

bool IsHyphen(size_t i) { return std::find(kHyphens.begin(), kHyphens.end(), i) != kHyphens.end(); }

bool ParseDigits(std::string_view hex, uint64_t* value) {
  *value = 0;
  for (const char c : hex) {
    const char lower = static_cast<char>(c | 0x20);
    const int digit = c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
    if (digit < 0) return false;
    *value = *value << 4 | static_cast<uint64_t>(digit);
  }
  return true;
}

bool ParseHash(std::string_view hex, Hash128* value) {
  return hex.size() == 32 && ParseDigits(hex.substr(0, 16), &value->high) && ParseDigits(hex.substr(16), &value->low);
}

}  // namespace

std::string ProfileIdText(const Hash128& identity) {
  std::string text = identity.Hex();
  for (const size_t i : kHyphens) text.insert(i, 1, '-');
  return text;
}

// Spans are kept as the little-endian number of the bytes that the digits tell.
std::string SpanIdText(uint64_t span_id) { return Hash128{__builtin_bswap64(span_id), 0}.Hex().substr(0, 16); }

Result<Hash128> ParseProfileId(std::string_view text) {
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.size() == kUuidSize && IsHyphen(i) && text[i] == '-') continue;
    digits += text[i];
  }
  if (text.size() != kUuidSize && text.size() != 32) {
    return InvalidArgument("invalid UUID length: " + std::to_string(text.size())).WithReason("profile_id");
  }
  Hash128 id;
  if (!ParseHash(digits, &id)) return InvalidArgument("invalid UUID format: \"" + std::string(text) + "\"").WithReason("profile_id");
  return id;
}

bool ParseSpanId(std::string_view hex, uint64_t* span_id) {
  uint64_t value;
  if (hex.size() != 16 || !ParseDigits(hex, &value)) return false;
  *span_id = __builtin_bswap64(value);
  return true;
}

bool ParseTraceId(std::string_view hex, Hash128* trace_id) {
  Hash128 value;
  if (!ParseHash(hex, &value)) return false;
  *trace_id = value;
  return true;
}

Result<uint64_t> ParseSpanId(std::string_view text) {
  uint64_t value = 0;
  if (ParseSpanId(text, &value)) return value;
  return InvalidArgument("invalid span id" + std::string(text.size() != 16 ? " length" : "") + ": \"" + std::string(text) + "\"")
      .WithReason("span_id");
}

Result<Hash128> ParseTraceId(std::string_view text) {
  Hash128 value;
  if (ParseTraceId(text, &value)) return value;
  return InvalidArgument("invalid trace id" + std::string(text.size() != 32 ? " length" : "") + ": \"" + std::string(text) + "\"")
      .WithReason("trace_id");
}

}  // namespace brazier
