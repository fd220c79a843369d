#include "benchmark/index/group_commit.h"

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <future>
#include <memory>
#include <thread>

#include "benchmark/index/index_build.h"
#include "benchmark/index/measure.h"
#include "benchmark/micro/micro.h"
#include "common/base/check.h"
#include "store/consensus/transport.h"

namespace brazier::benchmark {
namespace {

constexpr size_t kCommands = 40'000;
constexpr int kIdleCommands = 300;
constexpr int64_t kDeadlineNs = 60 * kNsPerSecond;

class Group;

// To a member of the same process.
class DirectTransport final : public consensus::Transport {
 public:
  explicit DirectTransport(Group& group) : group_(group) {}
  void Send(uint64_t to, std::string message) override;

 private:
  Group& group_;
};

class Group {
 public:
  Group(const std::string& folder, size_t members) : members_(members) {
    consensus::RaftConsensus::Options options;
    for (uint64_t id = 1; id <= members; ++id) options.node.voters.push_back(id);
    if (members == 1) options.node.voters.clear();
    for (uint64_t id = 1; id <= members; ++id) {
      const std::string path = folder + "/member-" + std::to_string(id);
      std::filesystem::create_directories(path);
      options.node.node_id = id;
      transports_.push_back(std::make_unique<DirectTransport>(*this));
      options.transport = members == 1 ? nullptr : transports_.back().get();
      auto opened = OpenIndex(path, options);
      members_[id - 1].store(opened->consensus.get());
      opened_.push_back(std::move(opened));
    }
  }
  ~Group() {
    for (const auto& opened : opened_) opened->consensus->Stop();
  }

  void Deliver(uint64_t to, std::string message) {
    consensus::RaftConsensus* member = members_[to - 1].load();
    if (member != nullptr) member->Receive(std::move(message));
  }
  consensus::RaftConsensus& Leader() {
    for (;;) {
      for (const auto& opened : opened_) {
        if (opened->consensus->CanCommit()) return *opened->consensus;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

 private:
  std::vector<std::unique_ptr<DirectTransport>> transports_;
  std::vector<std::atomic<consensus::RaftConsensus*>> members_;  // null until it is open
  std::vector<std::unique_ptr<OpenedIndex>> opened_;
};

void DirectTransport::Send(uint64_t to, std::string message) { group_.Deliver(to, std::move(message)); }

// Closed loop: `callers` proposals are under way until all are answered.
class Load {
 public:
  Load(consensus::RaftConsensus& leader, std::vector<std::string> commands)
      : leader_(leader), commands_(std::move(commands)), times_ms_(commands_.size()) {}

  double Run(size_t callers) {
    const double begun = WallSeconds();
    for (size_t i = 0; i < callers; ++i) ProposeNext();
    done_.get_future().wait();
    return WallSeconds() - begun;
  }
  const std::vector<double>& times_ms() const { return times_ms_; }

 private:
  void ProposeNext() {
    const size_t n = next_.fetch_add(1);
    if (n >= commands_.size()) return;
    const double begun = WallSeconds();
    leader_.Propose(std::move(commands_[n]), SystemClock().MonotonicNs() + kDeadlineNs,
                    [this, n, begun](Result<std::string> answer) {
                      CHECK(answer.ok());
                      const auto added = index::DecodeAddBlocksAnswer(*answer);
                      CHECK(added.ok());
                      CHECK(!added->front().already_known);
                      times_ms_[n] = (WallSeconds() - begun) * 1e3;
                      ProposeNext();
                      if (answered_.fetch_add(1) + 1 == commands_.size()) done_.set_value();
                    });
  }

  consensus::RaftConsensus& leader_;
  std::vector<std::string> commands_;
  std::vector<double> times_ms_;
  std::atomic<size_t> next_ = 0, answered_ = 0;
  std::promise<void> done_;
};

// Before the load, so that nothing else has to be written.
void MeasureIdle(const BlockFleet& fleet, consensus::RaftConsensus& leader, const std::string& folder,
                 size_t members, uint64_t& block) {
  SyncedAppends appends(folder);
  std::vector<double> idle_ms, floor_ms;
  for (int i = 0; i < kIdleCommands; ++i, ++block) {
    std::vector<std::string> one = {CommandOf(fleet, block, BlockFleet::TimeOf(block))};
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    floor_ms.push_back(appends.Append(one.front().size()) * 1e3);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    Load lone(leader, std::move(one));
    idle_ms.push_back(lone.Run(1) * 1e3);
  }
  const double floor = Percentile(floor_ms, 0.5);
  std::printf("%zu member%s, one caller: answer p50 %.2f ms, p99 %.2f ms; one append with fdatasync p50 %.2f ms, p99 %.2f ms: "
              "%.2f x floor\n",
              members, members == 1 ? "" : "s", Percentile(idle_ms, 0.5), Percentile(idle_ms, 0.99), floor,
              Percentile(floor_ms, 0.99), Percentile(idle_ms, 0.5) / floor);
}

void MeasureBusy(const BlockFleet& fleet, consensus::RaftConsensus& leader, size_t members,
                 size_t callers, uint64_t& block) {
  size_t bytes = 0;
  std::vector<std::string> commands;
  for (size_t i = 0; i < kCommands; ++i, ++block) {
    commands.push_back(CommandOf(fleet, block, BlockFleet::TimeOf(block)));
    bytes += commands.back().size();
  }
  Load load(leader, std::move(commands));
  const consensus::ConsensusFigures before = leader.GetFigures();
  const double cpu = CpuSeconds();
  const double seconds = load.Run(callers);
  const double cpu_us = (CpuSeconds() - cpu) * 1e6 / static_cast<double>(kCommands);
  const consensus::ConsensusFigures after = leader.GetFigures();
  std::printf("%zu member%s, %zu callers: %.0f commands/s of %zu bytes and one block each; answer p50 %.1f ms, p99 %.1f ms; "
              "%.0f commands a round; CPU %.0f us a command\n",
              members, members == 1 ? "" : "s", callers, static_cast<double>(kCommands) / seconds, bytes / kCommands,
              Percentile(load.times_ms(), 0.5), Percentile(load.times_ms(), 0.99),
              static_cast<double>(kCommands) / static_cast<double>(after.rounds - before.rounds), cpu_us);
}

}  // namespace

void MeasureCommits(const BlockFleet& fleet, const std::string& folder, size_t members, size_t callers) {
  std::filesystem::remove_all(folder);
  {
    Group group(folder, members);
    consensus::RaftConsensus& leader = group.Leader();
    uint64_t block = 0;
    MeasureIdle(fleet, leader, folder, members, block);
    MeasureBusy(fleet, leader, members, callers, block);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace brazier::benchmark
