// The settings table and a loaded configuration as text: --help, --print-config, the table in docs/operations.md.
// Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "common/config/load.h"

namespace brazier::config {

// Usage and every setting with default and meaning, grouped.
std::string HelpText(std::string_view program);

// YAML that loads as the same configuration, with the origin of each value as a comment. Secrets are left out.
std::string ConfigYaml(const LoadedConfig& loaded);

// One Markdown table per group.
std::string SettingsMarkdown();

}  // namespace brazier::config
