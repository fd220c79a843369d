// FaultPlan: what goes wrong and when. The seed decides which kinds of faults a run has, how often they come, and each
// of them; every fault but a skewed clock and a lost disk ends by itself after a while. Thread-hostile.
#pragma once

#include <memory>
#include <vector>

#include "tests/sim/roster.h"

namespace brazier::simulation {

struct FaultFigures {
  uint64_t crashes = 0;
  uint64_t partitions = 0;
  uint64_t stalls = 0;
  uint64_t full_disks = 0;
  uint64_t transfers = 0;
  uint64_t lost_disks = 0;
};

class FaultPlan {
 public:
  // `loses_disks`: lost disks are among the kinds whatever the seed says.
  FaultPlan(const SimulatedMember::World& world, Roster& roster, int64_t skew_max_ns, bool loses_disks);

  void Start() { ScheduleNext(); }
  // Ends every fault and starts every member.
  void Heal();
  // A member whose power went inside a write comes back later.
  void PowerWent(SimulatedMember& member);
  const FaultFigures& figures() const { return figures_; }

 private:
  void ScheduleNext();
  void Inject();
  void Crash(SimulatedMember& member);
  void RestartLater(SimulatedMember& member);
  void Restart(SimulatedMember& member);
  void LoseDisk(SimulatedMember& member);
  void Partition(SimulatedMember& member);
  void DisturbNetwork();

  const SimulatedMember::World world_;
  Roster& roster_;
  Roster::Members& members_;
  const int64_t skew_max_ns_;
  // Kinds of this run and their pace.
  uint64_t kinds_ = 0;
  int64_t pause_max_ns_ = 0;
  int64_t sync_latency_max_ns_ = 0;
  bool is_healed_ = false;
  FaultFigures figures_;
};

}  // namespace brazier::simulation
