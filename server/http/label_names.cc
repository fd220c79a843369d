#include "server/http/label_names.h"

#include <algorithm>

namespace brazier::http {
namespace {

constexpr std::string_view kUtf8Parameter = "allow-utf8-labelnames";

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The text up to `separator`, which is taken away from `rest`.
std::string_view TakeUntil(char separator, std::string_view* rest) {
  const size_t end = rest->find(separator);
  const std::string_view head = Trim(rest->substr(0, end));
  *rest = end == std::string_view::npos ? std::string_view() : rest->substr(end + 1);
  return head;
}

bool IsWordStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

bool IsPlainLabelName(std::string_view name) {
  return !name.empty() && IsWordStart(name[0]) && std::all_of(name.begin(), name.end(), [](char c) {
    return IsWordStart(c) || (c >= '0' && c <= '9');
  });
}

std::optional<bool> AcceptsUtf8LabelNames(std::string_view accept) {
  bool accepts = false;
  while (!accept.empty()) {
    std::string_view range = TakeUntil(',', &accept);
    const std::string_view type = TakeUntil(';', &range);
    if (type.empty() || type.find(' ') != std::string_view::npos) return std::nullopt;
    while (!range.empty()) {
      std::string_view value = TakeUntil(';', &range);
      if (value.empty()) continue;
      if (value.find('=') == std::string_view::npos) return std::nullopt;
      const std::string_view name = TakeUntil('=', &value);
      if (name.empty()) return std::nullopt;
      accepts |= EqualsIgnoreCase(name, kUtf8Parameter) && Trim(value) == "true";
    }
  }
  return accepts;
}

HttpResponse BadAcceptResponse(std::string_view accept) {
  return TextResponse(400, "Invalid header format: " + std::string(accept.substr(0, 256)) + "\n");
}

std::set<Labels> WithPlainLabelNames(const std::set<Labels>& series) {
  std::set<Labels> plain;
  for (const Labels& labels : series) {
    std::vector<Label> kept;
    for (const Label& label : labels) {
      if (IsPlainLabelName(label.name)) kept.push_back(label);
    }
    if (!kept.empty()) plain.insert(Labels(std::move(kept)));
  }
  return plain;
}

}  // namespace brazier::http
