#include "common/config/setting.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "common/config/address.h"
#include "common/config/quantity.h"

namespace brazier::config {
namespace {

std::string_view Trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = Trim(text.substr(0, comma));
    if (!item.empty()) items.emplace_back(item);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return items;
}

std::optional<int64_t> ParseInt(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool IsEndpoint(std::string_view text) {
  if (text.starts_with("ipc://")) return text.size() > 6;
  if (!text.starts_with("tcp://")) return false;
  std::string address(text.substr(6));
  if (address.starts_with("*:")) address.replace(0, 1, "any");
  const auto parsed = ParseHostPort(address);
  return parsed && !parsed->host.empty();
}

bool IsChoice(const Setting& setting, std::string_view value) {
  return setting.choices.empty() ||
         std::find(setting.choices.begin(), setting.choices.end(), value) !=
             setting.choices.end();
}

std::optional<bool> ParseBool(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

// The number that `text` means for this setting, when it is one within the range.
std::optional<int64_t> ParseNumber(const Setting& setting, std::string_view text) {
  std::optional<int64_t> value;
  if (setting.type == SettingType::kInt) value = ParseInt(text);
  if (setting.type == SettingType::kBytes) value = ParseBytes(text);
  if (setting.type == SettingType::kDuration) value = ParseDuration(text);
  if (!value || *value < setting.min || *value > setting.max) return std::nullopt;
  return value;
}

bool IsAllowedText(const Setting& setting, std::string_view text) {
  if (text.empty()) return setting.may_be_empty;
  if (text.find('\0') != std::string_view::npos) return false;
  if (setting.type == SettingType::kHostPort) return ParseHostPort(text).has_value();
  if (setting.type == SettingType::kEndpoint) return IsEndpoint(text);
  return IsChoice(setting, text);
}

std::string NumberText(const Setting& setting, int64_t value) {
  if (setting.type == SettingType::kBytes) return FormatBytes(value);
  if (setting.type == SettingType::kDuration) return FormatDuration(value);
  return std::to_string(value);
}

Status BadValue(const Setting& setting, std::string_view text) {
  const std::string shown = setting.secret ? "(secret)" : "\"" + std::string(text) + "\"";
  return InvalidArgument("setting " + std::string(setting.key) + ": " + shown +
                         " is not allowed; allowed: " + AllowedText(setting));
}

std::string JoinChoices(const std::vector<std::string_view>& choices) {
  std::string out;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) out += i + 1 == choices.size() ? " or " : ", ";
    out += choices[i];
  }
  return out;
}

}  // namespace

std::string_view TypeName(SettingType type) {
  switch (type) {
    case SettingType::kString:
      return "text";
    case SettingType::kBool:
      return "bool";
    case SettingType::kInt:
      return "number";
    case SettingType::kBytes:
      return "bytes";
    case SettingType::kDuration:
      return "duration";
    case SettingType::kList:
      return "list";
    case SettingType::kHostPortList:
      return "addresses";
    case SettingType::kHostPort:
      return "address";
    case SettingType::kEndpoint:
      return "endpoint";
  }
  return "";
}

std::string_view StabilityName(Stability stability) {
  switch (stability) {
    case Stability::kStable:
      return "stable";
    case Stability::kAdvanced:
      return "advanced";
    case Stability::kExperimental:
      return "experimental";
    case Stability::kUnsafe:
      return "unsafe";
  }
  return "";
}

Status SetFromText(const Setting& setting, std::string_view raw, Config& config) {
  const std::string_view text = Trim(raw);
  const FieldRef field = setting.field(config);
  switch (setting.type) {
    case SettingType::kBool: {
      const auto value = ParseBool(text);
      if (!value) return BadValue(setting, text);
      *std::get<bool*>(field) = *value;
      return Status::Ok();
    }
    case SettingType::kInt:
    case SettingType::kBytes:
    case SettingType::kDuration: {
      const auto value = ParseNumber(setting, text);
      if (!value) return BadValue(setting, text);
      *std::get<int64_t*>(field) = *value;
      return Status::Ok();
    }
    case SettingType::kHostPortList:
    case SettingType::kList: {
      std::vector<std::string> items = SplitList(text);
      if (items.empty() && !setting.may_be_empty) return BadValue(setting, text);
      for (const std::string& item : items) {
        const bool is_good = setting.type == SettingType::kList ? IsChoice(setting, item)
                                                                : ParseHostPort(item).has_value();
        if (!is_good) return BadValue(setting, item);
      }
      *std::get<std::vector<std::string>*>(field) = std::move(items);
      return Status::Ok();
    }
    case SettingType::kString:
    case SettingType::kHostPort:
    case SettingType::kEndpoint:
      if (!IsAllowedText(setting, text)) return BadValue(setting, text);
      *std::get<std::string*>(field) = text;
      return Status::Ok();
  }
  return Internal("setting of an unknown type");
}

std::string ValueText(const Setting& setting, const Config& config) {
  // The accessor serves reading and writing; nothing is written here.
  const FieldRef field = setting.field(const_cast<Config&>(config));
  switch (setting.type) {
    case SettingType::kBool:
      return *std::get<bool*>(field) ? "true" : "false";
    case SettingType::kInt:
    case SettingType::kBytes:
    case SettingType::kDuration:
      return NumberText(setting, *std::get<int64_t*>(field));
    case SettingType::kHostPortList:
    case SettingType::kList: {
      std::string out;
      for (const std::string& item : *std::get<std::vector<std::string>*>(field)) {
        if (!out.empty()) out += ',';
        out += item;
      }
      return out;
    }
    case SettingType::kString:
    case SettingType::kHostPort:
    case SettingType::kEndpoint:
      return *std::get<std::string*>(field);
  }
  return {};
}

std::string AllowedText(const Setting& setting) {
  switch (setting.type) {
    case SettingType::kBool:
      return "true or false";
    case SettingType::kInt:
      return NumberText(setting, setting.min) + " to " + NumberText(setting, setting.max);
    case SettingType::kBytes:
    case SettingType::kDuration:
      return NumberText(setting, setting.min) + " to " + NumberText(setting, setting.max) +
             (setting.type == SettingType::kBytes ? ", like 512KiB or 4MiB"
                                                  : ", like 250ms, 30s or 1h30m");
    case SettingType::kList:
      return setting.choices.empty() ? "comma separated texts"
                                     : "comma separated: " + JoinChoices(setting.choices);
    case SettingType::kHostPortList:
      return std::string("host:port, comma separated") + (setting.may_be_empty ? ", or empty" : "");
    case SettingType::kString:
      if (!setting.choices.empty()) return JoinChoices(setting.choices);
      return setting.may_be_empty ? "any text" : "any text that is not empty";
    case SettingType::kHostPort:
      return std::string("host:port, port 0 to 65535") +
             (setting.may_be_empty ? ", or empty for off" : "");
    case SettingType::kEndpoint:
      return std::string("tcp://host:port or ipc://path") +
             (setting.may_be_empty ? ", or empty for off" : "");
  }
  return {};
}

std::string EnvironmentName(const Setting& setting) {
  std::string out = "BRAZIER_";
  for (const char c : setting.key) {
    out += c == '.' || c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out;
}

}  // namespace brazier::config
