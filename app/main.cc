// The program: settings, then the process, then waiting for a signal, then the drain.
// Exit codes: 0 after a complete drain (and for --help and the like), 1 when it cannot start, 2 for wrong settings,
// 3 when the drain ran out of time, 128 + n for a second signal n.
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "app/signals.h"
#include "app/version.h"
#include "app/wiring.h"
#include "common/config/describe.h"
#include "common/config/load.h"
#include "common/observe/log.h"

namespace brazier::app {
namespace {

constexpr int kExitCannotStart = 1;
constexpr int kExitWrongSettings = 2;
// On top of shutdown.timeout: closing stores and joining threads, after the work is done.
constexpr int64_t kCloseTimeoutNs = 10'000'000'000;

int Fail(int code, const Status& status) {
  std::cerr << "brazier: " << status.message() << "\n";
  return code;
}

int Run(const config::LoadedConfig& loaded) {
  InitLogging(loaded.config.log_level);
  for (const std::string& name : loaded.ignored_environment) {
    Log(LogLevel::kWarn, "environment variable is no setting", {{"name", name}});
  }
  auto process = Process::Start(loaded.config);
  if (!process.ok()) return Fail(kExitCannotStart, process.status());
  std::cout << (*process)->Greeting() << std::flush;

  const int signal = WaitForShutdownSignal();
  GuardDrain(loaded.config.shutdown_timeout_ns + kCloseTimeoutNs);
  Log(LogLevel::kInfo, "draining", {{"signal", signal}});
  (*process)->Stop();
  Log(LogLevel::kInfo, "stopped");
  return 0;
}

int Main(const std::vector<std::string>& args) {
  BlockShutdownSignals();
  const auto command_line = config::ParseCommandLine(args);
  if (!command_line.ok()) return Fail(kExitWrongSettings, command_line.status());
  if (command_line->action == config::Action::kHelp) {
    std::cout << config::HelpText("brazier");
    return 0;
  }
  if (command_line->action == config::Action::kVersion) {
    std::cout << "brazier " << kVersion << "\n";
    return 0;
  }
  const auto loaded = config::LoadConfig(*command_line, config::ProcessEnvironment(),
                                         config::ReadConfigFile);
  if (!loaded.ok()) return Fail(kExitWrongSettings, loaded.status());
  if (command_line->action == config::Action::kPrintConfig) {
    std::cout << config::ConfigYaml(*loaded);
    return 0;
  }
  return Run(*loaded);
}

}  // namespace
}  // namespace brazier::app

int main(int argc, char** argv) {
  return brazier::app::Main(std::vector<std::string>(argv + 1, argv + argc));
}
