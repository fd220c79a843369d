#include "common/config/load.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <unistd.h>

#include "common/base/check.h"
#include "common/config/config_file.h"
#include "common/config/settings.h"

namespace brazier::config {
namespace {

constexpr std::string_view kPrefix = "BRAZIER_";
constexpr std::string_view kConfigFileKey = "config.file";
constexpr std::string_view kConfigFileVariable = "BRAZIER_CONFIG_FILE";

Status UnknownKey(std::string_view written, std::string_view nearest) {
  return InvalidArgument("unknown setting " + std::string(written) + "; did you mean " +
                         std::string(nearest) + "?");
}

Status Set(const Setting& setting, std::string_view value, const std::string& origin,
           LoadedConfig& loaded) {
  if (Status status = SetFromText(setting, value, loaded.config); !status.ok()) {
    return InvalidArgument(status.message() + " (from " + origin + ")");
  }
  loaded.origins[std::string(setting.key)] = origin;
  return Status::Ok();
}

Status ApplyDefaults(LoadedConfig& loaded) {
  for (const Setting& setting : AllSettings()) {
    RETURN_IF_ERROR(Set(setting, setting.default_text, "default", loaded));
  }
  return Status::Ok();
}

Status ApplyFile(const std::string& path, const FileReader& read_file, LoadedConfig& loaded) {
  auto text = read_file(path);
  if (!text.ok()) return text.status().Annotate("configuration file " + path);
  auto entries = ParseConfigFile(*text);
  if (!entries.ok()) return entries.status().Annotate("configuration file " + path);
  for (const FileEntry& entry : *entries) {
    const std::string origin = "file " + path + ":" + std::to_string(entry.line);
    const Setting* setting = FindSetting(entry.key);
    if (setting == nullptr) {
      return UnknownKey(entry.key, NearestKey(entry.key)).Annotate(origin);
    }
    RETURN_IF_ERROR(Set(*setting, entry.value, origin, loaded));
  }
  return Status::Ok();
}

// The setting whose variable is nearest to `name`, when that is near enough to be a slip of the finger.
const Setting* MistypedSetting(std::string_view name) {
  constexpr size_t kSlipsMax = 2;
  for (const Setting& setting : AllSettings()) {
    if (EditDistance(name.substr(0, 128), EnvironmentName(setting)) <= kSlipsMax) return &setting;
  }
  return nullptr;
}

Status ApplyEnvironment(const Environment& environment, LoadedConfig& loaded) {
  std::map<std::string, const Setting*> by_name;
  for (const Setting& setting : AllSettings()) by_name[EnvironmentName(setting)] = &setting;
  for (const auto& [name, value] : environment) {
    if (!name.starts_with(kPrefix) || name == kConfigFileVariable) continue;
    if (const auto found = by_name.find(name); found != by_name.end()) {
      RETURN_IF_ERROR(Set(*found->second, value, "environment " + name, loaded));
    } else if (const Setting* meant = MistypedSetting(name); meant != nullptr) {
      return UnknownKey(name, EnvironmentName(*meant)).Annotate("environment");
    } else {
      loaded.ignored_environment.push_back(name);
    }
  }
  return Status::Ok();
}

// One flag of the command line, split: --key, --key=value, --no-key.
struct Flag {
  std::string key;
  std::string value;
  bool has_value = false;
};

Result<Flag> SplitFlag(const std::string& arg) {
  if (!arg.starts_with("--") || arg.size() == 2) {
    return InvalidArgument("unexpected argument \"" + arg +
                           "\": settings are given as --key=value; see --help");
  }
  const size_t equals = arg.find('=');
  Flag flag;
  flag.key = arg.substr(2, equals == std::string::npos ? std::string::npos : equals - 2);
  flag.has_value = equals != std::string::npos;
  if (flag.has_value) flag.value = arg.substr(equals + 1);
  return flag;
}

// --no-multitenancy. Only for bools, so that a key that begins with "no-" stays possible.
const Setting* NegatedSetting(const Flag& flag) {
  if (!flag.key.starts_with("no-") || flag.has_value) return nullptr;
  const Setting* setting = FindSetting(std::string_view(flag.key).substr(3));
  return setting != nullptr && setting->type == SettingType::kBool ? setting : nullptr;
}

Action ActionOf(const std::string& arg) {
  if (arg == "--help" || arg == "-h") return Action::kHelp;
  if (arg == "--version") return Action::kVersion;
  if (arg == "--print-config") return Action::kPrintConfig;
  return Action::kRun;
}

}  // namespace

Result<CommandLine> ParseCommandLine(const std::vector<std::string>& args) {
  CommandLine out;
  for (size_t i = 0; i < args.size(); ++i) {
    if (const Action action = ActionOf(args[i]); action != Action::kRun) {
      // --help wins over the others: it never fails.
      if (out.action != Action::kHelp) out.action = action;
      continue;
    }
    ASSIGN_OR_RETURN(Flag flag, SplitFlag(args[i]));
    if (const Setting* negated = NegatedSetting(flag); negated != nullptr) {
      out.flags.emplace_back(negated->key, "false");
      continue;
    }
    const Setting* setting = FindSetting(flag.key);
    if (setting == nullptr && flag.key != kConfigFileKey) {
      return UnknownKey("--" + flag.key, "--" + std::string(NearestKey(flag.key)));
    }
    if (!flag.has_value) {
      const bool next_is_bool =
          i + 1 < args.size() && (args[i + 1] == "true" || args[i + 1] == "false");
      if (setting != nullptr && setting->type == SettingType::kBool && !next_is_bool) {
        flag.value = "true";
      } else if (i + 1 < args.size() && !args[i + 1].starts_with("--")) {
        flag.value = args[++i];
      } else {
        return InvalidArgument("--" + flag.key + " needs a value: --" + flag.key + "=...");
      }
    }
    if (setting == nullptr) {
      out.config_file = flag.value;
    } else {
      out.flags.emplace_back(flag.key, flag.value);
    }
  }
  return out;
}

Result<LoadedConfig> LoadConfig(const CommandLine& command_line, const Environment& environment,
                                const FileReader& read_file) {
  LoadedConfig loaded;
  RETURN_IF_ERROR(ApplyDefaults(loaded));
  std::string file = command_line.config_file;
  if (const auto variable = environment.find(std::string(kConfigFileVariable));
      file.empty() && variable != environment.end()) {
    file = variable->second;
  }
  if (!file.empty()) RETURN_IF_ERROR(ApplyFile(file, read_file, loaded));
  RETURN_IF_ERROR(ApplyEnvironment(environment, loaded));
  for (const auto& [key, value] : command_line.flags) {
    const Setting* setting = FindSetting(key);
    CHECK(setting != nullptr);
    RETURN_IF_ERROR(Set(*setting, value, "flag", loaded));
  }
  RETURN_IF_ERROR(ValidateConfig(loaded.config));
  return loaded;
}

Environment ProcessEnvironment() {
  Environment out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || !text.starts_with(kPrefix)) continue;
    out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

Result<std::string> ReadConfigFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return NotFound(std::strerror(errno));
  std::string text(kConfigFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return NotFound("cannot be read");
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

}  // namespace brazier::config
