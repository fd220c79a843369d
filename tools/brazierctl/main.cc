// brazierctl: the command line for people and scripts. Exit codes: 0 done, 1 the command failed, 2 wrong usage, 3 done, and
// something was found wrong.
#include <chrono>
#include <iostream>
#include <map>
#include <optional>
#include <thread>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "common/base/random.h"
#include "common/config/address.h"
#include "common/config/quantity.h"
#include "common/observe/metrics.h"
#include "common/rpc/group_client.h"
#include "common/rpc/lifecycle_client.h"
#include "tools/brazierctl/commands.h"
#include "tools/brazierctl/group_commands.h"
#include "tools/brazierctl/lifecycle_parsing.h"

namespace brazier::ctl {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitFoundWrong = 3;

std::string DurationCheck(const std::string& text) {
  return config::ParseDuration(text) ? "" : "\"" + text + "\" is no duration like 30s, 15m or 1h30m";
}

std::string BytesCheck(const std::string& text) {
  return config::ParseBytes(text) ? "" : "\"" + text + "\" is no size like 64MiB";
}

std::string AddressCheck(const std::string& text) {
  return config::ParseHostPort(text) ? "" : "\"" + text + "\" is not of the form host:port";
}

void AddServerOptions(CLI::App& command, ServerOptions& server) {
  command.add_option("--server", server.address, "Thrift address of the server")
      ->capture_default_str()
      ->check(AddressCheck);
  command.add_option("--tenant", server.tenant, "Tenant, for servers with multi-tenancy");
  command.add_option("--timeout-ms", server.timeout_ms, "Longest wait for the answer")
      ->capture_default_str()
      ->check(CLI::Range(1, 600'000));
}

void AddPushOptions(CLI::App& command, PushOptions& options) {
  command.add_option("--format", options.format, "Format of the files: pprof, folded, lines, ...")
      ->capture_default_str();
  command.add_option("-l,--label", options.labels, "Label name=value; once per label");
  command.add_option("--name", options.name, "Application name, app.cpu{tag=value}; instead of labels");
  command.add_option("--id", options.id, "Id of the profile; sent twice it counts once");
  command.add_option("files", options.files, "Files with a profile each; - is standard input")
      ->required();
}

void AddQueryOptions(CLI::App& command, QueryOptions& options, std::string& since,
                     std::string& step) {
  static const std::map<std::string, QueryOutput> kOutputs = {
      {"top", QueryOutput::kTop},       {"tree", QueryOutput::kTree},
      {"folded", QueryOutput::kFolded}, {"pprof", QueryOutput::kPprof},
      {"series", QueryOutput::kSeries}, {"types", QueryOutput::kTypes},
      {"labels", QueryOutput::kLabels}, {"values", QueryOutput::kValues},
      {"timeline", QueryOutput::kTimeline}, {"usage", QueryOutput::kUsage}, {"dot", QueryOutput::kDot}};
  command.add_option("output", options.output,
                     "top, tree, folded, pprof, dot, timeline, usage, types, series, labels, values")
      ->required()
      ->transform(CLI::Transformer(kOutputs).description(""));
  command.add_option("-s,--selector", options.selector, "Series, {service_name=\"api\"}")
      ->capture_default_str();
  command.add_option("-t,--profile-type", options.profile_type,
                     "Id of the profile type; `query types` lists them");
  command.add_option("--since", since, "Begin of the range, this long ago")
      ->capture_default_str()
      ->check(DurationCheck);
  command.add_option("--start-ns", options.start_ns, "Begin of the range, ns since the epoch");
  command.add_option("--end-ns", options.end_ns, "End of the range, ns since the epoch; else now");
  command.add_option("--label", options.label, "values: the label");
  command.add_option("--group-by", options.group_by, "timeline, usage: one series per value of this label");
  command.add_option("--step", step, "timeline, usage: width of a bucket")
      ->capture_default_str()
      ->check(DurationCheck);
  command.add_option("--rows", options.rows, "top, dot: number of functions")->capture_default_str();
  command.add_option("-o,--file", options.file, "pprof: write to this file");
  CLI::Option* function = command.add_option("--function", options.function, "usage: what is spent in stacks with this function");
  command.add_option("--function-regex", options.function_regex, "usage: or with any whose whole name matches")->excludes(function);
  command.add_flag("--exemplars", options.exemplars, "timeline: name the profile with the largest value of each point");
  command.add_option("--profile-id", options.profile_ids, "Only these profiles, as exemplars name them");
  command.add_option("--span", options.span_ids, "Only samples of these spans, 16 hexadecimal digits");
  command.add_option("--trace", options.trace_ids, "Only samples of these traces, 32 hexadecimal digits");
  command.add_option("--with-function", options.with_functions, "Only stacks that have this function; all of several");
  command.add_option("--min-value", options.min_value, "Only profiles of a series with at least so much");
  command.add_flag("--explain", options.explain, "Also print, on stderr, what was read of which block");
}

// Returns the option --data-dir.
CLI::Option* AddIndexOptions(CLI::App& command, IndexOptions& options) {
  command.add_option("--from", options.bucket, "Folder of the objects (object-store.path of the server)")
      ->required();
  CLI::Option* data_dir = command.add_option(
      "--data-dir", options.data_dir,
      "data-dir of the metastore's process, which must be stopped; the index is in DIR/metastore");
  command.add_option("--readers", options.readers, "Objects read at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  command.add_option("--show", options.show, "Lines about what is wrong, of each kind (at most 10000)")
      ->capture_default_str();
  return data_dir;
}

void AddVerifyOptions(CLI::App& command, IndexOptions& options, std::string& settle) {
  CLI::Option* data_dir = AddIndexOptions(command, options);
  CLI::Option* server = command.add_option("--server", options.server,
                                           "Instead of --data-dir: Thrift address of a metastore that runs");
  server->excludes(data_dir);
  command.add_option("--settle", settle, "With --server: blocks younger than this are not compared")
      ->capture_default_str()
      ->check(DurationCheck)
      ->needs(server);
  command.add_option("--timeout-ms", options.server_timeout_ms, "With --server: of one call")
      ->capture_default_str()
      ->check(CLI::Range(1, 3'600'000))
      ->needs(server);
  command.callback([&options] {
    if (options.data_dir.empty() && options.server.empty()) throw CLI::RequiredError("--data-dir or --server");
  });
}

struct DedupTexts {
  std::string window = "10m", bytes_max = "64MiB";
};

void AddRebuildOptions(CLI::App& command, IndexOptions& options, DedupTexts& dedup) {
  AddIndexOptions(command, options)->required();
  command.add_option("--snapshot", options.snapshot,
                     "Begin with a copy of the index from the bucket, \"newest\" or its folder, and read only objects that "
                     "it does not know");
  command.add_flag("--resume", options.resume, "Continue an interrupted rebuild: known blocks are passed over");
  command.add_option("--dedup-window", dedup.window, "As dedup.window of the server")
      ->capture_default_str()
      ->check(DurationCheck);
  command.add_option("--dedup-bytes-max", dedup.bytes_max, "As dedup.bytes-max of the server")
      ->capture_default_str()
      ->check(BytesCheck);
}

// Every `metastore` command: its parser, what it does, and what its one argument is called.
using GroupCommand = Status (*)(const GroupTools&, const GroupOptions&);

struct GroupCommands {
  CLI::App* status = nullptr;
  std::vector<std::pair<CLI::App*, GroupCommand>> changes;
};

constexpr char kMemberHelp[] = "Node id, name or Thrift address of the member";

CLI::App* AddGroupCommand(CLI::App& parent, const std::string& name, const std::string& description,
                          GroupOptions& options, bool has_server = true) {
  CLI::App* command = parent.add_subcommand(name, description);
  if (has_server) {
    command
        ->add_option("--server", options.servers,
                     "Thrift addresses of members, comma separated; one that answers is enough")
        ->delimiter(',')
        ->allow_extra_args(false)  // what follows is the command's own argument
        ->check(AddressCheck)
        ->capture_default_str();
  }
  command->add_option("--timeout-ms", options.timeout_ms, "Longest wait for one answer")
      ->capture_default_str()
      ->check(CLI::Range(1, 600'000));
  return command;
}

GroupCommands AddGroupCommands(CLI::App& app, GroupOptions& options, std::string& wait) {
  GroupCommands commands;
  CLI::App* group = app.add_subcommand("metastore", "The group of the metastore's members: see, found, change");
  group->require_subcommand(1);
  const auto add = [&](const char* name, const char* description, GroupCommand run,
                       bool has_server = true) {
    commands.changes.emplace_back(AddGroupCommand(*group, name, description, options, has_server), run);
    return commands.changes.back().first;
  };
  const auto add_wait = [&](CLI::App* command) {
    command->add_option("--wait", wait, "Longest wait until the member has caught up")
        ->capture_default_str()
        ->check(DurationCheck);
  };
  commands.status = AddGroupCommand(
      *group, "status",
      "The group and its members. Exit code 3: there is no group, nothing can be committed, or a member is not active",
      options);
  commands.status->add_flag("--json", options.json, "One JSON object; unknown values are null");

  add("found", "Found a group of members that belong to none. Repeating it is harmless", GroupFound, false)
      ->add_option("members", options.members, "Thrift addresses of all members, best 3 or 5")
      ->required()
      ->check(AddressCheck);
  CLI::App* grow = add("add",
                       "Add a member that belongs to no group: as a learner, which becomes a voter once it has caught "
                       "up. Under the address of a member whose disk was lost it replaces that one",
                       GroupAdd);
  grow->add_option("address", options.member, "Thrift address of the new member")
      ->required()
      ->check(AddressCheck);
  grow->add_flag("--learner", options.learner, "Leave it a learner: it gets everything and decides nothing");
  add_wait(grow);
  CLI::App* promote = add("promote", "Make a learner a voter, once it has caught up", GroupPromote);
  promote->add_option("member", options.member, kMemberHelp)->required();
  add_wait(promote);
  CLI::App* remove = add("remove",
                         "Remove a member for good: it cannot come back under its node id. Asks for --yes where the "
                         "group would bear fewer failures or keep fewer than 3 voters",
                         GroupRemove);
  remove->add_option("member", options.member, kMemberHelp)->required();
  remove->add_flag("--yes", options.yes, "Also when the group gets weaker");
  add("transfer", "Let this voter lead", GroupTransfer)
      ->add_option("member", options.member, kMemberHelp)
      ->required();
  add("step-down", "Let another voter lead than now, for example before a restart", GroupStepDown);
  add("snapshot", "Write the state of the first server that answers to the object store", GroupTakeSnapshot);
  return commands;
}

int Finish(const Status& status) {
  std::cout.flush();
  if (status.ok()) return 0;
  std::cerr << "brazierctl: " << status.ToString() << "\n";
  return kExitFailed;
}

using IndexCommand = Status (*)(const IndexOptions&, std::ostream&, std::ostream&, bool, bool*);

int RunIndexCommand(IndexCommand command, const IndexOptions& options) {
  bool all_well = false;
  const Status status = command(options, std::cout, std::cerr, isatty(STDERR_FILENO) != 0, &all_well);
  const int code = Finish(status);
  return code == 0 && !all_well ? kExitFoundWrong : code;
}

// The exit code, or nullopt when none of them was asked for.
std::optional<int> RunGroupCommand(const GroupCommands& commands, const GroupOptions& options) {
  MetricsRegistry metrics;
  GroupTools tools;
  tools.connect = [&](std::vector<std::string> addresses) {
    return std::make_unique<rpc::GroupClient>(std::move(addresses), SystemClock(), SystemRandom(),
                                              metrics);
  };
  tools.clock = &SystemClock();
  tools.sleep = [](int64_t ns) { std::this_thread::sleep_for(std::chrono::nanoseconds(ns)); };
  tools.out = &std::cout;
  tools.progress = &std::cerr;
  tools.progress_is_terminal = isatty(STDERR_FILENO) != 0;
  if (commands.status->parsed()) {
    bool all_well = false;
    const int code = Finish(GroupStatusCommand(tools, options, &all_well));
    return code == 0 && !all_well ? kExitFoundWrong : code;
  }
  for (const auto& [command, run] : commands.changes) {
    if (command->parsed()) return Finish(run(tools, options));
  }
  return std::nullopt;
}

// Likewise.
std::optional<int> RunLifecycleCommand(LifecycleCommands& commands) {
  MetricsRegistry metrics;
  LifecycleTools tools;
  tools.connect = [&](std::vector<std::string> addresses) {
    return std::make_unique<rpc::LifecycleClient>(std::move(addresses), SystemClock(), SystemRandom(), metrics);
  };
  tools.clock = &SystemClock();
  tools.random = &SystemRandom();
  tools.sleep = [](int64_t ns) { std::this_thread::sleep_for(std::chrono::nanoseconds(ns)); };
  tools.out = &std::cout;
  tools.progress = &std::cerr;
  tools.progress_is_terminal = isatty(STDERR_FILENO) != 0;
  bool all_well = true;
  const std::optional<Status> status = commands.Run(tools, &all_well);
  if (!status.has_value()) return std::nullopt;
  const int code = Finish(*status);
  return code == 0 && !all_well ? kExitFoundWrong : code;
}

int Main(int argc, char** argv) {
  CLI::App app("brazierctl: push, query, inspect and repair from the command line");
  app.require_subcommand(1);
  ServerOptions server;
  PushOptions push;
  QueryOptions query;
  std::string since = "1h", step = "15s", file;

  CLI::App* push_command = app.add_subcommand("push", "Send profiles and print the receipt");
  AddServerOptions(*push_command, server);
  AddPushOptions(*push_command, push);
  CLI::App* query_command = app.add_subcommand("query", "Ask and print the answer");
  AddServerOptions(*query_command, server);
  AddQueryOptions(*query_command, query, since, step);
  CLI::App* ready_command = app.add_subcommand("ready", "Whether a push and a query would succeed");
  AddServerOptions(*ready_command, server);
  CLI::App* inspect_command = app.add_subcommand("inspect", "Print what an object holds, check it");
  inspect_command->add_option("file", file, "Object, *.brz")->required();
  IndexOptions index;
  DedupTexts dedup;
  CLI::App* index_command = app.add_subcommand("index", "Recreate or check the metastore's index");
  index_command->require_subcommand(1);
  CLI::App* rebuild_command = index_command->add_subcommand(
      "rebuild", "Recreate a lost index from the objects' own footers. Exit code 3: some objects were left out");
  AddRebuildOptions(*rebuild_command, index, dedup);
  CLI::App* verify_command = index_command->add_subcommand(
      "verify",
      "Compare an index with its bucket: that of a stopped metastore, or of one that runs. Exit code 3: they differ");
  std::string settle = "10m";
  AddVerifyOptions(*verify_command, index, settle);
  GroupOptions group;
  group.servers = {server.address};
  std::string wait = "10m";
  const GroupCommands group_commands = AddGroupCommands(app, group, wait);
  LifecycleCommands lifecycle_commands(app, {server.address});
  RollupOptions rollup;
  CLI::App* rollup_command = app.add_subcommand("rollup", "Hourly and daily totals of compacted objects");
  rollup_command->require_subcommand(1);
  CLI::App* rollup_verify_command = rollup_command->add_subcommand(
      "verify", "Recompute them from the rows of the objects, and compare. Exit code 3: some differ, or cannot be read");
  CLI::Option* rollup_files = rollup_verify_command->add_option("files", rollup.files, "Objects, *.brz");
  rollup_verify_command->add_option("--from", rollup.bucket, "Instead: folder of the objects, all of them")
      ->excludes(rollup_files);
  rollup_verify_command->add_option("--show", rollup.show, "Lines about differences")->capture_default_str();
  CLI::App* version_command = app.add_subcommand("version", "Print the version");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kExitUsage;
  }
  query.since_ns = config::ParseDuration(since).value_or(0);
  query.step_ns = config::ParseDuration(step).value_or(0);
  if (push_command->parsed()) return Finish(Push(server, push, std::cout));
  if (query_command->parsed()) return Finish(Query(server, query, std::cout));
  if (ready_command->parsed()) return Finish(Ready(server, std::cout));
  if (inspect_command->parsed()) return Finish(Inspect(file, std::cout));
  group.wait_ns = config::ParseDuration(wait).value_or(0);
  if (const auto code = RunGroupCommand(group_commands, group)) return *code;
  if (const auto code = RunLifecycleCommand(lifecycle_commands)) return *code;
  index.dedup_window_ns = config::ParseDuration(dedup.window).value_or(0);
  index.dedup_bytes_max = config::ParseBytes(dedup.bytes_max).value_or(0);
  index.settle_ns = config::ParseDuration(settle).value_or(0);
  if (rebuild_command->parsed()) return RunIndexCommand(IndexRebuild, index);
  if (verify_command->parsed()) return RunIndexCommand(IndexVerify, index);
  if (rollup_verify_command->parsed()) {
    bool all_well = false;
    const int code = Finish(RollupVerify(rollup, std::cout, std::cerr, isatty(STDERR_FILENO) != 0, &all_well));
    return code == 0 && !all_well ? kExitFoundWrong : code;
  }
  if (version_command->parsed()) std::cout << "brazierctl " << BRAZIER_VERSION << "\n";
  return 0;
}

}  // namespace
}  // namespace brazier::ctl

int main(int argc, char** argv) { return brazier::ctl::Main(argc, argv); }
