// A state of version 1: what goes on as it was, and how it becomes one of version 2. compaction_model_test.cc mixes it with
// everything else.
#include "store/index/block_queue.h"
#include "store/index/index_keys.h"
#include "store/index/state_version.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

class StateUpgradeTest : public testing::Test {
 protected:
  StateUpgradeTest() { MakeOld(old_); }
  static void MakeOld(IndexUnderTest& index) {
    kv::WriteBatch batch;
    batch.Put(kv::Family::kState, VersionKey(), "1");
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

TEST_F(StateUpgradeTest, AnEmptyStateBeginsWithVersion2) {
  EXPECT_FALSE(fresh_.index().needs_upgrade());
  EXPECT_EQ(Upgrade(fresh_, 5), (Upgraded{0, true}));
  EXPECT_EQ(fresh_.Dump(), "");
  ASSERT_TRUE(fresh_.Add({Block(1)}).ok());
  EXPECT_EQ(*fresh_.store().Get(kv::Family::kState, VersionKey()), "2");
  EXPECT_EQ(ReadStateVersion(fresh_.store())->number, 2u);
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

TEST_F(StateUpgradeTest, StepByStepItBecomesVersion2) {
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

TEST_F(StateUpgradeTest, ADamagedPlaceIsCorruption) {
  kv::WriteBatch batch;
  batch.Put(kv::Family::kState, UpgradeKey(), "short");
  ASSERT_TRUE(old_.store().Write(batch, false).ok());
  EXPECT_EQ(MetadataIndex::Open(old_.store(), 0).status().code(), Code::kCorruption);
}

}  // namespace
}  // namespace brazier::index
