#include "benchmark/index/compaction.h"

#include <cstdio>
#include <map>
#include <optional>

#include "benchmark/index/index_build.h"
#include "benchmark/index/measure.h"
#include "common/base/check.h"
#include "common/codec/block_meta_msgpack.h"
#include "store/index/block_queue.h"
#include "store/index/compaction_command.h"

namespace brazier::benchmark {
namespace {

constexpr size_t kInputs = 20;
// Measured now and then, so that the measuring does not become the load.
constexpr uint64_t kListEvery = 50;

// Of the tenant of the fleet's block `number`, in the place of segments.
BlockMeta OutputOf(const BlockFleet& fleet, uint64_t number) {
  BlockMeta block = fleet.Block(number);
  block.level = 1;
  std::erase_if(block.datasets, [&](const DatasetMeta& d) { return d.tenant != block.datasets.front().tenant; });
  std::erase_if(block.symbols, [&](const TenantSymbols& s) { return s.tenant != block.datasets.front().tenant; });
  for (DatasetMeta& dataset : block.datasets) dataset.identities.clear();
  return block;
}

double ListMs(const kv::KeyValueStore& store, const index::QueueName& queue, const std::optional<Ulid>& after,
              std::vector<Ulid>* ids) {
  const double begun = WallSeconds();
  const auto listed = index::ListQueuedBlocks(*store.Snapshot(), queue, after, kInputs);
  const double ms = (WallSeconds() - begun) * 1e3;
  CHECK(listed.ok());
  ids->clear();
  for (const index::QueuedBlock& block : *listed) ids->push_back(block.id);
  return ms;
}

}  // namespace

void MeasureCompaction(const BlockFleet& fleet, const std::string& folder, uint64_t blocks) {
  auto store = kv::OpenRocksKeyValueStore(folder);
  CHECK(store.ok());
  auto index = index::MetadataIndex::Open(**store, 1);
  CHECK(index.ok());
  const double begun = WallSeconds();
  const auto queues = index::ListQueues(*(*store)->Snapshot(), std::nullopt, 100'000);
  CHECK(queues.ok());
  const double list_queues_ms = (WallSeconds() - begun) * 1e3;
  std::map<index::QueueName, Ulid> cursors;
  for (const index::QueueName& queue : *queues) {
    if (queue.level == 0) cursors.emplace(queue, Ulid());
  }
  std::vector<double> head_ms, cursor_ms;
  double apply_cpu = 0, write_cpu = 0;
  uint64_t applied = 0, replaced = 0;
  std::vector<Ulid> inputs, from_head;
  const uint64_t first_output = blocks + 10'000'000;
  for (bool found = true; found && replaced < blocks / 2;) {
    found = false;
    for (auto& [queue, cursor] : cursors) {
      const double ms = ListMs(**store, queue, cursor, &inputs);
      if (inputs.size() < kInputs) continue;
      found = true;
      if (applied % kListEvery == 0) {
        cursor_ms.push_back(ms);
        head_ms.push_back(ListMs(**store, queue, std::nullopt, &from_head));
        CHECK(from_head == inputs);
      }
      cursor = inputs.back();
      const std::string output = codec::EncodeBlockMeta(OutputOf(fleet, first_output + applied));
      const std::string command =
          index::EncodeReplaceBlocksCommand(BlockFleet::TimeOf(blocks), {&output, 1}, inputs);
      kv::WriteBatch batch;
      const double cpu = ThreadCpuSeconds();
      const std::string answer = (*index)->Apply(++applied, command, batch);
      const double cpu_applied = ThreadCpuSeconds();
      CHECK((*store)->Write(batch, false).ok());
      (*index)->Applied(applied);
      apply_cpu += cpu_applied - cpu;
      write_cpu += ThreadCpuSeconds() - cpu_applied;
      const auto answered = index::DecodeReplaceBlocksAnswer(answer);
      if (!answered.ok()) std::fprintf(stderr, "%s\n", answered.status().ToString().c_str());
      CHECK(answered.ok());
      replaced += kInputs;
    }
  }
  const double n = static_cast<double>(applied);
  std::printf("compaction: %zu queues listed in %.1f ms; %llu segments replaced, %zu by one: CPU of Apply %.0f us, of its writes %.0f us a "
              "command; %zu candidates behind a cursor p50 %.2f ms, p99 %.2f ms, from the head of the queue p50 %.2f ms, p99 %.2f ms\n",
              queues->size(), list_queues_ms, static_cast<unsigned long long>(replaced), kInputs, apply_cpu * 1e6 / n,
              write_cpu * 1e6 / n, kInputs, Percentile(cursor_ms, 0.5), Percentile(cursor_ms, 0.99),
              Percentile(head_ms, 0.5), Percentile(head_ms, 0.99));
}

}  // namespace brazier::benchmark
