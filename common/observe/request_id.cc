#include "common/observe/request_id.h"

#include <algorithm>
#include <cstdio>

namespace brazier {

std::string MakeRequestId(Random& random) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(random.Next()));
  return text;
}

bool IsValidRequestId(std::string_view id) {
  if (id.empty() || id.size() > kRequestIdBytesMax) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '.' || c == '-';
  });
}

std::string RequestIdOrNew(std::string_view client_id, Random& random) {
  return IsValidRequestId(client_id) ? std::string(client_id) : MakeRequestId(random);
}

}  // namespace brazier
