#include "benchmark/index/steady_hours.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/model/block_meta.h"
#include "server/metastore/add_blocks_packing.h"
#include "server/metastore/compaction/compaction_policy.h"
#include "store/index/index_command.h"
#include "store/index/index_reader.h"
#include "store/index/tombstones.h"
#include "tests/support/fake_random.h"
#include "tests/support/scheduled_index.h"

namespace brazier::benchmark {
namespace {

constexpr int64_t kSecond = kNsPerSecond;
constexpr int64_t kBeginNs = int64_t{1'800'000'000} * kSecond;
constexpr int64_t kPeriodNs = 15 * kSecond;
constexpr uint32_t kKinds = 4;
constexpr uint32_t kShards = 4;
constexpr uint64_t kProfileBytes = 6'000;     // of a fresh profile in an object
constexpr int64_t kDeleteDelayNs = 900 * kSecond;  // compaction.delete-delay, its default
constexpr int64_t kTickNs = 50 * kNsPerMs;
constexpr size_t kJobsAtATime = 2;
constexpr uint64_t kBytesPerSecond = 20'000'000;  // of a worker
constexpr size_t kCommandBytesMax = 1 << 20;

class SteadyHours {
 public:
  explicit SteadyHours(uint32_t services) : services_(services) { index_.Lead(now_ns_); }

  void Run(uint32_t hours) {
    std::printf("%u services, %u pushes/s, each an object\n", services_, services_ * kKinds / 15);
    std::printf("| after | pushes | objects that are read, by level 0 to 4 | removed, not yet deleted | blocks + datasets in the index | written to objects, x fresh |\n|---|---|---|---|---|---|\n");
    for (uint32_t hour = 1; hour <= hours; ++hour) {
      while (now_ns_ < kBeginNs + int64_t{hour} * 3600 * kSecond) Tick();
      if (hour == 1 || hour % 6 == 0) Print(hour);
    }
  }

 private:
  struct Running {
    contract::CompactionJob job;
    int64_t done_ns = 0;
  };

  void Tick() {
    now_ns_ += kTickNs;
    // As many pushes as are due, services in turn.
    const uint64_t due = static_cast<uint64_t>(now_ns_ - kBeginNs) * services_ * kKinds / kPeriodNs;
    for (; pushes_ < due; ++pushes_) Push();
    for (size_t i = 0; i < running_.size();) {
      if (running_[i].done_ns > now_ns_) {
        ++i;
        continue;
      }
      Finish(running_[i].job);
      running_.erase(running_.begin() + static_cast<ptrdiff_t>(i));
    }
    if (running_.size() < kJobsAtATime && !pulls_) {
      index_.Pull("worker", kJobsAtATime - running_.size(), now_ns_ + 10 * kSecond, now_ns_);
      pulls_ = true;
    }
    if (now_ns_ >= heartbeat_ns_) {
      heartbeat_ns_ = now_ns_ + 2 * kSecond;
      std::vector<contract::JobProgress> progress;
      for (const Running& running : running_) progress.push_back({running.job.id, running.job.token, 0, 0});
      index_.scheduler().Heartbeat("worker", progress, now_ns_);
      Purge();
    }
    index_.Decide(now_ns_, [this](const std::string&, std::vector<contract::CompactionJob> jobs) {
      pulls_ = false;
      for (auto& job : jobs) running_.push_back({std::move(job), 0});
      for (Running& running : running_) {
        if (running.done_ns == 0) running.done_ns = now_ns_ + 100 * kNsPerMs + static_cast<int64_t>(BytesOf(running.job) * kSecond / kBytesPerSecond);
      }
    });
  }

  static std::string ServiceName(uint64_t service) { return "service-" + std::to_string(service); }

  void Push() {
    const uint64_t service = pushes_ / kKinds % services_;
    BlockMeta meta;
    meta.id = Ulid::Make(now_ns_ / kNsPerMs, random_);
    meta.shard = 1 + static_cast<uint32_t>(service % kShards);
    meta.level = 0;
    meta.size = kProfileBytes;
    meta.min_time_ns = meta.max_time_ns = now_ns_;
    DatasetMeta& dataset = meta.datasets.emplace_back();
    dataset.tenant = "anonymous";
    dataset.service = ServiceName(service);
    dataset.min_time_ns = dataset.max_time_ns = now_ns_;
    dataset.profile_count = 1;
    dataset.profile_types = {"process_cpu:cpu:nanoseconds:cpu:nanoseconds"};
    dataset.identities.push_back({pushes_ + 1, 1});
    fresh_bytes_ += meta.size;
    written_bytes_ += meta.size;
    const auto commands = metastore::PackAddBlocks({std::move(meta)}, now_ns_, {.window_ns = 3600 * kSecond, .bytes_max = 64 << 20}, kCommandBytesMax);
    CHECK(commands.ok());
    for (const std::string& command : *commands) CHECK(index::DecodeAddBlocksAnswer(index_.Apply(command, now_ns_)).ok());
  }

  std::vector<BlockMeta> InputsOf(const contract::CompactionJob& job) const {
    std::vector<BlockMeta> inputs;
    for (const Ulid& id : job.inputs) {
      auto block = index::ReadBlock(index_.state(), id);
      CHECK(block.ok());
      inputs.push_back(*std::move(block));
    }
    return inputs;
  }
  uint64_t BytesOf(const contract::CompactionJob& job) const {
    uint64_t bytes = 0;
    for (const BlockMeta& input : InputsOf(job)) bytes += input.size;
    return bytes;
  }

  // Sizes as the merge leaves them, measured with 100 services (docs/benchmark.md): what is merged before is smaller already.
  static double Shrinks(uint32_t level) {
    switch (level) {
      case 1:
        return 0.45;
      case 2:
        return 0.75;
      default:
        return 0.95;
    }
  }

  void Finish(const contract::CompactionJob& job) {
    contract::FinishedJob finished{.id = job.id, .token = job.token};
    std::map<std::string, DatasetMeta> services;
    BlockMeta output;
    output.id = Ulid::Make(now_ns_ / kNsPerMs, random_);
    output.shard = job.shard;
    output.level = job.level;
    output.min_time_ns = INT64_MAX;
    for (const BlockMeta& input : InputsOf(job)) {
      finished.inputs.push_back(input.id);
      output.size += input.size;
      output.min_time_ns = std::min(output.min_time_ns, input.min_time_ns);
      output.max_time_ns = std::max(output.max_time_ns, input.max_time_ns);
      for (const DatasetMeta& dataset : input.datasets) {
        const auto [at, is_first] = services.try_emplace(dataset.service, dataset);
        DatasetMeta& into = at->second;
        into.identities.clear();
        if (is_first) continue;
        into.min_time_ns = std::min(into.min_time_ns, dataset.min_time_ns);
        into.max_time_ns = std::max(into.max_time_ns, dataset.max_time_ns);
        into.profile_count += dataset.profile_count;
      }
    }
    output.size = static_cast<uint64_t>(static_cast<double>(output.size) * Shrinks(job.level));
    for (auto& [name, dataset] : services) output.datasets.push_back(std::move(dataset));
    written_bytes_ += output.size;
    finished.outputs.push_back(std::move(output));
    const Status status = index_.Finish(finished, now_ns_);
    if (!status.ok()) std::printf("%s\n", status.ToString().c_str());
    CHECK(status.ok());
  }

  void Purge() {
    const auto tombstones = index::ListTombstones(index_.state(), now_ns_ - kDeleteDelayNs, std::nullopt, 10'000);
    CHECK(tombstones.ok());
    std::vector<Ulid> ids;
    for (const index::Tombstone& tombstone : *tombstones) ids.push_back(tombstone.id);
    if (!ids.empty()) index_.Apply(index::EncodePurgeTombstonesCommand(now_ns_, ids), now_ns_);
  }

  void Print(uint32_t hour) const {
    std::map<uint32_t, size_t> levels;
    size_t datasets = 0;
    size_t blocks = 0;
    std::optional<Ulid> after;
    for (;;) {
      const auto ids = index::ListBlockIds(index_.state(), after, 1'000);
      CHECK(ids.ok());
      if (ids->empty()) break;
      for (const Ulid& id : *ids) {
        const auto block = index::ReadBlock(index_.state(), id);
        CHECK(block.ok());
        ++levels[block->level];
        ++blocks;
        datasets += block->datasets.size();
      }
      after = ids->back();
    }
    const auto removed = index::ListTombstones(index_.state(), INT64_MAX, std::nullopt, 10'000'000);
    CHECK(removed.ok());
    std::printf("| %u h | %llu | %zu: %zu, %zu, %zu, %zu, %zu | %zu | %zu + %zu | %.2f |\n", hour, static_cast<unsigned long long>(pushes_), blocks,
                levels[0], levels[1], levels[2], levels[3], levels[4], removed->size(), blocks, datasets,
                static_cast<double>(written_bytes_) / static_cast<double>(fresh_bytes_));
    std::fflush(stdout);
  }

  const uint32_t services_;
  int64_t now_ns_ = kBeginNs;
  int64_t heartbeat_ns_ = kBeginNs;
  testing::FakeRandom random_;
  testing::ScheduledIndex index_{metastore::CompactionPolicy(), 1};
  uint64_t pushes_ = 0;
  uint64_t fresh_bytes_ = 0;
  uint64_t written_bytes_ = 0;
  bool pulls_ = false;
  std::vector<Running> running_;
};

}  // namespace

void MeasureSteadyHours(uint32_t services, uint32_t hours) { SteadyHours(services).Run(hours); }

}  // namespace brazier::benchmark
