// brazier-sim-life: runs seeds of the simulated life of data, one after another, until one fails. docs/simulation.md.
//
//   brazier-sim-life [--seeds N] [--first S] [--minutes M] [--steps T] [--canary NAME] [--print 1]
//
// Ends after N seeds or M minutes, whichever comes first; with neither, after 1,000 seeds. Exit code 1: a seed failed,
// 2: wrong arguments.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/sim/life/life_simulation.h"

namespace brazier::simulation {
namespace {

bool ParseCanary(const std::string& name, LifeCanary* canary) {
  for (LifeCanary candidate : {LifeCanary::kNone, LifeCanary::kLoseARepeatedTime, LifeCanary::kForgetDeletions}) {
    if (name != LifeCanaryName(candidate)) continue;
    *canary = candidate;
    return true;
  }
  return false;
}

int Main(int argc, char** argv) {
  uint64_t seeds = 0, minutes = 0;
  LifeOptions options;
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
    } else if (name == "--steps" && is_number && number > 0 && number <= 100'000) {
      options.steps = static_cast<uint32_t>(number);
    } else if (name == "--print" && is_number) {
      options.prints = number != 0;
    } else if (name != "--canary" || !ParseCanary(value, &options.canary)) {
      std::fprintf(stderr, "usage: brazier-sim-life [--seeds N] [--first S] [--minutes M] [--steps T] [--canary NAME] [--print 1]\n");
      return 2;
    }
  }
  if (seeds == 0) seeds = minutes == 0 ? 1000 : UINT64_MAX;
  const auto started = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count(); };
  LifeFigures total;
  uint64_t done = 0;
  for (; done < seeds && (minutes == 0 || seconds() < 60.0 * static_cast<double>(minutes)); ++done, ++options.seed) {
    const LifeResult result = SimulateLife(options);
    if (!result.failure.empty()) {
      std::printf("FAILED %s\nseed %lu; again: ./dev sim --life --seeds 1 --first %lu --steps %u\n", result.failure.c_str(),
                  options.seed, options.seed, options.steps);
      return 1;
    }
    const LifeFigures& f = result.figures;
    total.segments += f.segments;
    total.jobs_finished += f.jobs_finished;
    total.jobs_refused += f.jobs_refused;
    total.workers_died += f.workers_died;
    total.leaders += f.leaders;
    total.queries += f.queries;
    total.rollup_rows += f.rollup_rows;
    total.deletions += f.deletions;
    total.damaged += f.damaged;
    total.quarantined += f.quarantined;
    total.orphans += f.orphans;
    total.objects_deleted += f.objects_deleted;
  }
  std::printf("%lu seeds in %.1f s: %lu segments, %lu jobs finished, %lu refused, %lu workers died, %lu leaders, %lu queries (%lu roll-up rows), "
              "%lu deletions, %lu objects damaged, %lu blocks quarantined, %lu orphans, %lu objects deleted\n",
              done, seconds(), total.segments, total.jobs_finished, total.jobs_refused, total.workers_died, total.leaders, total.queries,
              total.rollup_rows, total.deletions, total.damaged, total.quarantined, total.orphans, total.objects_deleted);
  return 0;
}

}  // namespace
}  // namespace brazier::simulation

int main(int argc, char** argv) { return brazier::simulation::Main(argc, argv); }
