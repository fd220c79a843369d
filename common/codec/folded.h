// Text stacks -> DecodedProfile. "folded" (also called groups or collapsed): one "root;frame;leaf 42" per line;
// "lines": one stack per line, each counting one. Input is hostile; memory is bounded by the input's size.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/result.h"
#include "common/codec/pprof.h"
#include "common/model/profile.h"

namespace brazier::codec {

// Both leave sample_types with one nameless type: the caller knows what was counted. Limits apply as for pprof.
// kInvalidArgument, reason "malformed_profile", naming the line.
Result<DecodedProfile> DecodeFolded(std::string_view text, const PprofLimits& limits);
Result<DecodedProfile> DecodeLines(std::string_view text, const PprofLimits& limits);

}  // namespace brazier::codec
