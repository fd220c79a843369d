// What a process prints when its doors are open. Pure function.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "app/target.h"
#include "common/config/config.h"

namespace brazier::app {

// For target all: where the web UI is and a line that sends a first profile, to be copied. For others: the addresses.
// The ports are those that were bound; 0: that door is closed.
std::string GreetingText(const config::Config& config, const Roles& roles, std::string_view version,
                         uint16_t http_port, uint16_t thrift_port);

}  // namespace brazier::app
