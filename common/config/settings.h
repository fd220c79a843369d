// The one table of all settings. Help, documentation, parsing and printing all come from it; a new setting is one row
// here and one field in config.h. Static, immutable; thread-safe.
#pragma once

#include <span>
#include <string_view>

#include "common/config/setting.h"

namespace brazier::config {

// In the order of --help: grouped, related keys together. Keys are unique.
std::span<const Setting> AllSettings();

// nullptr when there is no such key.
const Setting* FindSetting(std::string_view key);

// The key that is closest in spelling, for "did you mean".
std::string_view NearestKey(std::string_view key);

// Number of single-character edits between two texts.
size_t EditDistance(std::string_view a, std::string_view b);

// What holds between settings, after all of them are set.
Status ValidateConfig(const Config& config);

}  // namespace brazier::config
