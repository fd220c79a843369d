#include "tests/sim/fault_plan.h"

namespace brazier::simulation {
namespace {

enum Kind : uint64_t {
  kCrash, kCrashInWrite, kPartition, kNetwork, kStall, kFull, kSkew, kTransfer, kLostDisk, kKinds
};
constexpr std::string_view kKindNames[] = {"crash",     "crash in a write", "partition", "network",  "stall",
                                           "full disk", "skew",             "transfer",  "lost disk"};

}  // namespace

FaultPlan::FaultPlan(const SimulatedMember::World& world, Roster& roster, int64_t skew_max_ns, bool loses_disks)
    : world_(world), roster_(roster), members_(roster.members()), skew_max_ns_(skew_max_ns) {
  kinds_ = 1 + world_.random.Below((1u << kKinds) - 1);
  if (loses_disks) kinds_ |= 1u << kLostDisk;
  pause_max_ns_ = static_cast<int64_t>(300 + world_.random.Below(5000)) * kMs;
  if (world_.random.Below(2) == 0) {
    sync_latency_max_ns_ = 1 + static_cast<int64_t>(world_.random.Below(20 * kMs));
  }
}

void FaultPlan::ScheduleNext() {
  if (is_healed_) return;
  world_.events.After(static_cast<int64_t>(world_.random.Below(pause_max_ns_)), [this] {
    if (is_healed_) return;
    Inject();
    ScheduleNext();
  });
}

void FaultPlan::Inject() {
  uint64_t kind = world_.random.Below(kKinds);
  while ((kinds_ >> kind & 1) == 0) kind = (kind + 1) % kKinds;
  SimulatedMember& member = *members_[world_.random.Below(members_.size())];
  member.store().SetSyncLatency(sync_latency_max_ns_);
  if (world_.checker.prints()) {
    world_.checker.Note(std::string(kKindNames[kind]) + ", member " + std::to_string(member.id()));
  }
  switch (kind) {
    case kCrash:
      if (member.is_up()) Crash(member);
      break;
    case kCrashInWrite:
      if (member.is_up()) member.store().CutPowerInWrite(1 + world_.random.Below(6));
      break;
    case kPartition:
      Partition(member);
      break;
    case kNetwork:
      DisturbNetwork();
      break;
    case kStall:
      ++figures_.stalls;
      member.store().StallUntil(world_.events.now_ns() +
                                static_cast<int64_t>(1 + world_.random.Below(60)) * kSecond /
                                    (world_.random.Below(2) == 0 ? 1 : 10));
      break;
    case kFull:
      ++figures_.full_disks;
      member.store().SetFailing(true);
      world_.events.After(static_cast<int64_t>(world_.random.Below(8 * kSecond)),
                          [&member] { member.store().SetFailing(false); });
      break;
    case kSkew:
      member.clock().SetSkew(static_cast<int64_t>(world_.random.Below(2 * skew_max_ns_)) -
                             skew_max_ns_);
      break;
    case kTransfer:
      for (const auto& leader : members_) {
        if (!leader->is_up() || !leader->GetStatus().is_leader) continue;
        ++figures_.transfers;
        leader->TransferLeader(member.id());
      }
      break;
    case kLostDisk:
      if (roster_.MayLose(member)) LoseDisk(member);
      break;
  }
}

void FaultPlan::Crash(SimulatedMember& member) {
  member.Crash();
  PowerWent(member);
}

void FaultPlan::PowerWent(SimulatedMember& member) {
  ++figures_.crashes;
  RestartLater(member);
}

void FaultPlan::RestartLater(SimulatedMember& member) {
  const int64_t longest_ns = world_.random.Below(3) == 0 ? 10 * kSecond : 500 * kMs;
  world_.events.After(static_cast<int64_t>(world_.random.Below(longest_ns)),
                      [this, &member] { Restart(member); });
}

void FaultPlan::Restart(SimulatedMember& member) {
  if (member.is_up() || member.is_lost()) return;
  const Status status = member.Start();
  if (status.ok()) return;
  if (status.code() == Code::kUnavailable) {
    member.Crash();  // its disk cannot be written
    return RestartLater(member);
  }
  world_.checker.Fail("member " + std::to_string(member.id()) +
                      " does not start: " + status.ToString());
}

// At times together with the power of the leader, who knows what the lost disk had: the rest must not go by one that forgot.
void FaultPlan::LoseDisk(SimulatedMember& member) {
  ++figures_.lost_disks;
  RestartLater(roster_.Lose(member));
  if (world_.random.Below(2) != 0) return;
  for (const auto& leader : members_) {
    if (leader->is_up() && leader->GetStatus().is_leader) return Crash(*leader);
  }
}

// One member from all others, or a group from the rest; both ways or one.
void FaultPlan::Partition(SimulatedMember& member) {
  ++figures_.partitions;
  const uint64_t other = members_[world_.random.Below(members_.size())]->id();
  const uint64_t direction = world_.random.Below(3);
  for (const auto& peer : members_) {
    if (peer->id() == member.id() || peer->id() == other) continue;
    for (uint64_t cut : {member.id(), other}) {
      if (direction != 0) world_.network.Block(cut, peer->id());
      if (direction != 1) world_.network.Block(peer->id(), cut);
    }
  }
  world_.events.After(static_cast<int64_t>(world_.random.Below(8 * kSecond)),
                      [this] { world_.network.Unblock(); });
}

void FaultPlan::DisturbNetwork() {
  world_.network.SetFaults({.lost_per_mille = world_.random.Below(2) * world_.random.Below(300),
                            .repeated_per_mille = world_.random.Below(300),
                            .slow_per_mille = world_.random.Below(300),
                            .slow_max_ns = 1 + static_cast<int64_t>(
                                                   world_.random.Below(2) == 0
                                                       ? world_.random.Below(100 * kMs)
                                                       : world_.random.Below(6 * kSecond))});
  world_.events.After(static_cast<int64_t>(world_.random.Below(10 * kSecond)),
                      [this] { world_.network.SetFaults({}); });
}

void FaultPlan::Heal() {
  is_healed_ = true;
  world_.network.Unblock();
  world_.network.SetFaults({});
  for (const auto& member : members_) {
    member->store().Heal();
    member->clock().SetSkew(0);
    Restart(*member);
  }
}

}  // namespace brazier::simulation
