// Small readers of text that several codecs share: UTF-8 checks and repair.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/bytes.h"

namespace brazier::codec {

// Strict UTF-8: no surrogates, no over-long forms.
bool IsUtf8(Bytes data);
inline bool IsUtf8(std::string_view s) { return IsUtf8(AsBytes(s)); }

// Appends `s` with U+FFFD in place of each byte that is not UTF-8.
void AppendUtf8(std::string_view s, std::string* out);

// The last `bytes_max` bytes of `s` at most, beginning at a character. REQUIRES: s is UTF-8.
std::string_view Utf8Suffix(std::string_view s, size_t bytes_max);

}  // namespace brazier::codec
