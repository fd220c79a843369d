// Listening and peer addresses as people write them. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace brazier::config {

struct HostPort {
  std::string host;  // without brackets; empty: every interface
  uint16_t port = 0;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// "host:port", "[v6]:port", or ":port". nullopt for anything else; the host is not looked up.
std::optional<HostPort> ParseHostPort(std::string_view text);

}  // namespace brazier::config
