// The first part of an answer on the wire: status line and header fields. Pure, but for the date's cache.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/http/http_message.h"

namespace brazier::http {

// The Date header's text, made once a second. Thread-compatible.
class DateCache {
 public:
  std::string_view Get(int64_t now_ns);

 private:
  int64_t second_ = -1;
  std::string text_;
};

// True when answers of this status carry a body.
bool HasBody(int status);
std::string_view ReasonPhrase(int status);
// Control characters in field values become spaces: no value can end a header early.
std::string EncodeResponseHead(const HttpResponse& response, size_t body_bytes, std::string_view request_id,
                               bool keep_alive, std::string_view date);

}  // namespace brazier::http
