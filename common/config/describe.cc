#include "common/config/describe.h"

#include <algorithm>

#include "common/config/settings.h"

namespace brazier::config {
namespace {

constexpr size_t kHelpWidth = 100;
constexpr std::string_view kHelpIndent = "      ";

void AppendWrapped(std::string& out, std::string_view text) {
  size_t column = kHelpWidth;
  for (bool is_first = true; !text.empty(); is_first = false) {
    const size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    if (column + word.size() + 1 > kHelpWidth) {
      if (!is_first) out += '\n';
      out += kHelpIndent;
      column = kHelpIndent.size();
    } else {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  }
  out += '\n';
}

// Double-quoted YAML, escaped; safe for any text.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char kHex[] = "0123456789abcdef";
      out += "\\x";
      out += kHex[(c >> 4) & 15];
      out += kHex[c & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string YamlValue(const Setting& setting, const Config& config) {
  const std::string text = ValueText(setting, config);
  switch (setting.type) {
    case SettingType::kBool:
    case SettingType::kInt:
    case SettingType::kBytes:
    case SettingType::kDuration:
      return text;
    case SettingType::kString:
    case SettingType::kList:
    case SettingType::kHostPortList:
    case SettingType::kHostPort:
    case SettingType::kEndpoint:
      return Quoted(text);
  }
  return Quoted(text);
}

std::string DefaultText(const Setting& setting) {
  return setting.default_text.empty() ? "empty" : std::string(setting.default_text);
}

}  // namespace

std::string HelpText(std::string_view program) {
  std::string out = "Usage: " + std::string(program) + " [--key=value ...]\n\n";
  out +=
      "Settings come from a YAML file, from environment variables (BRAZIER_HTTP_LISTEN for\n"
      "http.listen) and from flags; later ones win.\n\n"
      "  --config.file=PATH  YAML file with settings\n"
      "  --print-config      print the resulting settings as YAML, with where each came from\n"
      "  --version           print the version\n"
      "  --help              print this\n";
  std::string_view group;
  for (const Setting& setting : AllSettings()) {
    if (setting.group != group) {
      group = setting.group;
      out += "\n" + std::string(group) + "\n";
    }
    out += "  --" + std::string(setting.key) + "=" + std::string(TypeName(setting.type)) +
           "  (default: " + DefaultText(setting);
    if (setting.stability != Stability::kStable) {
      out += "; " + std::string(StabilityName(setting.stability));
    }
    out += ")\n";
    AppendWrapped(out, setting.meaning);
  }
  return out;
}

std::string ConfigYaml(const LoadedConfig& loaded) {
  std::string out;
  std::string_view group;
  for (const Setting& setting : AllSettings()) {
    if (setting.group != group) {
      if (!group.empty()) out += '\n';
      group = setting.group;
      out += "# " + std::string(group) + "\n";
    }
    const auto origin = loaded.origins.find(std::string(setting.key));
    const std::string comment =
        "  # " + (origin == loaded.origins.end() ? std::string("default") : origin->second);
    if (setting.secret) {
      out += "# " + std::string(setting.key) + ": (secret)" + comment + "\n";
    } else {
      out += std::string(setting.key) + ": " + YamlValue(setting, loaded.config) + comment + "\n";
    }
  }
  return out;
}

std::string SettingsMarkdown() {
  std::string out;
  std::string_view group;
  for (const Setting& setting : AllSettings()) {
    if (setting.group != group) {
      group = setting.group;
      out += "\n### Settings: " + std::string(group) + "\n\n";
      out += "| key | default | allowed | meaning | stability |\n|---|---|---|---|---|\n";
    }
    out += "| `" + std::string(setting.key) + "` | ";
    out += setting.default_text.empty() ? "empty" : "`" + std::string(setting.default_text) + "`";
    out += " | " + AllowedText(setting);
    if (!setting.unit.empty()) out += " " + std::string(setting.unit);
    out += " | " + std::string(setting.meaning) + " | ";
    out += std::string(StabilityName(setting.stability)) + " |\n";
  }
  return out;
}

}  // namespace brazier::config
