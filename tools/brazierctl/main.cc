// brazierctl: the command line for people and scripts. Exit codes: 0 done, 1 the command failed, 2 wrong usage, 3 done, and
// something was found wrong.
#include <iostream>
#include <map>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "common/config/address.h"
#include "common/config/quantity.h"
#include "tools/brazierctl/commands.h"

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
      {"timeline", QueryOutput::kTimeline}};
  command.add_option("output", options.output,
                     "top, tree, folded, pprof, timeline, types, series, labels, values")
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
  command.add_option("--group-by", options.group_by, "timeline: one series per value of this label");
  command.add_option("--step", step, "timeline: width of a bucket")
      ->capture_default_str()
      ->check(DurationCheck);
  command.add_option("--rows", options.rows, "top: number of functions")->capture_default_str();
  command.add_option("-o,--file", options.file, "pprof: write to this file");
}

void AddIndexOptions(CLI::App& command, IndexOptions& options) {
  command.add_option("--from", options.bucket, "Folder of the objects (object-store.path of the server)")
      ->required();
  command.add_option("--data-dir", options.data_dir,
                     "data-dir of the metastore's process, which must be stopped; the index is in DIR/metastore")
      ->required();
  command.add_option("--readers", options.readers, "Objects read at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  command.add_option("--show", options.show, "Lines about what is wrong, of each kind (at most 10000)")
      ->capture_default_str();
}

struct DedupTexts {
  std::string window = "10m", bytes_max = "64MiB";
};

void AddRebuildOptions(CLI::App& command, IndexOptions& options, DedupTexts& dedup) {
  AddIndexOptions(command, options);
  command.add_flag("--resume", options.resume, "Continue an interrupted rebuild: known blocks are passed over");
  command.add_option("--dedup-window", dedup.window, "As dedup.window of the server")
      ->capture_default_str()
      ->check(DurationCheck);
  command.add_option("--dedup-bytes-max", dedup.bytes_max, "As dedup.bytes-max of the server")
      ->capture_default_str()
      ->check(BytesCheck);
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
  CLI::App* index_command = app.add_subcommand("index", "Recreate or check the index of a stopped metastore");
  index_command->require_subcommand(1);
  CLI::App* rebuild_command = index_command->add_subcommand(
      "rebuild", "Recreate a lost index from the objects' own footers. Exit code 3: some objects were left out");
  AddRebuildOptions(*rebuild_command, index, dedup);
  CLI::App* verify_command = index_command->add_subcommand(
      "verify",
      "Compare an index with its bucket. Exit code 3: they differ. Only the index of a stopped metastore: a running "
      "one cannot list all of its blocks yet");
  AddIndexOptions(*verify_command, index);
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
  index.dedup_window_ns = config::ParseDuration(dedup.window).value_or(0);
  index.dedup_bytes_max = config::ParseBytes(dedup.bytes_max).value_or(0);
  if (rebuild_command->parsed()) return RunIndexCommand(IndexRebuild, index);
  if (verify_command->parsed()) return RunIndexCommand(IndexVerify, index);
  if (version_command->parsed()) std::cout << "brazierctl " << BRAZIER_VERSION << "\n";
  return 0;
}

}  // namespace
}  // namespace brazier::ctl

int main(int argc, char** argv) { return brazier::ctl::Main(argc, argv); }
