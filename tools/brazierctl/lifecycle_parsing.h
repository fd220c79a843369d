// The options of `brazierctl compaction`, `delete`, `scrub` and `quarantine`, as the parser of command lines takes them.
// Thread-compatible.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/brazierctl/lifecycle_commands.h"

namespace CLI {
class App;
}

namespace brazier::ctl {

class LifecycleCommands {
 public:
  // Adds the commands to the program's. The object outlives the parsing.
  LifecycleCommands(CLI::App& app, std::vector<std::string> servers);
  // The status of the command that was asked for, or nullopt when none of these was. *all_well as of ScrubCommand.
  std::optional<Status> Run(const LifecycleTools& tools, bool* all_well);

 private:
  using Command = std::function<Status(const LifecycleTools&, const LifecycleOptions&, bool* all_well)>;

  CLI::App* Add(CLI::App& parent, const std::string& name, const std::string& description, Command run);
  void AddServer(CLI::App& command);
  void AddCompaction(CLI::App& app);
  void AddDelete(CLI::App& app);
  void AddScrub(CLI::App& app);
  void AddQuarantine(CLI::App& app);

  LifecycleOptions options_;
  std::string wait_ = "1d";
  // Inner commands before those that they belong to.
  std::vector<std::pair<CLI::App*, Command>> commands_;
};

}  // namespace brazier::ctl
