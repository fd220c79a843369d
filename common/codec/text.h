// Small readers of text that several decoders share: UTF-8 checks, hexadecimal span and trace ids.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/hash.h"

namespace brazier::codec {

// Strict UTF-8: no surrogates, no over-long forms.
bool IsUtf8(Bytes data);
inline bool IsUtf8(std::string_view s) { return IsUtf8(AsBytes(s)); }

// The last `bytes_max` bytes of `s` at most, beginning at a character. REQUIRES: s is UTF-8.
std::string_view Utf8Suffix(std::string_view s, size_t bytes_max);

// 16 hex digits -> the 8 bytes read as a little-endian number. False, and no change, for anything else.
bool ParseSpanId(std::string_view hex, uint64_t* span_id);
// 32 hex digits -> 16 bytes, big-endian.
bool ParseTraceId(std::string_view hex, Hash128* trace_id);

}  // namespace brazier::codec
