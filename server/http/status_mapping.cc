#include "server/http/status_mapping.h"

#include "server/http/json_text.h"

namespace brazier::http {
namespace {

HttpResponse ErrorResponse(int http_status, std::string_view code, std::string_view message,
                           std::string_view ending) {
  HttpResponse response;
  response.status = http_status;
  response.headers.Add("Content-Type", "application/json");
  response.body = "{\"code\":";
  AppendJsonString(code, JsonEscapes::kHtml, &response.body);
  response.body += ",\"message\":";
  AppendJsonString(message, JsonEscapes::kHtml, &response.body);
  response.body += "}";
  response.body += ending;
  if (http_status == 503 || http_status == 429) response.headers.Add("Retry-After", "1");
  return response;
}

}  // namespace

int HttpStatusOf(Code code) {
  switch (code) {
    case Code::kOk: return 200;
    case Code::kInvalidArgument: return 400;
    case Code::kUnauthenticated: return 401;
    case Code::kNotFound: return 404;
    case Code::kAlreadyExists: return 409;
    case Code::kFailedPrecondition: return 400;
    case Code::kResourceExhausted: return 429;
    case Code::kUnimplemented: return 501;
    case Code::kUnavailable: return 503;
    case Code::kDeadlineExceeded: return 504;
    case Code::kCancelled: return 499;
    case Code::kCorruption: return 500;
    case Code::kInternal: return 500;
  }
  return 500;
}

HttpResponse ConnectError(const Status& status) {
  return ErrorResponse(HttpStatusOf(status.code()), CodeName(status.code()), status.message(), "");
}

HttpResponse PlainError(const Status& status) {
  return ErrorResponse(HttpStatusOf(status.code()), CodeName(status.code()), status.message(), "\n");
}

HttpResponse PlainError(int http_status, std::string_view code, std::string_view message) {
  return ErrorResponse(http_status, code, message, "\n");
}

}  // namespace brazier::http
