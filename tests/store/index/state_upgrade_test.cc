// States of versions 1 and 2: what goes on as it was, and how they become one of version 3. The model tests mix them with everything
// else.
#include "store/index/block_queue.h"
#include "store/index/deletions.h"
#include "store/index/index_keys.h"
#include "store/index/job_command.h"
#include "store/index/jobs.h"
#include "store/index/state_version.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

class StateUpgradeTest : public testing::Test {
 protected:
  StateUpgradeTest() { MakeOld(old_); }
  static void MakeOld(IndexUnderTest& index, const char* version = "1") {
    kv::WriteBatch batch;
    batch.Put(kv::Family::kState, VersionKey(), version);
    ASSERT_TRUE(index.store().Write(batch, false).ok());
    index.Restart();
  }
  static BlockMeta Block(uint64_t n) { return MakeBlock(n, {MakeDataset("t", "s", 100, 200, {n})}); }
  static Upgraded Upgrade(IndexUnderTest& index, uint64_t blocks_max) {
    const auto upgraded =
        DecodeUpgradeStateAnswer(index.Round({EncodeUpgradeStateCommand(kTestTime, blocks_max)}).front());
    EXPECT_TRUE(upgraded.ok()) << upgraded.status().ToString();
    return upgraded.ok() ? *upgraded : Upgraded{};
  }
  // How many keys of the kind there are.
  static size_t Count(IndexUnderTest& index, KeyKind kind) {
    size_t count = 0;
    const std::string prefix = KindPrefix(kind);
    EXPECT_TRUE(index.store().Scan(kv::Family::kState, prefix, PrefixEnd(prefix), [&](auto, auto) { return ++count > 0; }).ok());
    return count;
  }
  IndexUnderTest old_, fresh_;
};

TEST_F(StateUpgradeTest, AnEmptyStateBeginsWithVersion3) {
  EXPECT_FALSE(fresh_.index().needs_upgrade());
  EXPECT_EQ(Upgrade(fresh_, 5), (Upgraded{0, true}));
  EXPECT_EQ(fresh_.Dump(), "");
  ASSERT_TRUE(fresh_.Add({Block(1)}).ok());
  EXPECT_EQ(*fresh_.store().Get(kv::Family::kState, VersionKey()), "3");
  EXPECT_EQ(ReadStateVersion(fresh_.store())->number, 3u);
}

TEST_F(StateUpgradeTest, Version1GoesOnWithoutQueues) {
  ASSERT_TRUE(old_.Add({Block(1), Block(2)}).ok());
  EXPECT_TRUE(old_.index().needs_upgrade());
  EXPECT_EQ(*old_.store().Get(kv::Family::kState, VersionKey()), "1");
  EXPECT_EQ(Count(old_, KeyKind::kQueue), 0u);
  EXPECT_EQ(ListQueuedBlocks(old_.store(), {0, 1, ""}, std::nullopt, 10).status().reason(), "index_not_upgraded");
  EXPECT_EQ(ReadBlock(old_.store(), IdOf(1))->size, 4096u);
  ASSERT_TRUE(DecodeReplaceBlocksAnswer(
                  old_.Round({EncodeReplaceBlocksCommand(kTestTime, {}, std::vector<Ulid>{IdOf(1)})}).front()).ok());
  EXPECT_EQ(ReadBlock(old_.store(), IdOf(1)).status().code(), Code::kNotFound);
}

TEST_F(StateUpgradeTest, StepByStepItBecomesVersion3) {
  for (uint64_t n : {5, 1, 4, 2, 3}) {
    ASSERT_TRUE(old_.Add({Block(n)}).ok());
    ASSERT_TRUE(fresh_.Add({Block(n)}).ok());
  }
  EXPECT_EQ(Upgrade(old_, 2), (Upgraded{2, false}));
  EXPECT_EQ(Count(old_, KeyKind::kQueue), 2u);
  EXPECT_EQ(ReadStateVersion(old_.store())->upgraded_to, IdOf(2));
  old_.Restart();
  EXPECT_EQ(Upgrade(old_, 3), (Upgraded{3, false}));
  EXPECT_EQ(Upgrade(old_, 3), (Upgraded{0, true}));
  EXPECT_FALSE(old_.index().needs_upgrade());
  EXPECT_EQ(old_.Dump(), fresh_.Dump());
}

TEST_F(StateUpgradeTest, OneRoundOfEverything) {
  std::vector<std::string> commands, answers;
  const auto replace = [](uint64_t input, uint64_t output) {
    const std::string encoded = codec::EncodeBlockMeta(MakeBlock(output, {MakeDataset("t", "s", 100, 200, {})}));
    return EncodeReplaceBlocksCommand(kTestTime, {&encoded, 1}, std::vector<Ulid>{IdOf(input)});
  };
  for (uint64_t n : {1, 3, 5, 7}) commands.push_back(CommandOf({Block(n)}));
  commands.push_back(EncodeUpgradeStateCommand(kTestTime, 2));
  for (uint64_t n : {2, 4, 6, 8}) commands.push_back(CommandOf({Block(n)}));  // on both sides of the walk
  commands.push_back(replace(1, 10));
  commands.push_back(replace(7, 0));
  for (int i = 0; i < 5; ++i) commands.push_back(EncodeUpgradeStateCommand(kTestTime, 2));
  IndexUnderTest one_by_one;
  MakeOld(one_by_one);
  for (const std::string& command : commands) {
    answers.push_back(one_by_one.Round({command}).front());
    one_by_one.Restart();
  }
  EXPECT_EQ(old_.Round(commands), answers);
  EXPECT_EQ(old_.Dump(), one_by_one.Dump());
  EXPECT_TRUE(DecodeUpgradeStateAnswer(answers.back())->done);
  fresh_.Round(commands);
  EXPECT_EQ(old_.Dump(), fresh_.Dump());
}

TEST_F(StateUpgradeTest, AStateThatIsTakenOverBringsItsVersion) {
  for (uint64_t n = 1; n <= 4; ++n) ASSERT_TRUE(old_.Add({Block(n)}).ok());
  Upgrade(old_, 2);
  ASSERT_TRUE(fresh_.Add({Block(9)}).ok());
  ASSERT_TRUE(fresh_.TakeStateOf(old_).ok());
  EXPECT_TRUE(fresh_.index().needs_upgrade());
  for (IndexUnderTest* index : {&old_, &fresh_}) {
    ASSERT_TRUE(index->Add({Block(6), Block(0)}).ok());
    EXPECT_EQ(Upgrade(*index, 10), (Upgraded{3, true}));
  }
  EXPECT_EQ(fresh_.Dump(), old_.Dump());
  EXPECT_EQ(Count(fresh_, KeyKind::kQueue), 6u);
}

// What a program of version 2 has written, byte by byte: a block of level 2 in the queue of its shard.
TEST_F(StateUpgradeTest, Version2Golden) {
  IndexUnderTest index;
  const std::string id = std::string("\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02", 16);
  const std::string old_queue = std::string("iq\x02\0\0\x01\x02t\0\x01", 10) + id;
  const std::string queue = std::string("iq\x02\0\0\0\0t\0\x01", 10) + id;
  const std::string expiry = std::string("iet\0\x01\x80\0\0\0\0\0\0\x14", 13) + id;
  const std::string queued = "\x94\x01\xCD\x01\x2C\x0A\x14";
  BlockMeta entry;
  entry.id = Ulid{{1, 2}};
  entry.shard = 258;
  entry.level = 2;
  entry.min_time_ns = 10;
  entry.max_time_ns = 20;
  entry.size = 300;
  entry.datasets.emplace_back().tenant = "t";
  kv::WriteBatch batch;
  batch.Put(kv::Family::kState, "iv", "2");
  batch.Put(kv::Family::kState, "ib" + id, codec::EncodeBlockMeta(entry));
  batch.Put(kv::Family::kState, old_queue, queued);
  ASSERT_TRUE(index.store().Write(batch, false).ok());
  index.Restart();
  EXPECT_TRUE(index.index().needs_upgrade());
  EXPECT_EQ(Upgrade(index, 1), (Upgraded{1, false}));
  EXPECT_EQ(*index.store().Get(kv::Family::kState, "iu"), "\x03" + id);
  EXPECT_EQ(index.store().Get(kv::Family::kState, old_queue).status().code(), Code::kNotFound);
  EXPECT_EQ(*index.store().Get(kv::Family::kState, queue), queued);
  EXPECT_EQ(*index.store().Get(kv::Family::kState, expiry), "\x92\x01\xCD\x01\x2C");
  EXPECT_EQ(Upgrade(index, 1), (Upgraded{0, true}));
  EXPECT_EQ(*index.store().Get(kv::Family::kState, "iv"), "3");
  EXPECT_EQ(index.store().Get(kv::Family::kState, "iu").status().code(), Code::kNotFound);
}

TEST_F(StateUpgradeTest, Version2GoesOnInItsQueues) {
  IndexUnderTest index;
  MakeOld(index, "2");
  BlockMeta block = Block(1);
  block.level = 2;
  block.shard = 7;
  ASSERT_TRUE(index.Add({block, Block(2)}).ok());
  EXPECT_TRUE(index.store().Get(kv::Family::kState, QueueKey({2, 7, "t"}, IdOf(1))).ok());
  EXPECT_EQ(Count(index, KeyKind::kQueue), 2u);
  EXPECT_EQ(Count(index, KeyKind::kExpiry), 0u);
  EXPECT_EQ(ListJobs(index.store()).status().reason(), "index_not_upgraded");
  EXPECT_EQ(ListFreeBlocks(index.store(), std::nullopt, 9).status().reason(), "index_not_upgraded");
  EXPECT_EQ(ListExpiring(index.store(), "t", 9, 9).status().reason(), "index_not_upgraded");
  EXPECT_EQ(ListExpiringTenants(index.store(), std::nullopt, 9).status().reason(), "index_not_upgraded");
  EXPECT_EQ(ListQueues(index.store(), std::nullopt, 9).status().reason(), "index_not_upgraded");
  const JobLease lease{.queue = {2, 7, "t"}, .output_level = 3, .inputs = {IdOf(1)}, .worker = "w"};
  EXPECT_EQ(DecodeLeaseJobsAnswer(index.Round({EncodeLeaseJobsCommand({kTestTime, {lease}})}).front()).status().code(),
            Code::kFailedPrecondition);
  // In quarantine before, and released after: with the upgrade between them it comes into its new queue.
  index.Round({EncodeQuarantineBlocksCommand({kTestTime, {{IdOf(1), "missing"}}})});
  EXPECT_EQ(Count(index, KeyKind::kQueue), 1u);
  EXPECT_EQ(Upgrade(index, 10), (Upgraded{2, true}));
  EXPECT_EQ(Count(index, KeyKind::kQueue), 1u);
  EXPECT_EQ(Count(index, KeyKind::kExpiry), 2u);
  index.Round({EncodeReleaseBlocksCommand({kTestTime, {IdOf(1)}})});
  ASSERT_TRUE(fresh_.Add({block, Block(2)}).ok());
  EXPECT_EQ(index.Dump(), fresh_.Dump());
}

// A program of version 2 had begun to make queues for a state of version 1 when this one took over.
TEST_F(StateUpgradeTest, AnUpgradeToVersion2ThatWasNotFinished) {
  for (uint64_t n = 1; n <= 6; ++n) {
    BlockMeta block = Block(n);
    block.level = 2;
    ASSERT_TRUE(old_.Add({block}).ok());
    ASSERT_TRUE(fresh_.Add({block}).ok());
  }
  kv::WriteBatch batch;
  std::string place;
  AppendId(place, IdOf(3));
  batch.Put(kv::Family::kState, UpgradeKey(), place);
  for (uint64_t n = 1; n <= 3; ++n) {
    batch.Put(kv::Family::kState, QueueKey({2, static_cast<uint32_t>(n % 4), "t"}, IdOf(n)), EncodeQueuedBlock({IdOf(n), 4096, 100, 200}));
  }
  ASSERT_TRUE(old_.store().Write(batch, false).ok());
  old_.Restart();
  EXPECT_EQ(Upgrade(old_, 1), (Upgraded{1, false}));
  // One that version 2 has queued, and one that it has not.
  const std::string remove = EncodeReplaceBlocksCommand(kTestTime, {}, std::vector<Ulid>{IdOf(2), IdOf(5)});
  EXPECT_EQ(old_.Round({remove}), fresh_.Round({remove}));
  old_.Restart();
  EXPECT_EQ(Upgrade(old_, 10), (Upgraded{3, true}));
  EXPECT_EQ(old_.Dump(), fresh_.Dump());
}

TEST_F(StateUpgradeTest, TheObserverHearsOfTheStateThatIsNew) {
  struct Observer final : QueueObserver {
    void BlockQueued(const QueueName&, const QueuedBlock&, uint32_t, int64_t) override { ++queued; }
    void BlockTaken(const QueueName&, const Ulid&) override { ++taken; }
    void BlockMustBeRewritten(const QueueName&, const Ulid&) override { ++taken; }
    void Restored() override { free = ListFreeBlocks(index->store(), std::nullopt, 100)->size(); }
    IndexUnderTest* index = nullptr;
    size_t queued = 0, taken = 0, free = 0;
  } observer;
  observer.index = &old_;
  old_.index().SetObserver(&observer);
  ASSERT_TRUE(old_.Add({Block(1), Block(2)}).ok());
  old_.Round({EncodeDeleteDataCommand({kTestTime, IdOf(9), {"t", "", "", 0, 150}})});
  Upgrade(old_, 10);
  EXPECT_EQ(observer.queued + observer.taken, 0u);
  EXPECT_EQ(observer.free, 2u) << "when the store has it";
  ASSERT_TRUE(old_.Add({Block(3)}).ok());
  EXPECT_EQ(observer.queued, 1u);
}

TEST_F(StateUpgradeTest, ADamagedPlaceIsCorruption) {
  kv::WriteBatch batch;
  batch.Put(kv::Family::kState, UpgradeKey(), "short");
  ASSERT_TRUE(old_.store().Write(batch, false).ok());
  EXPECT_EQ(MetadataIndex::Open(old_.store(), 0).status().code(), Code::kCorruption);
}

}  // namespace
}  // namespace brazier::index
