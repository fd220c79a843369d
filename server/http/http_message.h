// A request and its answer, free of any HTTP library; and the Responder, through which a handler answers.
//
// Values are Thread-compatible. A Responder may be copied and used from any thread; the first Send() counts, later
// ones are ignored. When the last copy goes away without a Send(), the client gets 500: a request is never left open.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/contract/cancellation.h"
#include "server/http/body_lease.h"

namespace brazier::http {

// Header fields in the order they came. Names compare without case.
class Headers {
 public:
  void Add(std::string_view name, std::string_view value) { items_.emplace_back(name, value); }
  // Replaces every field of this name by one.
  void Set(std::string_view name, std::string_view value);
  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  // The first one's value; empty when there is none.
  std::string_view Get(std::string_view name) const {
    const std::string* value = Find(name);
    return value == nullptr ? std::string_view() : *value;
  }
  const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }

 private:
  const std::string* Find(std::string_view name) const;
  std::vector<std::pair<std::string, std::string>> items_;
};

// Query parameters, decoded, in order.
class QueryParams {
 public:
  // Bad escapes stay as they are written; "+" is a space.
  static QueryParams Parse(std::string_view query);
  bool Has(std::string_view name) const;
  // The first value; empty when there is none.
  std::string_view Get(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

struct HttpRequest {
  std::string method;
  std::string path;  // decoded, without query
  QueryParams query;
  Headers headers;
  std::string body;  // chunks joined; still in its Content-Encoding
  std::string request_id;
  int64_t received_ns = 0;  // Clock::MonotonicNs, when its header was complete
  std::shared_ptr<BodyLease> lease;  // of the body's bytes; whoever inflates it takes more; may be null
  // Of a blocking route: becomes true when the client has gone. Null otherwise.
  std::shared_ptr<contract::Cancellation> cancellation;
};

struct HttpResponse {
  int status = 200;
  Headers headers;  // without Content-Length, Connection, Date and X-Request-Id: the server adds those
  std::string body;
  // A body that outlives every request (embedded assets); used instead of `body` when set.
  std::string_view static_body;
};

HttpResponse TextResponse(int status, std::string_view text);
// An answer without body and Content-Type.
HttpResponse EmptyResponse(int status);

class Responder {
 public:
  using Sink = std::function<void(HttpResponse)>;
  // `sink` is called exactly once, on the thread that sends. It must not block.
  explicit Responder(Sink sink);
  void Send(HttpResponse response) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::string PercentDecode(std::string_view text, bool plus_is_space);
// Does a comma-separated header value name this token (parameters and case ignored, "q=0" excludes)?
bool HeaderListHas(std::string_view list, std::string_view token);
// "application/json; charset=utf-8" -> "application/json", lower case.
std::string MediaType(std::string_view content_type);

}  // namespace brazier::http
