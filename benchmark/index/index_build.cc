#include "benchmark/index/index_build.h"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "benchmark/index/measure.h"
#include "common/base/check.h"
#include "common/codec/block_meta_msgpack.h"
#include "store/index/index_command.h"

namespace brazier::benchmark {
namespace {

constexpr uint64_t kLoggedBlocksMax = 10'500;
constexpr uint32_t kIdentitiesPerBlock = 60'000;
// Every so many commands are also decoded alone.
constexpr uint64_t kDecodeEvery = 16;

std::string BulkCommand(const BlockFleet& fleet, uint64_t begin, uint64_t end) {
  std::vector<std::string> blocks;
  for (uint64_t n = begin; n < end; ++n) blocks.push_back(codec::EncodeBlockMeta(fleet.Block(n)));
  return index::EncodeAddBlocksCommand(BlockFleet::TimeOf(end), {}, blocks);
}

void Bulk(const BlockFleet& fleet, const std::string& folder, uint64_t blocks, BuildFigures& figures) {
  auto store = kv::OpenRocksKeyValueStore(folder);
  CHECK(store.ok());
  auto index = index::MetadataIndex::Open(**store, 1);
  CHECK(index.ok());
  uint64_t applied = 0, decoded = 0;
  const auto apply = [&](const std::string& command) {
    kv::WriteBatch batch;
    const double begun = WallSeconds();
    const double cpu = ThreadCpuSeconds();
    const std::string answer = (*index)->Apply(++applied, command, batch);
    const double cpu_applied = ThreadCpuSeconds();
    CHECK((*store)->Write(batch, false).ok());
    (*index)->Applied(applied);
    figures.apply_cpu_seconds += cpu_applied - cpu;
    figures.write_cpu_seconds += ThreadCpuSeconds() - cpu_applied;
    figures.seconds += WallSeconds() - begun;
    figures.written_bytes += batch.bytes();
    figures.command_bytes += command.size();
    CHECK(index::DecodeAddBlocksAnswer(answer).ok());
  };
  for (uint64_t begin = 0; begin < blocks; begin += kBlocksPerCommand) {
    const double begun = WallSeconds();
    const std::string command = BulkCommand(fleet, begin, std::min(blocks, begin + kBlocksPerCommand));
    figures.encode_seconds += WallSeconds() - begun;
    apply(command);
    if (++figures.commands % kDecodeEvery == 0) {
      const double cpu = ThreadCpuSeconds();
      CHECK(index::DecodeAddBlocksCommand(command).ok());
      figures.decode_cpu_seconds += ThreadCpuSeconds() - cpu;
      ++decoded;
    }
  }
  figures.blocks = blocks;
  if (decoded > 0) {
    figures.decode_cpu_seconds *= static_cast<double>(figures.commands) / static_cast<double>(decoded);
  }
  // The dedup window up to its bound.
  const BuildFigures bulk = figures;
  uint64_t number = blocks + 100'000'000;  // of blocks that nobody looks up
  for (uint64_t n = 0; n < index::DedupBounds{}.bytes_max / 16; n += kIdentitiesPerBlock, ++number) {
    BlockMeta block = fleet.BlockOfIdentities(number, kIdentitiesPerBlock);
    block.min_time_ns = block.max_time_ns = 0;
    for (DatasetMeta& dataset : block.datasets) dataset.min_time_ns = dataset.max_time_ns = 0;
    const std::string encoded = codec::EncodeBlockMeta(block);
    apply(index::EncodeAddBlocksCommand(BlockFleet::TimeOf(blocks), {}, {&encoded, 1}));
  }
  figures = bulk;
}

// Those that wait for answers of consensus.
class InFlight {
 public:
  explicit InFlight(size_t max) : max_(max) {}
  void Begin() {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return count_ < max_; });
    ++count_;
  }
  void End() {
    std::lock_guard lock(mu_);
    --count_;
    changed_.notify_all();
  }
  void WaitForAll() {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return count_ == 0; });
  }

 private:
  const size_t max_;
  std::mutex mu_;
  std::condition_variable changed_;
  size_t count_ = 0;  // guarded by mu_
};

void ThroughConsensus(const BlockFleet& fleet, const std::string& folder, uint64_t begin, uint64_t end) {
  const auto opened = OpenIndex(folder);
  InFlight in_flight(256);
  for (uint64_t n = begin; n < end; ++n) {
    in_flight.Begin();
    opened->consensus->Propose(CommandOf(fleet, n, BlockFleet::TimeOf(begin) + 1'000'000),
                               SystemClock().MonotonicNs() + 60 * kNsPerSecond,
                               [&](Result<std::string> answer) {
                                 CHECK(answer.ok());
                                 CHECK(index::DecodeAddBlocksAnswer(*answer).ok());
                                 in_flight.End();
                               });
  }
  in_flight.WaitForAll();
  opened->consensus->Stop();
}

// Until the store has merged what it wants to merge: a measurement that runs beside it would measure that.
void Settle(const std::string& folder) {
  const auto store = kv::OpenRocksKeyValueStore(folder);
  CHECK(store.ok());
  uint64_t before = 0;
  int calm = 0;
  for (int second = 0; second < 600 && calm < 3; ++second) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const uint64_t now = FolderBytes(folder);
    calm = now == before ? calm + 1 : 0;
    before = now;
  }
}

}  // namespace

std::string CommandOf(const BlockFleet& fleet, uint64_t block, int64_t time_ns) {
  const std::string encoded = codec::EncodeBlockMeta(fleet.Block(block));
  return index::EncodeAddBlocksCommand(time_ns, {}, {&encoded, 1});
}

BuildFigures BuildIndex(const BlockFleet& fleet, const std::string& folder, uint64_t blocks) {
  std::filesystem::create_directories(folder);
  BuildFigures figures;
  const uint64_t bulk = blocks - std::min(blocks / 10, kLoggedBlocksMax);
  Bulk(fleet, folder, bulk, figures);
  ThroughConsensus(fleet, folder, bulk, blocks);
  Settle(folder);
  return figures;
}

std::unique_ptr<OpenedIndex> OpenIndex(const std::string& folder,
                                       consensus::RaftConsensus::Options options) {
  auto opened = std::make_unique<OpenedIndex>();
  const double begun = WallSeconds();
  auto store = kv::OpenRocksKeyValueStore(folder);
  CHECK(store.ok());
  opened->store = std::move(store).value();
  opened->store_seconds = WallSeconds() - begun;
  auto index = index::MetadataIndex::Open(*opened->store, 1);
  CHECK(index.ok());
  opened->index = std::move(index).value();
  opened->index_seconds = WallSeconds() - begun - opened->store_seconds;
  opened->machine = std::make_unique<metastore::IndexStateMachine>(*opened->index, SystemClock(), opened->registry);
  options.node.seed = 1 + options.node.node_id;
  options.registry = &opened->registry;
  auto consensus =
      consensus::RaftConsensus::OpenRaft(options, *opened->store, *opened->machine, SystemClock());
  CHECK(consensus.ok());
  opened->consensus = std::move(consensus).value();
  const bool alone = options.node.voters.size() <= 1;
  while (alone && !opened->consensus->CanCommit()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  opened->consensus_seconds =
      WallSeconds() - begun - opened->store_seconds - opened->index_seconds;
  return opened;
}

}  // namespace brazier::benchmark
