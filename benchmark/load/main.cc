// brazier-load: measures a brazier monolith end to end and prints ratios to floors measured in the same run.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "benchmark/load/measurements.h"

namespace brazier::benchmark {
namespace {

struct Measurement {
  const char* name;
  void (*run)(const Options&, Report*);
};
constexpr Measurement kMeasurements[] = {{"ack", MeasureAcknowledgement},
                                         {"ingest", MeasureIngest},
                                         {"services", MeasureManyServices},
                                         {"query", MeasureQueries},
                                         {"reads", MeasureReads},
                                         {"linger", MeasureLinger},
                                         {"compaction", MeasureCompaction}};

void PrintUsage() {
  std::printf(
      "usage: brazier-load [--brazier PATH] [OPTIONS] [MEASUREMENT...]\n\n"
      "  --brazier PATH       the server's binary (build/release/brazier)\n"
      "  --scratch DIR        where data folders are made and removed (build/bench); the disk that is measured\n"
      "  --connections N      at full speed (16)\n"
      "  --profiles N         per run at full speed (3000)\n"
      "  --table-seconds S    per row of the linger table (5)\n"
      "  --compaction-seconds S  of steady load before compaction is measured (60)\n"
      "  -- FLAGS...          everything after a lone -- goes to every server, for example -- --segment.linger=0ms\n\n"
      "measurements:");
  for (const Measurement& m : kMeasurements) std::printf(" %s", m.name);
  std::printf("; without any: all\n");
}

int Main(int argc, char** argv) {
  Options options;
  options.brazier = "build/release/brazier";
  std::vector<std::string_view> names;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--help") {
      PrintUsage();
      return 0;
    }
    if (argument == "--") {
      options.server_flags.assign(argv + i + 1, argv + argc);
      break;
    }
    if (argument == "--brazier" && has_value) {
      options.brazier = argv[++i];
    } else if (argument == "--scratch" && has_value) {
      options.scratch = argv[++i];
    } else if (argument == "--connections" && has_value) {
      options.connections = static_cast<unsigned>(std::max(1, std::atoi(argv[++i])));
    } else if (argument == "--profiles" && has_value) {
      options.profiles = static_cast<size_t>(std::max(100, std::atoi(argv[++i])));
    } else if (argument == "--table-seconds" && has_value) {
      options.table_seconds = std::max(1.0, std::atof(argv[++i]));
    } else if (argument == "--compaction-seconds" && has_value) {
      options.compaction_seconds = std::max(5.0, std::atof(argv[++i]));
    } else if (!argument.starts_with("-")) {
      names.push_back(argument);
    } else {
      std::fprintf(stderr, "brazier-load: unknown option %s\n", argv[i]);
      PrintUsage();
      return 2;
    }
  }
  for (std::string_view name : names) {
    bool known = false;
    for (const Measurement& m : kMeasurements) known = known || name == m.name;
    if (!known) {
      std::fprintf(stderr, "brazier-load: unknown measurement %s\n", std::string(name).c_str());
      return 2;
    }
  }
  Report report;
  for (const Measurement& m : kMeasurements) {
    bool wanted = names.empty();
    for (std::string_view name : names) wanted = wanted || name == m.name;
    if (wanted) m.run(options, &report);
    std::fflush(stdout);
  }
  std::printf("\n| goal | measured | limit | |\n|---|---|---|---|\n");
  for (const Goal& goal : report.goals) {
    std::printf("| %s | %.2f %s | %.2f | %s |\n", goal.name.c_str(), goal.value, goal.unit.c_str(), goal.limit,
                goal.value <= goal.limit ? "met" : "missed");
  }
  return 0;
}

}  // namespace
}  // namespace brazier::benchmark

int main(int argc, char** argv) { return brazier::benchmark::Main(argc, argv); }
