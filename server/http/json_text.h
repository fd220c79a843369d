// Appends JSON values to a string: the fast path of large answers. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace brazier::http {

// kHtml also escapes < > &, as the error texts of the compatible API have it.
enum class JsonEscapes { kPlain, kHtml };

// With quotes. Bytes that are not UTF-8 become U+FFFD.
void AppendJsonString(std::string_view text, JsonEscapes escapes, std::string* out);
// An int64 in quotes: how protobuf's JSON writes 64-bit numbers.
void AppendJsonInt64(int64_t value, std::string* out);
// The shortest text that reads back as the same number; NaN and infinities in quotes.
void AppendJsonDouble(double value, std::string* out);
// Standard base 64 with padding and quotes.
void AppendJsonBase64(std::string_view bytes, std::string* out);

}  // namespace brazier::http
