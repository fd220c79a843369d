#include "tests/sim/simulated_cluster.h"

#include <cstdio>

namespace brazier::simulation {
namespace {

constexpr int64_t kCalmLoadNs = 5 * kSecond;
constexpr int64_t kConvergeNs = 30 * kSecond;
constexpr uint64_t kEventsMax = 5'000'000;  // a run that never rests

class Cluster {
 public:
  explicit Cluster(const SimulationOptions& options)
      : options_(options),
        random_(options.seed * 0x9E3779B97F4A7C15ull),
        network_(events_, random_,
                 [this](uint64_t from, uint64_t to, const std::string& message) {
                   checker_.Trace(Hash64(message, from * 1000 + to));
                   SimulatedMember* const member = roster_.Find(to);
                   if (member != nullptr && member->is_up()) member->Receive(message);
                 }),
        world_{clock_, events_, random_, network_, checker_},
        roster_(world_, [this](SimulatedMember& member) { faults_.PowerWent(member); }),
        forgets_(random_.Below(4) == 0),
        changes_group_(random_.Below(2) == 0),
        faults_(world_, roster_, forgets_ ? 10 * kSecond : 120 * kSecond,
                options.canary == Canary::kEmptyDiskOldId),
        operator_(world_, roster_),
        workload_({}, world_, roster_.members()) {
    if (options.prints) {
      checker_.SetPrint([this](const std::string& what) {
        std::printf("%10.4f %s\n", static_cast<double>(clock_.MonotonicNs()) * 1e-9, what.c_str());
      });
    }
    SimulatedMember::Options member;
    member.canary = options.canary;
    // A member that falls behind so short a log needs a snapshot, of several chunks.
    if (random_.Below(2) == 0) {
      member.truncate_entries = 4;
      member.keep_entries = 2;
      member.snapshot_chunk_bytes = 2 << 10;
    }
    if (forgets_) member.dedup = {.window_ns = 5 * kSecond, .bytes_max = 16 * 20};
    roster_.SetOptions(member);
    roster_.Found(changes_group_ ? 1 + random_.Below(GroupOperator::kVotersMax)
                                 : random_.Below(4) == 0 ? 5 : 3);
  }

  SimulationResult Run() {
    for (const auto& member : roster_.members()) {
      if (const Status status = member->Start(); !status.ok()) checker_.Fail(status.ToString());
    }
    workload_.Start();
    faults_.Start();
    operator_.Start(changes_group_);
    RunUntil(options_.faulty_ns);
    operator_.Settle();
    if (checker_.ok()) faults_.Heal();
    const uint64_t acknowledged = workload_.figures().adds_acknowledged;
    // Longer where clients wait for members that were removed and do not know it.
    for (int i = 0; i < 4 && checker_.ok() && workload_.figures().adds_acknowledged == acknowledged; ++i) {
      RunUntil(clock_.MonotonicNs() + kCalmLoadNs);
    }
    workload_.Stop();
    Converge();
    if (checker_.ok()) {
      for (const auto& member : roster_.members()) {
        checker_.Members(member->id(), member->GetStatus().applied_index, member->GetMembers());
        checker_.CheckFinalState(member->id(), member->store());
      }
      if (!forgets_) checker_.CheckIdentitiesCountOnce();
      if (workload_.figures().adds_acknowledged == acknowledged) {
        checker_.Fail("nothing was acknowledged after everything was healed");
      }
    }
    return {.failure = checker_.failure(),
            .trace = checker_.trace(),
            .virtual_ns = clock_.MonotonicNs(),
            .events = events_.executed(),
            .commands = checker_.commands(),
            .snapshots = checker_.restores(),
            .leaders = checker_.leaders(),
            .blocks = checker_.submitted().size(),
            .workload = workload_.figures(),
            .faults = faults_.figures(),
            .group = operator_.figures()};
  }

 private:
  void RunUntil(int64_t time_ns) {
    bool is_reached = false;
    events_.After(time_ns - clock_.MonotonicNs(), [&] { is_reached = true; });
    while (!is_reached && checker_.ok() && events_.RunOne()) {
      if (events_.executed() > kEventsMax) checker_.Fail("the run never rests");
    }
  }

  bool IsConverged() {
    uint64_t applied = 0, leaders = 0;
    if (!operator_.IsSettled()) return false;
    for (const auto& member : roster_.members()) {
      if (!member->is_up()) return false;
      const consensus::RaftNode::CoreStatus status = member->GetStatus();
      if (status.applied_index != status.last_index) return false;
      if (applied != 0 && status.applied_index != applied) return false;
      applied = status.applied_index;
      leaders += status.is_leader ? 1 : 0;
    }
    return leaders == 1;
  }

  std::string Describe() {
    std::string text = "the group is";
    for (const consensus::MemberView& view : roster_.group()) {
      text += " " + std::to_string(view.member.node_id) + (view.progress.is_voter ? "" : " (learner)");
    }
    for (const auto& member : roster_.members()) {
      text += "; member " + std::to_string(member->id());
      if (!member->is_up()) {
        text += " is down";
        continue;
      }
      const consensus::RaftNode::CoreStatus status = member->GetStatus();
      text += (status.is_leader ? " leads in term " : " in term ") + std::to_string(status.term) + " has " +
              std::to_string(status.applied_index) + " of " + std::to_string(status.last_index) + " applied, knows " +
              std::to_string(member->GetMembers().size()) + " members";
    }
    return text;
  }

  void Converge() {
    const int64_t end_ns = clock_.MonotonicNs() + kConvergeNs;
    // Whatever clients left behind ends first.
    RunUntil(clock_.MonotonicNs() + 3 * kSecond);
    while (checker_.ok() && !IsConverged()) {
      if (clock_.MonotonicNs() >= end_ns) return checker_.Fail("the members do not converge: " + Describe());
      RunUntil(clock_.MonotonicNs() + 100 * kMs);
    }
  }

  const SimulationOptions options_;
  VirtualClock clock_;
  EventQueue events_{clock_};
  testing::FakeRandom random_;
  HistoryChecker checker_;
  SimulatedNetwork network_;
  const SimulatedMember::World world_;
  Roster roster_;
  const bool forgets_;        // a small dedup window
  const bool changes_group_;  // an operator adds and removes members
  FaultPlan faults_;
  GroupOperator operator_;
  Workload workload_;
};

}  // namespace

SimulationResult Simulate(const SimulationOptions& options) { return Cluster(options).Run(); }

std::string_view CanaryName(Canary canary) {
  switch (canary) {
    case Canary::kNone:
      return "none";
    case Canary::kUnsyncedLog:
      return "unsynced-log";
    case Canary::kSkippedCommand:
      return "skipped-command";
    case Canary::kReadsWithoutBarrier:
      return "reads-without-barrier";
    case Canary::kEmptyDiskOldId:
      return "empty-disk-old-id";
  }
  return "";
}

std::string ReplayCommand(const SimulationOptions& options) {
  std::string command = "./dev sim --seeds 1 --first " + std::to_string(options.seed);
  const SimulationOptions defaults;
  if (options.faulty_ns != defaults.faulty_ns) {
    command += " --faulty-seconds " + std::to_string(options.faulty_ns / kSecond);
  }
  if (options.canary != Canary::kNone) command += " --canary " + std::string(CanaryName(options.canary));
  return command;
}

}  // namespace brazier::simulation
