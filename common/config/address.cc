#include "common/config/address.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace brazier::config {
namespace {

std::optional<uint16_t> ParsePort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

bool IsHostCharacter(unsigned char c) { return std::isalnum(c) || c == '.' || c == '-' || c == '_'; }
bool IsV6Character(unsigned char c) {
  return std::isxdigit(c) || c == ':' || c == '.' || c == '%' || std::isalnum(c);
}

}  // namespace

std::optional<HostPort> ParseHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = ParsePort(text.substr(colon + 1));
  if (!port) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (host.size() < 3 || !host.ends_with(']')) return std::nullopt;
    host = host.substr(1, host.size() - 2);
    if (!std::all_of(host.begin(), host.end(), IsV6Character)) return std::nullopt;
  } else if (!std::all_of(host.begin(), host.end(), IsHostCharacter)) {
    return std::nullopt;
  }
  return HostPort{std::string(host), *port};
}

}  // namespace brazier::config
