// brazierctl: the command line for people and scripts. Exit codes: 0 done, 1 the command failed, 2 wrong usage.
#include <iostream>
#include <map>

#include <CLI/CLI.hpp>

#include "common/config/address.h"
#include "common/config/quantity.h"
#include "tools/brazierctl/commands.h"

namespace brazier::ctl {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

std::string DurationCheck(const std::string& text) {
  return config::ParseDuration(text) ? "" : "\"" + text + "\" is no duration like 30s, 15m or 1h30m";
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

int Finish(const Status& status) {
  std::cout.flush();
  if (status.ok()) return 0;
  std::cerr << "brazierctl: " << status.ToString() << "\n";
  return kExitFailed;
}

int Main(int argc, char** argv) {
  CLI::App app("brazierctl: push, query and inspect from the command line");
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
  if (version_command->parsed()) std::cout << "brazierctl " << BRAZIER_VERSION << "\n";
  return 0;
}

}  // namespace
}  // namespace brazier::ctl

int main(int argc, char** argv) { return brazier::ctl::Main(argc, argv); }
