// What compaction and retention ask of the metastore, over FakeConsensus.
#include <gtest/gtest.h>

#include "server/metastore/compaction_packing.h"
#include "server/metastore/index_state_machine.h"
#include "server/metastore/metastore.h"
#include "store/index/compaction_command.h"
#include "store/index/index_keys.h"
#include "tests/server/metastore/fake_consensus.h"
#include "tests/store/index/index_harness.h"

namespace brazier::metastore {
namespace {

using contract::PurgeTombstonesResponse;
using contract::ReplaceBlocksResponse;
using index::IdOf;
using index::MakeBlock;
using index::MakeDataset;

class FakeClock final : public Clock {
 public:
  int64_t NowNs() const override { return index::kTestTime + now_ns; }
  int64_t MonotonicNs() const override { return now_ns; }
  int64_t now_ns = 0;
};

class MetastoreCompactionTest : public testing::Test {
 protected:
  MetastoreCompactionTest() {
    auto opened = index::MetadataIndex::Open(*store_, 0);
    CHECK(opened.ok());
    index_ = std::move(opened).value();
    machine_ = std::make_unique<IndexStateMachine>(*index_, clock_, registry_);
    consensus_ = std::make_unique<FakeConsensus>(*store_, *machine_);
    metastore_ = std::make_unique<Metastore>(Metastore::Options(), *consensus_, *store_, clock_, registry_);
  }
  void Add(std::vector<BlockMeta> blocks) {
    bool added = false;
    metastore_->AddBlocks(context_, {std::move(blocks)}, [&](const Result<contract::AddBlocksResponse>& r) { added = r.ok(); });
    ASSERT_TRUE(added);
  }
  Result<ReplaceBlocksResponse> Replace(std::vector<BlockMeta> outputs, std::vector<Ulid> inputs) {
    std::optional<Result<ReplaceBlocksResponse>> answer;
    metastore_->ReplaceBlocks(context_, {std::move(outputs), std::move(inputs)}, [&](Result<ReplaceBlocksResponse> r) {
      EXPECT_FALSE(answer.has_value()) << "answered twice";
      answer = std::move(r);
    });
    return answer.has_value() ? *answer : Internal("not answered");
  }
  Result<PurgeTombstonesResponse> Purge(std::vector<Ulid> ids) {
    std::optional<Result<PurgeTombstonesResponse>> answer;
    metastore_->PurgeTombstones(context_, std::move(ids), [&](Result<PurgeTombstonesResponse> r) {
      EXPECT_FALSE(answer.has_value()) << "answered twice";
      answer = std::move(r);
    });
    return answer.has_value() ? *answer : Internal("not answered");
  }
  // A segment of tenant t in shard n % 4.
  static BlockMeta Segment(uint64_t n) { return MakeBlock(n, {MakeDataset("t", "s", 100, 200, {n})}); }
  // What a compaction makes of two segments: level 1, without identities.
  static BlockMeta Output(uint64_t n) {
    BlockMeta block = MakeBlock(n, {MakeDataset("t", "s", 100, 200, {1, 2})});
    block.level = 1;
    block.datasets[0].identities.clear();
    return block;
  }
  std::vector<Ulid> Ids() { return *metastore_->ListBlocks(context_, {}, SIZE_MAX); }
  uint64_t Requests(const char* method, const char* code) {
    return registry_.GetCounter("brazier_metastore_requests_total", "", {{"method", method}, {"code", code}}).value();
  }

  const contract::RequestContext context_{.request_id = "r", .deadline_ns = 12345};
  FakeClock clock_;
  MetricsRegistry registry_;
  std::unique_ptr<kv::KeyValueStore> store_ = kv::MakeMemoryKeyValueStore();
  std::unique_ptr<index::MetadataIndex> index_;
  std::unique_ptr<IndexStateMachine> machine_;
  std::unique_ptr<FakeConsensus> consensus_;
  std::unique_ptr<Metastore> metastore_;
};

TEST_F(MetastoreCompactionTest, QueuesAndTheirBlocksArePaged) {
  Add({Segment(1), Segment(2), Segment(5), Segment(9), Output(6)});
  std::vector<contract::BlockQueue> queues;
  for (std::optional<contract::BlockQueue> after; queues.size() < 9;) {
    const auto page = metastore_->ListQueues(context_, after, 2);
    ASSERT_TRUE(page.ok()) << page.status().ToString();
    queues.insert(queues.end(), page->begin(), page->end());
    if (page->size() < 2) break;
    after = page->back();
  }
  const std::vector<contract::BlockQueue> expected = {{0, 1, ""}, {0, 2, ""}, {1, 2, "t"}};
  EXPECT_EQ(queues, expected);

  const auto first = metastore_->ListQueuedBlocks(context_, queues[0], {}, 2);
  ASSERT_TRUE(first.ok());
  const std::vector<contract::QueuedBlock> two = {{IdOf(1), 4096, 100, 200}, {IdOf(5), 4096, 100, 200}};
  EXPECT_EQ(*first, two);
  const auto rest = metastore_->ListQueuedBlocks(context_, queues[0], IdOf(5), SIZE_MAX);
  ASSERT_EQ(rest->size(), 1u);
  EXPECT_EQ(rest->at(0).id, IdOf(9));
  EXPECT_TRUE(metastore_->ListQueuedBlocks(context_, {7, 7, "u"}, {}, 9)->empty());
  // 257 would be taken for 1 in a key of one byte.
  EXPECT_EQ(metastore_->ListQueuedBlocks(context_, {257, 2, "t"}, {}, 9).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(metastore_->ListQueues(context_, contract::BlockQueue{257, 2, "t"}, 9).status().code(), Code::kInvalidArgument);
}

TEST_F(MetastoreCompactionTest, ReplaceListPurge) {
  Add({Segment(1), Segment(2), Segment(3)});
  clock_.now_ns = 50;
  const auto replaced = Replace({Output(4)}, {IdOf(1), IdOf(2)});
  ASSERT_TRUE(replaced.ok()) << replaced.status().ToString();
  EXPECT_FALSE(replaced->already_done);
  EXPECT_EQ(consensus_->deadlines.back(), 12345);
  EXPECT_EQ(Ids(), (std::vector<Ulid>{IdOf(3), IdOf(4)}));

  clock_.now_ns = 60;
  const size_t commands = consensus_->commands.size();
  const auto again = Replace({Output(4)}, {IdOf(1), IdOf(2)});
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_TRUE(again->already_done);
  EXPECT_EQ(consensus_->commands.size(), commands + 1) << "only the index knows";
  ASSERT_TRUE(Replace({}, {IdOf(3)}).ok()) << "a removal";
  EXPECT_EQ(Ids(), std::vector<Ulid>{IdOf(4)});

  const int64_t at = index::kTestTime;
  const auto tombstones = metastore_->ListTombstones(context_, at + 61, {}, 2);
  ASSERT_TRUE(tombstones.ok());
  const std::vector<contract::Tombstone> two = {
      {.id = IdOf(1), .removed_ns = at + 50, .shard = 1, .level = 0, .tenant = "", .size = 4096},
      {.id = IdOf(2), .removed_ns = at + 50, .shard = 2, .level = 0, .tenant = "", .size = 4096}};
  EXPECT_EQ(*tombstones, two);
  const auto rest = metastore_->ListTombstones(context_, at + 61, contract::TombstoneCursor{at + 50, IdOf(2)}, SIZE_MAX);
  ASSERT_EQ(rest->size(), 1u);
  EXPECT_EQ(rest->at(0).id, IdOf(3));
  EXPECT_EQ(metastore_->ListTombstones(context_, at + 60, {}, SIZE_MAX)->size(), 2u) << "before, not at";
  EXPECT_TRUE(metastore_->ListTombstones(context_, at, contract::TombstoneCursor{at + 50, IdOf(2)}, 9)->empty());

  EXPECT_EQ(Purge({IdOf(1), IdOf(99), IdOf(2)})->purged, 2u);
  EXPECT_EQ(Purge({IdOf(1), IdOf(99), IdOf(2)})->purged, 0u);
  EXPECT_EQ(Purge({})->purged, 0u);
  EXPECT_EQ(metastore_->ListTombstones(context_, INT64_MAX, {}, 9)->size(), 1u);
  EXPECT_EQ(Requests("replace_blocks", "ok"), 3u);
  EXPECT_EQ(Requests("purge_tombstones", "ok"), 3u);
}

TEST_F(MetastoreCompactionTest, WhatTheIndexRefusesNamesTheBlock) {
  Add({Segment(1), Segment(2)});
  const Status unknown = Replace({Output(4)}, {IdOf(1), IdOf(77)}).status();
  EXPECT_EQ(unknown.code(), Code::kNotFound);
  EXPECT_NE(unknown.message().find(IdOf(77).ToString()), std::string::npos) << unknown.message();
  ASSERT_TRUE(Replace({}, {IdOf(2)}).ok());
  BlockMeta back = Output(2);
  const Status removed = Replace({back}, {IdOf(1)}).status();
  EXPECT_EQ(removed.code(), Code::kFailedPrecondition);
  EXPECT_NE(removed.message().find(IdOf(2).ToString()), std::string::npos) << removed.message();
  EXPECT_EQ(Ids(), std::vector<Ulid>{IdOf(1)}) << "nothing changed";
  EXPECT_EQ(Requests("replace_blocks", "not_found"), 1u);
}

TEST_F(MetastoreCompactionTest, BadInputIsRefusedBeforeItIsProposed) {
  const auto refusal = [&](std::vector<BlockMeta> outputs, std::vector<Ulid> inputs) {
    const Status status = Replace(std::move(outputs), std::move(inputs)).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << status.ToString();
    return status.message();
  };
  const auto names = [](const std::string& message, const std::string& what) {
    return message.find(what) != std::string::npos ? testing::AssertionSuccess() : testing::AssertionFailure() << message;
  };
  const std::string four = IdOf(4).ToString();
  BlockMeta tiny = Output(4);
  tiny.size = 3;
  EXPECT_TRUE(names(refusal({tiny}, {IdOf(1)}), four));
  BlockMeta with_identities = Output(4);
  with_identities.datasets[0].identities = {index::IdentityOf(1), index::IdentityOf(2)};
  EXPECT_TRUE(names(refusal({with_identities}, {IdOf(1)}), four));
  EXPECT_TRUE(names(refusal({Output(4)}, {}), "no inputs"));
  EXPECT_TRUE(names(refusal({}, {IdOf(1), IdOf(4), IdOf(1)}), IdOf(1).ToString()));
  EXPECT_TRUE(names(refusal({Output(4)}, {IdOf(1), IdOf(4)}), four));
  EXPECT_TRUE(names(refusal({Output(4), Output(4)}, {IdOf(1)}), four));
  std::vector<Ulid> many;
  for (uint64_t n = 0; n <= contract::Metastore::kBlocksPerReplaceMax; ++n) many.push_back(IdOf(n));
  EXPECT_TRUE(names(refusal({}, many), "the limit is 10000"));
  std::vector<DatasetMeta> datasets;
  for (const char* service : {"a", "b", "c"}) {
    DatasetMeta& dataset = datasets.emplace_back(MakeDataset("t", service, 100, 200, {}));
    dataset.lists_label_sets = true;
    for (char first = 'a'; first < 'h'; ++first) {
      dataset.label_sets.push_back(Labels(std::vector<Label>{{"pod", first + std::string(60'000, *service)}}));
    }
  }
  const BlockMeta large = MakeBlock(4, datasets);
  const std::string too_large = refusal({large}, {IdOf(1)});
  EXPECT_TRUE(names(too_large, "the limit of a command is 1048576"));
  EXPECT_TRUE(names(too_large, four));

  EXPECT_EQ(Purge(many).status().code(), Code::kInvalidArgument);
  const Status twice = Purge({IdOf(3), IdOf(3)}).status();
  EXPECT_EQ(twice.code(), Code::kInvalidArgument);
  EXPECT_TRUE(names(twice.message(), IdOf(3).ToString()));
  EXPECT_TRUE(consensus_->commands.empty());
  EXPECT_EQ(Requests("replace_blocks", "invalid_argument"), 8u);
  EXPECT_EQ(Requests("purge_tombstones", "invalid_argument"), 2u);
}

TEST_F(MetastoreCompactionTest, TheLargestRequestsFitACommand) {
  std::vector<Ulid> most;
  for (uint64_t n = 0; n < contract::Metastore::kBlocksPerReplaceMax; ++n) most.push_back(IdOf(n));
  EXPECT_TRUE(PackReplaceBlocks({.outputs = {}, .inputs = most}, 1, consensus::Consensus::kCommandBytesMax).ok());
  EXPECT_TRUE(PackPurgeTombstones(most, 1, consensus::Consensus::kCommandBytesMax).ok());
  // To the byte.
  const contract::ReplaceBlocksRequest request = {.outputs = {Output(4)}, .inputs = {IdOf(1)}};
  const size_t size = PackReplaceBlocks(request, 1, 1 << 20)->size();
  EXPECT_TRUE(PackReplaceBlocks(request, 1, size).ok());
  EXPECT_EQ(PackReplaceBlocks(request, 1, size - 1).status().code(), Code::kInvalidArgument);
}

TEST_F(MetastoreCompactionTest, AFollowerRedirectsWritesAndAnswersLists) {
  Add({Segment(1)});
  const size_t commands = consensus_->commands.size();
  consensus_->status = {.is_leader = false, .leader_id = 3};
  for (const Status& status : {Replace({}, {IdOf(1)}).status(), Purge({IdOf(1)}).status()}) {
    EXPECT_EQ(status.code(), Code::kUnavailable);
    EXPECT_EQ(status.reason(), "not_leader");
    EXPECT_EQ(status.redirect(), FakeConsensus::kLeaderAddress);
  }
  EXPECT_EQ(consensus_->commands.size(), commands);
  EXPECT_EQ(metastore_->ListQueues(context_, {}, 9)->size(), 1u);
}

TEST_F(MetastoreCompactionTest, ListsWaitForTheBarrier) {
  consensus_->barrier_status = DeadlineExceeded("too slow");
  EXPECT_EQ(metastore_->ListQueues(context_, {}, 9).status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(metastore_->ListQueuedBlocks(context_, {}, {}, 9).status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(metastore_->ListTombstones(context_, 1, {}, 9).status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(consensus_->barriers, 3);
  for (const char* method : {"list_queues", "list_queued_blocks", "list_tombstones"}) {
    EXPECT_EQ(Requests(method, "deadline_exceeded"), 1u) << method;
  }
}

TEST_F(MetastoreCompactionTest, QueuesOfAnOlderIndexAreNotListed) {
  Add({Segment(1)});
  kv::WriteBatch batch;
  batch.Put(kv::Family::kState, index::VersionKey(), "1");
  ASSERT_TRUE(store_->Write(batch, false).ok());
  EXPECT_EQ(metastore_->ListQueues(context_, {}, 9).status().reason(), "index_not_upgraded");
  EXPECT_EQ(metastore_->ListQueuedBlocks(context_, {}, {}, 9).status().reason(), "index_not_upgraded");
}

TEST_F(MetastoreCompactionTest, PlacementIsTheLeaders) {
  for (const char* id : {"a", "b"}) {
    ASSERT_TRUE(metastore_->Heartbeat(context_, {.id = id, .roles = {"segment-writer"}, .pipeline_address = "tcp://w"}).ok());
  }
  const auto placement = metastore_->Placement(context_, "t", "s");
  ASSERT_TRUE(placement.ok()) << placement.status().ToString();
  EXPECT_EQ(placement->version, metastore_->Members(context_)->version);
  EXPECT_EQ(placement->writers.size(), 2u);
  EXPECT_EQ(placement->shards.at(0).writer_ids.size(), 2u);
  consensus_->status = {.is_leader = false, .leader_id = 3};
  const Status status = metastore_->Placement(context_, "t", "s").status();
  EXPECT_EQ(status.reason(), "not_leader");
  EXPECT_EQ(status.redirect(), FakeConsensus::kLeaderAddress);
  EXPECT_EQ(Requests("placement", "ok"), 1u);
  EXPECT_EQ(Requests("placement", "unavailable"), 1u);
  consensus_->status = {.is_leader = true, .leader_id = 1};
  clock_.now_ns += MemberList::kTtlMs * kNsPerMs + 1;
  EXPECT_TRUE(metastore_->Placement(context_, "t", "s")->shards.empty()) << "nobody lives";
}

}  // namespace
}  // namespace brazier::metastore
