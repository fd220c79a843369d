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
                   if (members_[to - 1]->is_up()) members_[to - 1]->Receive(message);
                 }),
        world_{clock_, events_, random_, network_, checker_},
        forgets_(random_.Below(4) == 0),
        faults_(world_, members_, forgets_ ? 10 * kSecond : 120 * kSecond),
        workload_({}, world_, members_) {
    if (options.prints) {
      checker_.SetPrint([this](const std::string& what) {
        std::printf("%10.4f %s\n", static_cast<double>(clock_.MonotonicNs()) * 1e-9, what.c_str());
      });
    }
    SimulatedMember::Options member;
    for (uint64_t id = 1; id <= (random_.Below(4) == 0 ? 5u : 3u); ++id) member.voters.push_back(id);
    member.canary = options.canary;
    // A member that falls behind so short a log needs a snapshot, of several chunks.
    if (random_.Below(2) == 0) {
      member.truncate_entries = 4;
      member.keep_entries = 2;
      member.snapshot_chunk_bytes = 2 << 10;
    }
    if (forgets_) member.dedup = {.window_ns = 5 * kSecond, .bytes_max = 16 * 20};
    for (uint64_t id : member.voters) {
      member.id = id;
      members_.push_back(std::make_unique<SimulatedMember>(
          member, world_, [this, id] { faults_.PowerWent(*members_[id - 1]); }));
    }
  }

  SimulationResult Run() {
    for (const auto& member : members_) {
      if (const Status status = member->Start(); !status.ok()) checker_.Fail(status.ToString());
    }
    workload_.Start();
    faults_.Start();
    RunUntil(options_.faulty_ns);
    if (checker_.ok()) faults_.Heal();
    const uint64_t acknowledged = workload_.figures().adds_acknowledged;
    RunUntil(clock_.MonotonicNs() + kCalmLoadNs);
    workload_.Stop();
    Converge();
    if (checker_.ok()) {
      for (const auto& member : members_) checker_.CheckFinalState(member->id(), member->store());
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
            .faults = faults_.figures()};
  }

 private:
  void RunUntil(int64_t time_ns) {
    bool is_reached = false;
    events_.After(time_ns - clock_.MonotonicNs(), [&] { is_reached = true; });
    while (!is_reached && checker_.ok() && events_.RunOne()) {
      if (events_.executed() > kEventsMax) checker_.Fail("the run never rests");
    }
  }

  bool IsConverged() const {
    uint64_t applied = 0, leaders = 0;
    for (const auto& member : members_) {
      if (!member->is_up()) return false;
      const consensus::RaftNode::CoreStatus status = member->GetStatus();
      if (status.applied_index != status.last_index) return false;
      if (applied != 0 && status.applied_index != applied) return false;
      applied = status.applied_index;
      leaders += status.is_leader ? 1 : 0;
    }
    return leaders == 1;
  }

  void Converge() {
    const int64_t end_ns = clock_.MonotonicNs() + kConvergeNs;
    // Whatever clients left behind ends first.
    RunUntil(clock_.MonotonicNs() + 3 * kSecond);
    while (checker_.ok() && !IsConverged()) {
      if (clock_.MonotonicNs() >= end_ns) return checker_.Fail("the members do not converge");
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
  std::vector<std::unique_ptr<SimulatedMember>> members_;
  const bool forgets_;  // a small dedup window
  FaultPlan faults_;
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
