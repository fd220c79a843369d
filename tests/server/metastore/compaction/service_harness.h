// An index behind a fake consensus, with the scheduler's shell as its observer. For tests.
#pragma once

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "server/metastore/compaction/compaction_service.h"
#include "server/metastore/index_state_machine.h"
#include "tests/server/metastore/fake_consensus.h"
#include "tests/store/index/index_harness.h"

namespace brazier::metastore {

struct ServiceHarness {
  ServiceHarness(const Clock& clock_in, const CompactionPolicy& policy) : clock(clock_in) {
    auto opened = index::MetadataIndex::Open(*store, 0);
    CHECK(opened.ok());
    index = std::move(opened).value();
    machine = std::make_unique<IndexStateMachine>(*index, clock, registry);
    consensus = std::make_unique<FakeConsensus>(*store, *machine);
    service = std::make_unique<CompactionService>(policy, *store, clock, registry);
    index->SetObserver(&service->observer());
  }
  ~ServiceHarness() { service->Stop(); }

  static BlockMeta Segment(const Ulid& id) {
    BlockMeta block = index::MakeBlock(1, {index::MakeDataset("t", "s", 100, 200, {})});
    block.id = id;
    block.shard = 3;
    return block;
  }
  static BlockMeta Compacted(const Ulid& id, uint32_t level = 1) {
    BlockMeta block = Segment(id);
    block.level = level;
    return block;
  }
  // As another role would: through consensus.
  std::string Do(std::string command) {
    std::string out;
    consensus->Propose(std::move(command), 0, [&](const Result<std::string>& answer) { out = answer.ok() ? *answer : ""; });
    return out;
  }
  void Add(const std::vector<BlockMeta>& blocks) {
    ASSERT_TRUE(index::DecodeAddBlocksAnswer(Do(index::CommandOf(blocks, clock.NowNs()))).ok());
  }
  bool Knows(const Ulid& id) const { return index::ReadBlock(*store->Snapshot(), id).ok(); }

  const Clock& clock;
  MetricsRegistry registry;
  std::unique_ptr<kv::KeyValueStore> store = kv::MakeMemoryKeyValueStore();
  std::unique_ptr<index::MetadataIndex> index;
  std::unique_ptr<IndexStateMachine> machine;
  std::unique_ptr<FakeConsensus> consensus;
  std::unique_ptr<CompactionService> service;
};

}  // namespace brazier::metastore
