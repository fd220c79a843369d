// Setting: one row of the settings table: what a key is called, may hold, and means, and which field it fills.
// Value type with static texts; the table itself is AllSettings() in settings.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/config/config.h"

namespace brazier::config {

enum class SettingType {
  kString,
  kBool,
  kInt,
  kBytes,     // "4MiB"; a bare number is bytes
  kDuration,  // "50ms", "1h30m"; only 0 may go without a unit
  kList,      // comma separated, or a YAML sequence
  kHostPortList,  // comma separated, or a YAML sequence, of kHostPort
  kHostPort,  // "127.0.0.1:4040", "[::1]:4040", ":4040" for every interface
  kEndpoint,  // ZeroMQ: "tcp://127.0.0.1:4042" or "ipc:///path"
};

// stable: kept between versions. advanced: kept, rarely needed. experimental: may change or go.
// unsafe: weakens a promise of the documentation.
enum class Stability { kStable, kAdvanced, kExperimental, kUnsafe };

std::string_view TypeName(SettingType type);
std::string_view StabilityName(Stability stability);

// The field of a Config that a setting fills; its kind follows from the setting's type.
using FieldRef = std::variant<std::string*, bool*, int64_t*, std::vector<std::string>*>;

struct Setting {
  std::string_view group;  // heading of --help: the role it belongs to
  std::string_view key;    // "http.listen"
  SettingType type = SettingType::kString;
  std::string_view default_text;  // as a user would write it
  std::string_view unit;          // of kInt: "threads", "samples"; of others implied by the type
  int64_t min = 0;                // kInt, kBytes, kDuration (ns): inclusive
  int64_t max = 0;
  std::vector<std::string_view> choices;  // kString, kList: the only values; empty: any
  bool may_be_empty = false;              // kString, lists, kHostPort, kEndpoint
  bool secret = false;                    // never printed
  Stability stability = Stability::kStable;
  std::string_view meaning;
  FieldRef (*field)(Config&) = nullptr;
};

// Parses `text` by the setting's type and rules into its field. The error names the key, the value and what is
// allowed; the caller adds the origin.
Status SetFromText(const Setting& setting, std::string_view text, Config& config);

// The field's value as SetFromText reads it: canonical, so that printing what was read gives the same value back.
std::string ValueText(const Setting& setting, const Config& config);

// "1B to 1GiB", "debug, info, warn or error", "host:port": for error messages and documents.
std::string AllowedText(const Setting& setting);

// BRAZIER_HTTP_LISTEN for "http.listen".
std::string EnvironmentName(const Setting& setting);

}  // namespace brazier::config
