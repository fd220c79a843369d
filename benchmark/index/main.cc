// The metadata index by itself, in a folder on the disk to be measured: look-ups, memory, disk, time to ready, and group
// commit, over indexes of several sizes.
//
//   brazier-micro-index FOLDER commit                 commands/s and answers, groups of one and of three
//   brazier-micro-index FOLDER remote ADDRESS...      likewise, of a group of processes that runs: Thrift addresses
//   brazier-micro-index FOLDER BLOCKS [BLOCKS...]     build an index of so many blocks (or use the one that is there), measure
//   brazier-micro-index FOLDER compact BLOCKS         likewise, then replace half of its segments; the index is removed
//
//   brazier-micro-index FOLDER steady SERVICES HOURS  objects and entries while services push, in virtual time; FOLDER is not used
//
// Ten million blocks take some ten minutes and GiB; FOLDER keeps them.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "benchmark/index/compaction.h"
#include "benchmark/index/group_commit.h"
#include "benchmark/index/index_build.h"
#include "benchmark/index/look_ups.h"
#include "benchmark/index/measure.h"
#include "benchmark/index/remote_commits.h"
#include "benchmark/index/steady_hours.h"

namespace brazier::benchmark {
namespace {

constexpr size_t kCallers = 256;

void PrintBuild(const BuildFigures& figures) {
  const double n = static_cast<double>(figures.blocks);
  std::printf("built by %zu blocks a command: %.0f blocks/s, %.0f commands/s; per block CPU of Apply %.1f us = %.1f x decoding it "
              "(%.1f us), of its writes %.1f us; %.0f bytes of command, %.0f bytes of keys and values\n",
              kBlocksPerCommand, n / figures.seconds, static_cast<double>(figures.commands) / figures.seconds,
              figures.apply_cpu_seconds * 1e6 / n, figures.apply_cpu_seconds / figures.decode_cpu_seconds,
              figures.decode_cpu_seconds * 1e6 / n, figures.write_cpu_seconds * 1e6 / n,
              static_cast<double>(figures.command_bytes) / n, static_cast<double>(figures.written_bytes) / n);
}

bool Measure(const BlockFleet& fleet, const std::string& folder, uint64_t blocks) {
  const std::string built = folder + "/built";
  std::printf("\n%llu blocks\n", static_cast<unsigned long long>(blocks));
  if (!std::filesystem::exists(built)) {
    std::filesystem::remove_all(folder);
    if (!RunApart([&] { PrintBuild(BuildIndex(fleet, folder + "/index", blocks)); })) return false;
    std::ofstream(built) << blocks;
  }
  return RunApart([&] { MeasureIndex(fleet, folder + "/index", blocks); });
}

bool Compact(const BlockFleet& fleet, const std::string& folder, uint64_t blocks) {
  std::filesystem::remove_all(folder);
  const bool good = RunApart([&] { PrintBuild(BuildIndex(fleet, folder + "/index", blocks)); }) &&
                    RunApart([&] { MeasureCompaction(fleet, folder + "/index", blocks); });
  std::filesystem::remove_all(folder);
  return good;
}

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: brazier-micro-index FOLDER commit|remote ADDRESS...|steady SERVICES HOURS|[compact] BLOCKS...\n");
    return 2;
  }
  const std::string folder = argv[1];
  const BlockFleet fleet;
  std::printf("%zu tenants, %zu services\n", fleet.tenants(), fleet.services().size());
  bool good = true;
  bool compact = false;
  for (int i = 2; i < argc && good; ++i) {
    if (std::string(argv[i]) == "commit") {
      for (size_t members : {1, 3}) {
        good = good && RunApart([&] { MeasureCommits(fleet, folder + "/commit", members, kCallers); });
      }
      continue;
    }
    if (std::string(argv[i]) == "remote") {
      MeasureRemoteCommits(fleet, std::vector<std::string>(argv + i + 1, argv + argc), kCallers);
      return 0;
    }
    if (std::string(argv[i]) == "steady" && i + 2 < argc) {
      MeasureSteadyHours(static_cast<uint32_t>(std::max(1, std::atoi(argv[i + 1]))), static_cast<uint32_t>(std::max(1, std::atoi(argv[i + 2]))));
      return 0;
    }
    if (std::string(argv[i]) == "compact") {
      compact = true;
      continue;
    }
    const uint64_t blocks = std::strtoull(argv[i], nullptr, 10);
    if (blocks < 10'000) {
      std::fprintf(stderr, "%s: at least 10000 blocks, so that an hour is within\n", argv[i]);
      return 2;
    }
    good = compact ? Compact(fleet, folder + "/compact", blocks) : Measure(fleet, folder + "/" + argv[i], blocks);
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace brazier::benchmark

int main(int argc, char** argv) { return brazier::benchmark::Main(argc, argv); }
