// A pprof in protobuf form as the JSON of google.v1.Profile, byte by byte from one text to the other: a merged pprof has millions of numbers,
// and as message objects they take many times their bytes. Pure. Internal to server/http.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace brazier::http {

// Canonical protobuf JSON: fields in the order of their numbers, 64-bit numbers in quotes, zeros left out. REQUIRES for that form: a singular
// field comes once, as encoders write it. kInternal when the bytes are no pprof; fields that are not known are left out.
Result<std::string> PprofToJson(std::string_view pprof);

}  // namespace brazier::http
