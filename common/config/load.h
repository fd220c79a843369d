// Loading the configuration of a process. Sources in order, later ones win: defaults, the YAML file that --config.file
// (or BRAZIER_CONFIG_FILE) names, environment, flags. Every value remembers where it came from.
//
//   --http.listen=:4040   --http.listen :4040   --multitenancy   --no-multitenancy
//   BRAZIER_HTTP_LISTEN=:4040
//
// Errors name key, value, what is allowed, and the origin; unknown keys name the nearest one. An environment variable
// that begins with BRAZIER_ and is no setting is an error when it looks like a mistyped one, else it is listed in
// `ignored_environment`: orchestrators set variables of that form for a service of our name.
// Pure apart from the reader of files, which is a parameter. Thread-compatible.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/config/config.h"

namespace brazier::config {

struct LoadedConfig {
  Config config;
  std::map<std::string, std::string> origins;  // key -> "default", "file brazier.yaml:3", "environment BRAZIER_...", "flag"
  std::vector<std::string> ignored_environment;  // names, sorted
};

// What the command line asks for instead of a run.
enum class Action { kRun, kHelp, kVersion, kPrintConfig };

struct CommandLine {
  Action action = Action::kRun;
  std::string config_file;
  // (key, value) in order; the keys exist.
  std::vector<std::pair<std::string, std::string>> flags;
};

// args: without the program's name.
Result<CommandLine> ParseCommandLine(const std::vector<std::string>& args);

using Environment = std::map<std::string, std::string>;
using FileReader = std::function<Result<std::string>(const std::string& path)>;

Result<LoadedConfig> LoadConfig(const CommandLine& command_line, const Environment& environment,
                                const FileReader& read_file);

// The variables of this process whose names begin with BRAZIER_.
Environment ProcessEnvironment();
// Reads a file of at most kConfigFileBytesMax bytes.
Result<std::string> ReadConfigFile(const std::string& path);

}  // namespace brazier::config
