#include "common/rpc/client_options.h"

namespace brazier::rpc {

ClientOptions MetastoreClientOptions(std::vector<std::string> addresses) {
  ClientOptions options;
  options.addresses = std::move(addresses);
  options.connect_timeout_ms = 1'000;
  // A member of the group that hears nothing campaigns after 0.3 to 0.6 s, a split vote takes as long again: the pauses of
  // all attempts together are 2.5 to 5 s.
  options.attempts_max = 16;
  // Every call under way repeats about six times during such a change; 64 at once are meant to come through.
  options.retry_budget = 512;
  options.first_attempt_ms = 2'000;
  return options;
}

std::vector<std::string> SplitAddresses(std::string_view text) {
  std::vector<std::string> addresses;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    const size_t begin = part.find_first_not_of(" \t");
    if (begin == std::string_view::npos) continue;
    part = part.substr(begin, part.find_last_not_of(" \t") - begin + 1);
    addresses.emplace_back(part);
  }
  return addresses;
}

}  // namespace brazier::rpc
