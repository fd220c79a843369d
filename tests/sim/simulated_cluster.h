// SimulatedCluster: one run: members, clients, faults, checks, one thread. A run is a function of its options.
//
// Faults and load for `faulty_ns`, then everything is healed, the clients go on for a while, and then all members must
// come to one state within kConvergeNs.
#pragma once

#include <string>

#include "tests/sim/fault_plan.h"
#include "tests/sim/group_operator.h"
#include "tests/sim/workload.h"

namespace brazier::simulation {

struct SimulationOptions {
  uint64_t seed = 1;
  Canary canary = Canary::kNone;
  int64_t faulty_ns = 40 * kSecond;
  bool prints = false;  // what happens, to standard output
};

struct SimulationResult {
  std::string failure;  // empty: every check held
  uint64_t trace = 0;   // of all that happened
  int64_t virtual_ns = 0;
  uint64_t events = 0;
  uint64_t commands = 0;
  uint64_t snapshots = 0;  // installed
  uint64_t leaders = 0;
  uint64_t blocks = 0;
  WorkloadFigures workload;
  FaultFigures faults;
  GroupFigures group;
};

SimulationResult Simulate(const SimulationOptions& options);

// The command that runs this seed again.
std::string ReplayCommand(const SimulationOptions& options);
// "none", "unsynced-log", "skipped-command", "reads-without-barrier", "empty-disk-old-id".
std::string_view CanaryName(Canary canary);

}  // namespace brazier::simulation
