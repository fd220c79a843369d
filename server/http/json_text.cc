#include "server/http/json_text.h"

#include <array>
#include <charconv>
#include <cmath>

namespace brazier::http {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length of the valid UTF-8 sequence at `text`, 0 when there is none.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto is_tail = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return is_tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!is_tail(1) || !is_tail(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
    if (lead == 0xED && byte(1) > 0x9F) return 0;  // surrogate
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!is_tail(1) || !is_tail(2) || !is_tail(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;  // overlong
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;  // beyond the last code point
    return 4;
  }
  return 0;
}

void AppendEscape(unsigned char c, std::string* out) {
  switch (c) {
    case '"': out->append("\\\""); return;
    case '\\': out->append("\\\\"); return;
    case '\n': out->append("\\n"); return;
    case '\r': out->append("\\r"); return;
    case '\t': out->append("\\t"); return;
    default: break;
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  out->append("\\u00");
  out->push_back(kDigits[c >> 4]);
  out->push_back(kDigits[c & 15]);
}

}  // namespace

void AppendJsonString(std::string_view text, JsonEscapes escapes, std::string* out) {
  out->push_back('"');
  size_t plain = 0;  // start of what can be copied as it is
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool html = escapes == JsonEscapes::kHtml && (c == '<' || c == '>' || c == '&');
    if (c >= 0x20 && c < 0x7F && c != '"' && c != '\\' && !html) {
      ++i;
      continue;
    }
    const size_t length = c >= 0x80 ? SequenceLength(text.substr(i)) : 1;
    if (c >= 0x80 && length > 0) {
      i += length;
      continue;
    }
    out->append(text.substr(plain, i - plain));
    if (c >= 0x80) {
      out->append(kReplacement);
    } else {
      AppendEscape(c, out);
    }
    plain = ++i;
  }
  out->append(text.substr(plain));
  out->push_back('"');
}

void AppendJsonInt64(int64_t value, std::string* out) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out->push_back('"');
  out->append(text.data(), end);
  out->push_back('"');
}

void AppendJsonDouble(double value, std::string* out) {
  if (std::isnan(value)) return void(out->append("\"NaN\""));
  if (std::isinf(value)) return void(out->append(value > 0 ? "\"Infinity\"" : "\"-Infinity\""));
  std::array<char, 64> text;
  const double size = std::fabs(value);
  const bool fixed = size == 0 || (size >= 1e-6 && size < 1e21);
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  out->append(text.data(), end);
}

void AppendJsonBase64(std::string_view bytes, std::string* out) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  out->push_back('"');
  out->reserve(out->size() + bytes.size() * 4 / 3 + 8);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    const auto byte = [&](size_t k) -> uint32_t {
      return k < left ? static_cast<unsigned char>(bytes[i + k]) : 0;
    };
    const uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
    out->push_back(kDigits[group >> 18]);
    out->push_back(kDigits[(group >> 12) & 63]);
    out->push_back(left > 1 ? kDigits[(group >> 6) & 63] : '=');
    out->push_back(left > 2 ? kDigits[group & 63] : '=');
  }
  out->push_back('"');
}

}  // namespace brazier::http
