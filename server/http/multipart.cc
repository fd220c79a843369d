#include "server/http/multipart.h"

#include "server/http/http_message.h"

namespace brazier::http {
namespace {

constexpr size_t kBoundaryBytesMax = 200;  // RFC 2046 says 70

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The value of `name` among `; name=value` or `; name="value"` parameters.
std::string Parameter(std::string_view field, std::string_view name) {
  size_t at = field.find(';');
  while (at != std::string_view::npos && at < field.size()) {
    std::string_view rest = Trim(field.substr(at + 1));
    at = field.size() - rest.size();
    const size_t equals = rest.find_first_of("=;");
    if (equals == std::string_view::npos) return {};
    if (rest[equals] == ';') {
      at += equals;
      continue;
    }
    const bool wanted = EqualsIgnoreCase(Trim(rest.substr(0, equals)), name);
    std::string value;
    size_t i = equals + 1;
    if (i < rest.size() && rest[i] == '"') {
      for (++i; i < rest.size() && rest[i] != '"'; ++i) {
        if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
        value.push_back(rest[i]);
      }
      i = std::min(rest.find(';', i), rest.size());
    } else {
      const size_t end = std::min(rest.find(';', i), rest.size());
      value = Trim(rest.substr(i, end - i));
      i = end;
    }
    if (wanted) return value;
    at += i;
  }
  return {};
}

// Header lines of one part. False when they do not end within the limit.
bool TakePartHeader(std::string_view* rest, MultipartPart* part) {
  size_t used = 0;
  for (;;) {
    const size_t end = rest->find("\r\n");
    if (end == std::string_view::npos || (used += end + 2) > kPartHeaderBytesMax) return false;
    const std::string_view line = rest->substr(0, end);
    rest->remove_prefix(end + 2);
    if (line.empty()) return true;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = Trim(line.substr(0, colon));
    const std::string_view value = Trim(line.substr(colon + 1));
    if (EqualsIgnoreCase(name, "Content-Disposition")) part->name = Parameter(value, "name");
    if (EqualsIgnoreCase(name, "Content-Type")) part->content_type = value;
  }
}

}  // namespace

Result<std::vector<MultipartPart>> ParseMultipart(std::string_view content_type, std::string_view body) {
  const std::string boundary = Parameter(content_type, "boundary");
  if (boundary.empty() || boundary.size() > kBoundaryBytesMax) {
    return InvalidArgument("multipart: no boundary in the content type");
  }
  const std::string delimiter = "\r\n--" + boundary;
  std::vector<MultipartPart> parts;
  // The first delimiter may stand at the very beginning, without a line break.
  std::string_view rest = body;
  if (rest.starts_with(std::string_view(delimiter).substr(2))) {
    rest.remove_prefix(delimiter.size() - 2);
  } else {
    const size_t first = rest.find(delimiter);
    if (first == std::string_view::npos) return InvalidArgument("multipart: no part begins");
    rest.remove_prefix(first + delimiter.size());
  }
  while (!rest.starts_with("--")) {
    const size_t line_end = rest.find("\r\n");
    if (line_end == std::string_view::npos || !Trim(rest.substr(0, line_end)).empty()) {
      return InvalidArgument("multipart: a delimiter does not end its line");
    }
    rest.remove_prefix(line_end + 2);
    if (parts.size() == kMultipartPartsMax) {
      return InvalidArgument("multipart: more than " + std::to_string(kMultipartPartsMax) + " parts");
    }
    MultipartPart& part = parts.emplace_back();
    if (!TakePartHeader(&rest, &part)) {
      return InvalidArgument("multipart: the header of part " + std::to_string(parts.size()) +
                             " does not end within " + std::to_string(kPartHeaderBytesMax) + " bytes");
    }
    // An empty part may be followed by its delimiter at once: the header's line break is the delimiter's.
    if (rest.starts_with(std::string_view(delimiter).substr(2))) {
      rest.remove_prefix(delimiter.size() - 2);
      continue;
    }
    const size_t end = rest.find(delimiter);
    if (end == std::string_view::npos) {
      return InvalidArgument("multipart: part " + std::to_string(parts.size()) + " does not end");
    }
    part.data = rest.substr(0, end);
    rest.remove_prefix(end + delimiter.size());
  }
  return parts;
}

}  // namespace brazier::http
