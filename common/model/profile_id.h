// How ids of profiles and spans are written for people and clients: a profile's as a UUID of its identity, a span's as 16 and a
// trace's as 32 hexadecimal digits. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/hash.h"
#include "common/base/result.h"

namespace brazier {

std::string ProfileIdText(const Hash128& identity);
std::string SpanIdText(uint64_t span_id);

// For hot paths: false when it is none.
bool ParseSpanId(std::string_view hex, uint64_t* span_id);
bool ParseTraceId(std::string_view hex, Hash128* trace_id);

// kInvalidArgument texts are those of the compatible API. Profile ids with or without hyphens, either case.
Result<Hash128> ParseProfileId(std::string_view text);
Result<uint64_t> ParseSpanId(std::string_view text);
Result<Hash128> ParseTraceId(std::string_view text);

}  // namespace brazier
