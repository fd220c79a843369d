#include "tools/brazierctl/lifecycle_parsing.h"

#include <CLI/CLI.hpp>

#include "common/config/address.h"
#include "common/config/quantity.h"

namespace brazier::ctl {
namespace {

std::string DurationCheck(const std::string& text) {
  return config::ParseDuration(text) ? "" : "\"" + text + "\" is no duration like 30s, 15m or 1h30m";
}

std::string AddressCheck(const std::string& text) {
  return config::ParseHostPort(text) ? "" : "\"" + text + "\" is not of the form host:port";
}

// Commands that cannot find anything wrong.
template <typename F>
auto Plain(F* command) {
  return [command](const LifecycleTools& tools, const LifecycleOptions& options, bool* all_well) {
    *all_well = true;
    return command(tools, options);
  };
}

}  // namespace

LifecycleCommands::LifecycleCommands(CLI::App& app, std::vector<std::string> servers) {
  options_.servers = std::move(servers);
  AddCompaction(app);
  AddDelete(app);
  AddScrub(app);
  AddQuarantine(app);
}

void LifecycleCommands::AddServer(CLI::App& command) {
  command
      .add_option("--server", options_.servers,
                  "Thrift addresses of metastore members, comma separated; one that answers is enough")
      ->delimiter(',')
      ->allow_extra_args(false)  // what follows is the command's own argument
      ->check(AddressCheck)
      ->capture_default_str();
  command.add_option("--timeout-ms", options_.timeout_ms, "Longest wait for one answer")
      ->capture_default_str()
      ->check(CLI::Range(1, 600'000));
}

CLI::App* LifecycleCommands::Add(CLI::App& parent, const std::string& name, const std::string& description, Command run) {
  CLI::App* command = parent.add_subcommand(name, description);
  commands_.emplace_back(command, std::move(run));
  return command;
}

void LifecycleCommands::AddCompaction(CLI::App& app) {
  CLI::App* compaction = app.add_subcommand("compaction", "Compaction: see it, pause it, hurry it");
  compaction->require_subcommand(1);
  CLI::App* status = Add(*compaction, "status", "Queues by level, jobs that run, blocks that failed, garbage",
                         Plain(CompactionStatusCommand));
  AddServer(*status);
  status->add_flag("--json", options_.json, "One JSON object");
  AddServer(*Add(*compaction, "pause", "Let no job begin; what runs is finished. Survives restarts", Plain(CompactionPause)));
  AddServer(*Add(*compaction, "resume", "Let jobs begin again", Plain(CompactionResume)));
  CLI::App* force = Add(*compaction, "force", "Compact now what waits, however little it is", Plain(CompactionForce));
  AddServer(*force);
  force->add_option("--level", options_.levels, "Of the blocks that wait; once per level. All but the last without it");
  force->add_option("--tenant", options_.tenant, "Only of this tenant");
  CLI::App* retry = Add(*compaction, "retry", "Try blocks at once that wait after a failure: these, or all", Plain(CompactionRetry));
  AddServer(*retry);
  retry->add_option("ids", options_.ids, "Blocks");
}

void LifecycleCommands::AddDelete(CLI::App& app) {
  CLI::App* remove = app.add_subcommand(
      "delete", "Delete data for good: hidden from queries at once, then taken out of the objects. `delete status` proves it");
  remove->require_subcommand(0, 1);
  AddServer(*remove);
  remove->add_option("--tenant", options_.tenant, "Whose data");
  remove->add_option("--service", options_.service, "Only of this service");
  remove->add_option("-s,--selector", options_.selector, "Only of these series, {pod=\"a\"}");
  remove->add_option("--since", options_.since, "Profiles since so long ago, 2h")->check(DurationCheck);
  remove->add_option("--from", options_.from, "Profiles from this time on, 2026-11-20T23:16:05Z");
  remove->add_option("--until", options_.until, "... until so long ago; without an end, until now")->check(DurationCheck);
  remove->add_option("--to", options_.to, "... until this time, inclusive");
  remove->add_flag("--all-time", options_.all_time, "All there is, in place of a range");
  remove->add_option("--id", options_.id, "Repeat the deletion of this id, after an answer that did not arrive");
  remove->add_flag("--yes", options_.yes, "Do it; without it, only say what would be deleted");
  remove->add_flag("--wait", options_.wait, "Until it is confirmed that no object holds any of it");
  remove->add_option("--wait-max", wait_, "Longest wait")->capture_default_str()->check(DurationCheck);
  CLI::App* status = Add(*remove, "status", "What became of deletions: blocks rewritten, objects deleted, when it was confirmed",
                         Plain(DeleteStatusCommand));
  status->fallthrough();  // server, tenant and wait are those of `delete`
  status->add_option("ids", options_.ids, "Deletions; without any, a table of all");
  status->add_flag("--json", options_.json, "One JSON object");
  commands_.emplace_back(remove, Plain(DeleteCommand));
}

void LifecycleCommands::AddScrub(CLI::App& app) {
  CLI::App* scrub = app.add_subcommand(
      "scrub", "Check every object against checksums, footer and index. Exit code 3 with --wait: something was wrong");
  scrub->require_subcommand(0, 1);
  AddServer(*scrub);
  scrub->add_flag("--repair", options_.repairs,
                  "Quarantine what is damaged, release what is whole again, delete orphans after a while");
  scrub->add_flag("--wait", options_.wait, "Until it has ended, and print the report");
  scrub->add_option("--wait-max", wait_, "Longest wait")->capture_default_str()->check(DurationCheck);
  scrub->add_flag("--json", options_.json, "The report as one JSON object");
  scrub->add_option("--show", options_.show, "Lines about what was found")->capture_default_str();
  CLI::App* status = Add(*scrub, "status", "The scrub that runs, or the last one. Exit code 3: something was wrong",
                         ScrubStatusCommand);
  status->fallthrough();
  commands_.emplace_back(scrub, ScrubCommand);
}

void LifecycleCommands::AddQuarantine(CLI::App& app) {
  CLI::App* quarantine = app.add_subcommand("quarantine", "Blocks that no query and no job reads");
  quarantine->require_subcommand(1);
  CLI::App* list = Add(*quarantine, "list", "Which, since when and why", Plain(QuarantineList));
  AddServer(*list);
  list->add_flag("--json", options_.json, "One JSON object");
  CLI::App* release = Add(*quarantine, "release", "Read them again, for objects that were put back", Plain(QuarantineRelease));
  AddServer(*release);
  release->add_option("ids", options_.ids, "Blocks");
  release->add_flag("--all", options_.all, "All of them");
}

std::optional<Status> LifecycleCommands::Run(const LifecycleTools& tools, bool* all_well) {
  options_.wait_ns = config::ParseDuration(wait_).value_or(0);
  for (const auto& [command, run] : commands_) {
    if (command->parsed()) return run(tools, options_, all_well);
  }
  return std::nullopt;
}

}  // namespace brazier::ctl
