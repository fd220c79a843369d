// What the tests of jobs, quarantine and deletions share: an index with the commands as functions, and an observer that keeps what a
// scheduler would: the set of free blocks.
#pragma once

#include <map>
#include <set>

#include "store/index/deletions.h"
#include "store/index/jobs.h"
#include "store/index/tombstones.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {

// Blocks that are free, as heard.
class FreeBlocksHeard final : public QueueObserver {
 public:
  void BlockQueued(const QueueName& queue, const QueuedBlock& block, uint32_t failures, int64_t not_before_ns) override {
    free[{queue, block.id}] = {queue, block, failures, not_before_ns, false};
  }
  void BlockTaken(const QueueName& queue, const Ulid& id) override { free.erase({queue, id}); }
  void BlockMustBeRewritten(const QueueName& queue, const Ulid& id) override { free.at({queue, id}).must_be_rewritten = true; }
  void Restored() override {
    free.clear();
    ++restored;
  }
  std::map<std::pair<QueueName, Ulid>, FreeBlock> free;
  int restored = 0;
};

class LifecycleTest : public testing::Test {
 protected:
  LifecycleTest() { index_.index().SetObserver(&heard_); }

  static BlockMeta Segment(uint64_t n) {
    BlockMeta block = MakeBlock(n, {MakeDataset("t", "s", 100, 200, {}), MakeDataset("u", "s", 100, 300, {})});
    block.shard = 3;
    return block;
  }
  static BlockMeta Compacted(uint64_t n, uint32_t level = 1, const std::string& tenant = "t") {
    BlockMeta block = MakeBlock(n, {MakeDataset(tenant, "s", 100, 300, {})});
    block.shard = 3;
    block.level = level;
    return block;
  }
  static std::vector<Ulid> Ids(std::vector<uint64_t> numbers) {
    std::vector<Ulid> ids;
    for (uint64_t n : numbers) ids.push_back(IdOf(n));
    return ids;
  }
  // Of the segments' queue, to blocks of level 1.
  static JobLease NewJob(std::vector<uint64_t> inputs, const std::string& worker = "w") {
    return {.queue = {0, 3, ""}, .output_level = 1, .inputs = Ids(inputs), .worker = worker};
  }

  std::string Do(const std::string& command) { return index_.Round({command}).front(); }
  void Add(const std::vector<BlockMeta>& blocks) {
    const auto added = index_.Add(blocks);
    ASSERT_TRUE(added.ok()) << added.status().ToString();
  }
  std::vector<LeasedJob> Lease(const std::vector<JobLease>& jobs, int64_t time_ns = kTestTime) {
    const auto leased = DecodeLeaseJobsAnswer(Do(EncodeLeaseJobsCommand({time_ns, jobs})));
    EXPECT_TRUE(leased.ok()) << leased.status().ToString();
    return leased.ok() ? *leased : std::vector<LeasedJob>(jobs.size());
  }
  static std::string FinishOf(const FinishJobCommand& command) {
    std::vector<std::string> encoded;
    for (const BlockMeta& output : command.outputs) encoded.push_back(codec::EncodeBlockMeta(output));
    return EncodeFinishJobCommand(command, encoded);
  }
  Result<JobFinished> Finish(const LeasedJob& job, std::vector<uint64_t> inputs, std::vector<BlockMeta> outputs,
                             std::vector<BadInput> bad = {}) {
    return DecodeFinishJobAnswer(Do(FinishOf({kTestTime, job.id, job.token, Ids(inputs), std::move(outputs), std::move(bad)})));
  }
  uint64_t Counted(const std::string& command) {
    const auto count = DecodeCountAnswer(Do(command));
    EXPECT_TRUE(count.ok()) << count.status().ToString();
    return count.ok() ? *count : UINT64_MAX;
  }
  uint64_t Return(const LeasedJob& job, int64_t not_before_ns, bool counts = true) {
    return Counted(EncodeReturnJobCommand({kTestTime, job.id, job.token, not_before_ns, counts, "out of memory"}));
  }
  Result<Replaced> Replace(const std::vector<BlockMeta>& outputs, const std::vector<uint64_t>& inputs) {
    std::vector<std::string> encoded;
    for (const BlockMeta& output : outputs) encoded.push_back(codec::EncodeBlockMeta(output));
    return DecodeReplaceBlocksAnswer(Do(EncodeReplaceBlocksCommand(kTestTime, encoded, Ids(inputs))));
  }
  uint64_t Purge(const std::vector<uint64_t>& numbers, int64_t time_ns = kTestTime) {
    const auto purged = DecodePurgeTombstonesAnswer(Do(EncodePurgeTombstonesCommand(time_ns, Ids(numbers))));
    EXPECT_TRUE(purged.ok());
    return purged->tombstones;
  }
  uint64_t Quarantine(const std::vector<uint64_t>& numbers, const std::string& reason = "missing") {
    std::vector<BadInput> bad;
    for (uint64_t n : numbers) bad.push_back({IdOf(n), reason});
    return Counted(EncodeQuarantineBlocksCommand({kTestTime + 1, bad}));
  }
  Result<uint64_t> Delete(uint64_t id, const DataFilter& filter, int64_t time_ns = kTestTime) {
    return DecodeCountAnswer(Do(EncodeDeleteDataCommand({time_ns, IdOf(id), filter})));
  }

  // What is free, as the state has it; and what was heard is the same.
  std::vector<Ulid> Free() {
    const auto free = ListFreeBlocks(index_.store(), std::nullopt, 1000);
    EXPECT_TRUE(free.ok()) << free.status().ToString();
    std::vector<Ulid> ids;
    EXPECT_EQ(heard_.free.size(), free->size());
    for (const FreeBlock& block : *free) {
      ids.push_back(block.block.id);
      const auto it = heard_.free.find({block.queue, block.block.id});
      if (it == heard_.free.end()) {
        ADD_FAILURE() << "not heard of " << block.block.id.ToString();
        continue;
      }
      EXPECT_EQ(it->second.block, block.block);
      EXPECT_EQ(it->second.failures, block.failures);
      EXPECT_EQ(it->second.not_before_ns, block.not_before_ns);
      EXPECT_EQ(it->second.must_be_rewritten, block.must_be_rewritten);
    }
    return ids;
  }
  std::vector<Job> Jobs() { return ListJobs(index_.store()).value(); }
  std::vector<Ulid> Found(const std::string& tenant) {
    const auto found = index_.Find({.tenants = {tenant}, .start_ns = 0, .end_ns = INT64_MAX});
    EXPECT_TRUE(found.ok()) << found.status().ToString();
    std::vector<Ulid> ids;
    for (const BlockMeta& block : *found) ids.push_back(block.id);
    return ids;
  }

  IndexUnderTest index_;
  FreeBlocksHeard heard_;
};

}  // namespace brazier::index
