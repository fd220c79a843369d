#include "common/base/ulid.h"

#include <array>

namespace brazier {
namespace {

constexpr char kAlphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr size_t kTextSize = 26;

int DigitValue(char c) {
  for (int i = 0; i < 32; ++i) {
    if (kAlphabet[i] == c) return i;
  }
  return -1;
}

}  // namespace

Ulid Ulid::Make(int64_t time_ms, Random& random) {
  const uint64_t r = random.Next();
  Ulid id;
  id.bits.high = (static_cast<uint64_t>(time_ms) << 16) | (r & 0xFFFF);
  id.bits.low = random.Next();
  return id;
}

Result<Ulid> Ulid::Parse(std::string_view text) {
  if (text.size() != kTextSize || text[0] > '7') {
    return InvalidArgument("not a ULID: \"" + std::string(text.substr(0, 64)) + "\"");
  }
  unsigned __int128 value = 0;
  for (char c : text) {
    const int digit = DigitValue(c);
    if (digit < 0) return InvalidArgument("not a ULID: \"" + std::string(text) + "\"");
    value = (value << 5) | static_cast<unsigned>(digit);
  }
  return Ulid{{static_cast<uint64_t>(value >> 64), static_cast<uint64_t>(value)}};
}

std::string Ulid::ToString() const {
  unsigned __int128 value = (static_cast<unsigned __int128>(bits.high) << 64) | bits.low;
  std::string out(kTextSize, '0');
  for (size_t i = kTextSize; i-- > 0;) {
    out[i] = kAlphabet[static_cast<unsigned>(value & 31)];
    value >>= 5;
  }
  return out;
}

}  // namespace brazier
