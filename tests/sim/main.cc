// brazier-sim: runs seeds of the simulation, one after another, until one fails. docs/simulation.md.
//
//   brazier-sim [--seeds N] [--first S] [--minutes M] [--faulty-seconds T] [--canary NAME] [--print 1]
//
// Ends after N seeds or M minutes, whichever comes first; with neither, after 1,000 seeds. Exit code 1: a seed failed,
// 2: wrong arguments.
// --faulty-seconds: virtual time with faults, 40 when not given.
// --print 1 shows what happens, to follow one seed by eye.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/sim/simulated_cluster.h"

namespace brazier::simulation {
namespace {

// For the handler of a failed CHECK, which can only write.
char replay_line[256];

void OnAbort(int) {
  static_cast<void>(!write(2, replay_line, std::strlen(replay_line)));
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

bool ParseCanary(const std::string& name, Canary* canary) {
  for (Canary candidate : {Canary::kNone, Canary::kUnsyncedLog, Canary::kSkippedCommand,
                           Canary::kReadsWithoutBarrier, Canary::kEmptyDiskOldId}) {
    if (name != CanaryName(candidate)) continue;
    *canary = candidate;
    return true;
  }
  return false;
}

int Main(int argc, char** argv) {
  uint64_t seeds = 0, minutes = 0;
  SimulationOptions options;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    char* end = nullptr;
    const uint64_t number = std::strtoull(value.c_str(), &end, 10);
    const bool is_number = !value.empty() && *end == '\0';
    if (name == "--seeds" && is_number) {
      seeds = number;
    } else if (name == "--first" && is_number) {
      options.seed = number;
    } else if (name == "--minutes" && is_number) {
      minutes = number;
    } else if (name == "--faulty-seconds" && is_number && number > 0 && number <= 100'000) {
      options.faulty_ns = static_cast<int64_t>(number) * kSecond;
    } else if (name == "--print" && is_number) {
      options.prints = number != 0;
    } else if (name != "--canary" || !ParseCanary(value, &options.canary)) {
      std::fprintf(stderr, "usage: brazier-sim [--seeds N] [--first S] [--minutes M] [--faulty-seconds T]"
                           " [--canary NAME] [--print 1]\n");
      return 2;
    }
  }
  if (seeds == 0) seeds = minutes == 0 ? 1000 : UINT64_MAX;
  std::signal(SIGABRT, OnAbort);
  const auto started = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  };
  SimulationResult total;
  uint64_t done = 0;
  for (; done < seeds && (minutes == 0 || seconds() < 60.0 * minutes); ++done, ++options.seed) {
    std::snprintf(replay_line, sizeof replay_line, "seed %llu; again: %s\n",
                  static_cast<unsigned long long>(options.seed), ReplayCommand(options).c_str());
    const SimulationResult result = Simulate(options);
    if (!result.failure.empty()) {
      std::printf("FAILED at %.3f s of %s%s", static_cast<double>(result.virtual_ns) * 1e-9,
                  (result.failure + "\n").c_str(), replay_line);
      return 1;
    }
    total.virtual_ns += result.virtual_ns;
    total.events += result.events;
    total.commands += result.commands;
    total.leaders += result.leaders;
    total.snapshots += result.snapshots;
    total.workload.adds_acknowledged += result.workload.adds_acknowledged;
    total.workload.reads_answered += result.workload.reads_answered;
    total.faults.crashes += result.faults.crashes;
    total.faults.partitions += result.faults.partitions;
    total.faults.stalls += result.faults.stalls;
    total.faults.full_disks += result.faults.full_disks;
    total.faults.transfers += result.faults.transfers;
    total.faults.lost_disks += result.faults.lost_disks;
    total.group.joins += result.group.joins;
    total.group.rejoins += result.group.rejoins;
    total.group.removals += result.group.removals;
    total.group.refusals += result.group.refusals;
  }
  const auto print = [](const char* name, uint64_t value) {
    std::printf(", %llu %s", static_cast<unsigned long long>(value), name);
  };
  std::printf("%llu seeds in %.1f s, %.1f hours of virtual time", static_cast<unsigned long long>(done), seconds(),
              static_cast<double>(total.virtual_ns) / 3.6e12);
  print("events", total.events);
  print("commands", total.commands);
  print("acknowledged adds", total.workload.adds_acknowledged);
  print("reads", total.workload.reads_answered);
  print("leaders", total.leaders);
  print("snapshots", total.snapshots);
  std::printf("\nfaults");
  print("crashes", total.faults.crashes);
  print("partitions", total.faults.partitions);
  print("stalls", total.faults.stalls);
  print("full disks", total.faults.full_disks);
  print("transfers", total.faults.transfers);
  print("lost disks", total.faults.lost_disks);
  std::printf("\nmembers");
  print("joined", total.group.joins);
  print("of them after a lost disk", total.group.rejoins);
  print("removed", total.group.removals);
  print("requests refused", total.group.refusals);
  std::printf("\n");
  return 0;
}

}  // namespace
}  // namespace brazier::simulation

int main(int argc, char** argv) { return brazier::simulation::Main(argc, argv); }
