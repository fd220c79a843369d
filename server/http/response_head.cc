#include "server/http/response_head.h"

#include <ctime>

#include "common/base/clock.h"

namespace brazier::http {
namespace {

void AppendField(std::string_view name, std::string_view value, std::string* out) {
  out->append(name);
  out->append(": ");
  for (const char c : value) out->push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c);
  out->append("\r\n");
}

}  // namespace

std::string_view DateCache::Get(int64_t now_ns) {
  const int64_t second = now_ns / kNsPerSecond;
  if (second != second_) {
    second_ = second;
    const std::time_t time = static_cast<std::time_t>(second);
    std::tm parts{};
    gmtime_r(&time, &parts);
    // Not strftime: its names follow the locale.
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char text[64];
    const int size = std::snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                   kDays[parts.tm_wday], parts.tm_mday, kMonths[parts.tm_mon],
                                   parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
    text_.assign(text, static_cast<size_t>(size));
  }
  return text_;
}

bool HasBody(int status) { return status >= 200 && status != 204 && status != 304; }

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Request Entity Too Large";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Entity";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Status";
  }
}

std::string EncodeResponseHead(const HttpResponse& response, size_t body_bytes, std::string_view request_id,
                               bool keep_alive, std::string_view date) {
  std::string head;
  head.reserve(256);
  head.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  head.append(ReasonPhrase(response.status)).append("\r\n");
  for (const auto& [name, value] : response.headers.items()) AppendField(name, value, &head);
  AppendField("X-Request-Id", request_id, &head);
  AppendField("Date", date, &head);
  if (HasBody(response.status)) AppendField("Content-Length", std::to_string(body_bytes), &head);
  if (!keep_alive) AppendField("Connection", "close", &head);
  head.append("\r\n");
  return head;
}

}  // namespace brazier::http
