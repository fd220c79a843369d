// Request ids: what ties the log lines of one request together, across processes. A client may send its own
// (X-Request-Id); one that is not safe to log or to put in a header is replaced, not repaired. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "common/base/random.h"

namespace brazier {

inline constexpr size_t kRequestIdBytesMax = 64;

// 16 lower-case hexadecimal digits.
std::string MakeRequestId(Random& random);
// 1 to kRequestIdBytesMax characters of A-Z a-z 0-9 _ . -
bool IsValidRequestId(std::string_view id);
// The client's id when it is valid, else a new one.
std::string RequestIdOrNew(std::string_view client_id, Random& random);

}  // namespace brazier
