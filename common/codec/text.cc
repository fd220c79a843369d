#include "common/codec/text.h"

#include <cstring>

namespace brazier::codec {
namespace {

// Length of the well-formed sequence at p, 0 when it is none. REQUIRES: *p >= 0x80.
size_t SequenceLength(const uint8_t* p, size_t n) {
  const uint8_t lead = p[0];
  auto tail = [&](size_t i, uint8_t low = 0x80, uint8_t high = 0xBF) {
    return i < n && p[i] >= low && p[i] <= high;
  };
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;
    const uint8_t high = lead == 0xED ? 0x9F : 0xBF;
    return tail(1, low, high) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const uint8_t low = lead == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;
    return tail(1, low, high) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

template <typename Word>
Word LoadWord(const uint8_t* p) {
  Word word;
  std::memcpy(&word, p, sizeof(word));
  return word;
}

// Words that overlap at the end instead of single bytes: names are short and of any length.
bool IsAscii(const uint8_t* p, size_t n) {
  constexpr uint64_t kHighBits = 0x8080808080808080ull;
  uint64_t any = 0;
  if (n >= 8) {
    for (size_t i = 0; i + 8 < n; i += 8) any |= LoadWord<uint64_t>(p + i);
    any |= LoadWord<uint64_t>(p + n - 8);
  } else if (n >= 4) {
    any = LoadWord<uint32_t>(p) | LoadWord<uint32_t>(p + n - 4);
  } else if (n > 0) {
    any = p[0] | p[n / 2] | p[n - 1];
  }
  return (any & kHighBits) == 0;
}

}  // namespace

bool IsUtf8(Bytes data) {
  const uint8_t* p = data.data();
  size_t n = data.size();
  if (IsAscii(p, n)) return true;
  while (n > 0) {
    while (n >= 8) {
      uint64_t word;
      std::memcpy(&word, p, 8);
      if (word & 0x8080808080808080ull) break;
      p += 8;
      n -= 8;
    }
    while (n > 0 && *p < 0x80) {
      ++p;
      --n;
    }
    if (n == 0) return true;
    const size_t length = SequenceLength(p, n);
    if (length == 0) return false;
    p += length;
    n -= length;
  }
  return true;
}

void AppendUtf8(std::string_view s, std::string* out) {
  const Bytes data = AsBytes(s);
  size_t plain = 0;  // start of what can be copied as it is
  for (size_t i = 0; i < data.size();) {
    const size_t length = data[i] < 0x80 ? 1 : SequenceLength(data.data() + i, data.size() - i);
    i += length;
    if (length > 0) continue;
    out->append(s.substr(plain, i - plain));
    out->append("\xEF\xBF\xBD");
    plain = ++i;
  }
  out->append(s.substr(plain));
}

std::string_view Utf8Suffix(std::string_view s, size_t bytes_max) {
  if (s.size() <= bytes_max) return s;
  s.remove_prefix(s.size() - bytes_max);
  while (!s.empty() && (static_cast<uint8_t>(s[0]) & 0xC0) == 0x80) s.remove_prefix(1);
  return s;
}

}  // namespace brazier::codec
