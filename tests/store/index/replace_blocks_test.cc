// ReplaceBlocks, PurgeTombstones, queues and tombstones through the state machine, case by case; the model test beside it
// mixes them.
#include <functional>

#include "store/index/block_queue.h"
#include "store/index/tombstones.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

class ReplaceBlocksTest : public testing::Test {
 protected:
  static BlockMeta Segment(uint64_t n, std::vector<uint64_t> identities = {}) {
    BlockMeta block = MakeBlock(n, {MakeDataset("t", "s", 100, 200, identities), MakeDataset("u", "s", 100, 300, {})});
    block.shard = 3;
    return block;
  }
  static BlockMeta Compacted(uint64_t n, const std::string& tenant = "t", uint32_t level = 1) {
    BlockMeta block = MakeBlock(n, {MakeDataset(tenant, "s", 100, 300, {})});
    block.shard = 3;
    block.level = level;
    return block;
  }
  static std::string CommandFor(const std::vector<BlockMeta>& outputs, const std::vector<Ulid>& inputs, int64_t time_ns) {
    std::vector<std::string> encoded;
    for (const BlockMeta& output : outputs) encoded.push_back(codec::EncodeBlockMeta(output));
    return EncodeReplaceBlocksCommand(time_ns, encoded, inputs);
  }
  Result<Replaced> Replace(const std::vector<BlockMeta>& outputs, const std::vector<Ulid>& inputs,
                           int64_t time_ns = kTestTime) {
    return DecodeReplaceBlocksAnswer(index_.Round({CommandFor(outputs, inputs, time_ns)}).front());
  }
  uint64_t Purge(const std::vector<Ulid>& ids) {
    const auto purged =
        DecodePurgeTombstonesAnswer(index_.Round({EncodePurgeTombstonesCommand(kTestTime, ids)}).front());
    EXPECT_TRUE(purged.ok()) << purged.status().ToString();
    return purged->tombstones;
  }
  std::vector<Ulid> Found(const std::string& tenant) {
    const auto found = index_.Find({.tenants = {tenant}, .start_ns = 0, .end_ns = INT64_MAX});
    EXPECT_TRUE(found.ok()) << found.status().ToString();
    std::vector<Ulid> ids;
    for (const BlockMeta& block : *found) ids.push_back(block.id);
    return ids;
  }
  std::vector<Ulid> Queue(const QueueName& queue, std::optional<Ulid> after = std::nullopt, size_t limit = 100) {
    const auto blocks = ListQueuedBlocks(index_.store(), queue, after, limit);
    EXPECT_TRUE(blocks.ok()) << blocks.status().ToString();
    std::vector<Ulid> ids;
    for (const QueuedBlock& block : *blocks) ids.push_back(block.id);
    return ids;
  }
  IndexUnderTest index_;
};

TEST_F(ReplaceBlocksTest, OutputsComeInputsGoTombstonesStay) {
  ASSERT_TRUE(index_.Add({Segment(1), Segment(2), Segment(3)}).ok());
  ASSERT_EQ(*Replace({Compacted(11, "t"), Compacted(12, "u")}, {IdOf(1), IdOf(2)}, kTestTime + 5), Replaced{});
  EXPECT_EQ(Found("t"), (std::vector<Ulid>{IdOf(3), IdOf(11)}));
  EXPECT_EQ(Found("u"), (std::vector<Ulid>{IdOf(3), IdOf(12)}));
  EXPECT_EQ(ReadBlock(index_.store(), IdOf(1)).status().code(), Code::kNotFound);
  EXPECT_EQ(*ReadBlock(index_.store(), IdOf(11)), Compacted(11, "t"));
  EXPECT_EQ(Queue({0, 3, ""}), std::vector<Ulid>{IdOf(3)});
  EXPECT_EQ(Queue({1, 3, "t"}), std::vector<Ulid>{IdOf(11)});
  const auto summary = ReadTenantSummary(index_.store(), "t");
  EXPECT_EQ(summary->blocks, 2u);
  EXPECT_EQ(summary->bytes, 2 * (450u + 64u));
  const auto tombstones = ListTombstones(index_.store(), kTestTime + 6, std::nullopt, 100);
  ASSERT_TRUE(tombstones.ok());
  const Tombstone first{.id = IdOf(1), .removed_ns = kTestTime + 5, .shard = 3, .level = 0, .tenant = "", .size = 4096};
  ASSERT_EQ(tombstones->size(), 2u);
  EXPECT_EQ(tombstones->front(), first);
  EXPECT_EQ(tombstones->front().ObjectKey(), Segment(1).ObjectKey());
  EXPECT_EQ(**ReadTombstone(index_.store(), IdOf(1)), first);
  EXPECT_EQ(index_.index().blocks_removed(), 2u);
}

TEST_F(ReplaceBlocksTest, ATombstoneNamesTheObjectOfABlockAboveLevel0) {
  ASSERT_TRUE(index_.Add({Compacted(5, "some tenant", 2)}).ok());
  ASSERT_TRUE(Replace({}, {IdOf(5)}).ok());
  const auto tombstones = ListTombstones(index_.store(), INT64_MAX, std::nullopt, 100);
  ASSERT_EQ(tombstones->size(), 1u);
  EXPECT_EQ(tombstones->front().ObjectKey(), Compacted(5, "some tenant", 2).ObjectKey());
}

TEST_F(ReplaceBlocksTest, AMissingInputRefusesAllAndIsNamed) {
  ASSERT_TRUE(index_.Add({Segment(1), Segment(2)}).ok());
  const std::string before = index_.Dump();
  const auto refused = Replace({Compacted(11)}, {IdOf(1), IdOf(7), IdOf(2)});
  EXPECT_EQ(refused.status().code(), Code::kNotFound);
  EXPECT_NE(refused.status().message().find(IdOf(7).ToString() + " is not known"), std::string::npos);
  EXPECT_EQ(index_.Dump(), before);
  ASSERT_TRUE(Replace({Compacted(11)}, {IdOf(1)}).ok());
  const std::string after = index_.Dump();
  const auto again = Replace({Compacted(12)}, {IdOf(2), IdOf(1)});
  EXPECT_EQ(again.status().code(), Code::kNotFound);
  EXPECT_NE(again.status().message().find(IdOf(1).ToString() + " was removed already"), std::string::npos);
  EXPECT_EQ(index_.Dump(), after);
}

TEST_F(ReplaceBlocksTest, TheSameReplacementAgainChangesNothing) {
  ASSERT_TRUE(index_.Add({Segment(1), Segment(2)}).ok());
  ASSERT_TRUE(Replace({Compacted(11)}, {IdOf(1), IdOf(2)}).ok());
  const std::string before = index_.Dump();
  EXPECT_EQ(*Replace({Compacted(11)}, {IdOf(1), IdOf(2)}, kTestTime + kMinute), Replaced{true});
  EXPECT_EQ(index_.Dump(), before);
  // Compacted further since: it was done all the same.
  ASSERT_TRUE(Replace({Compacted(21, "t", 2)}, {IdOf(11)}).ok());
  EXPECT_EQ(*Replace({Compacted(11)}, {IdOf(1), IdOf(2)}), Replaced{true});
  // Another output for the same inputs is another replacement.
  EXPECT_EQ(Replace({Compacted(12)}, {IdOf(1), IdOf(2)}).status().code(), Code::kNotFound);
  EXPECT_EQ(Found("t"), std::vector<Ulid>{IdOf(21)});
}

TEST_F(ReplaceBlocksTest, AnOutputThatIsThereAlreadyIsKept) {
  ASSERT_TRUE(index_.Add({Segment(1), Compacted(11)}).ok());
  ASSERT_EQ(*Replace({Compacted(11)}, {IdOf(1)}), Replaced{});
  EXPECT_EQ(Found("t"), std::vector<Ulid>{IdOf(11)});
  EXPECT_EQ(ReadTenantSummary(index_.store(), "t")->blocks, 1u);
}

TEST_F(ReplaceBlocksTest, AnOutputThatWasRemovedDoesNotComeBack) {
  ASSERT_TRUE(index_.Add({Segment(1), Compacted(11)}).ok());
  ASSERT_TRUE(Replace({}, {IdOf(11)}).ok());
  const auto refused = Replace({Compacted(11)}, {IdOf(1)});
  EXPECT_EQ(refused.status().code(), Code::kFailedPrecondition);
  EXPECT_NE(refused.status().message().find(IdOf(11).ToString()), std::string::npos);
  EXPECT_EQ(Found("t"), std::vector<Ulid>{IdOf(1)});
}

TEST_F(ReplaceBlocksTest, ALateRepeatOfARemovedBlockIsAnsweredAsTheFirstTime) {
  ASSERT_TRUE(index_.Add({Segment(1, {7, 8})}).ok());
  const auto first = index_.Add({Segment(2, {8, 9, 7})});
  ASSERT_EQ(first->front().hidden_profiles, (std::vector<std::vector<uint32_t>>{{0, 2}, {}}));
  ASSERT_TRUE(Replace({Compacted(11)}, {IdOf(1), IdOf(2)}).ok());
  const std::string before = index_.Dump();
  const auto again = index_.Add({Segment(2, {8, 9, 7})});
  EXPECT_TRUE(again->front().already_known);
  EXPECT_EQ(again->front().hidden_profiles, first->front().hidden_profiles);
  EXPECT_EQ(index_.Dump(), before);
  EXPECT_EQ(Found("t"), std::vector<Ulid>{IdOf(11)});
}

// The window outlives the block: a profile that is sent again is hidden behind the compacted one.
TEST_F(ReplaceBlocksTest, IdentitiesOfRemovedBlocksStayKnown) {
  ASSERT_TRUE(index_.Add({Segment(1, {7, 8})}).ok());
  ASSERT_TRUE(Replace({Compacted(11)}, {IdOf(1)}).ok());
  EXPECT_EQ(index_.Add({Segment(2, {8})})->front().hidden_profiles, (std::vector<std::vector<uint32_t>>{{0}, {}}));
}

TEST_F(ReplaceBlocksTest, ATenantWithoutBlocksIsGone) {
  ASSERT_TRUE(index_.Add({Segment(1), Compacted(2, "v")}).ok());
  EXPECT_EQ(TenantNames(index_.store(), "", 10), (std::vector<std::string>{"t", "u", "v"}));
  EXPECT_EQ(TenantNames(index_.store(), "t", 1), (std::vector<std::string>{"u"}));
  ASSERT_TRUE(Replace({Compacted(11, "u")}, {IdOf(1)}).ok());
  EXPECT_EQ(TenantNames(index_.store(), "", 10), (std::vector<std::string>{"u", "v"}));
  EXPECT_FALSE(ReadTenantSummary(index_.store(), "t")->data_ingested);
  ASSERT_TRUE(Replace({}, {IdOf(2), IdOf(11)}).ok());
  EXPECT_TRUE(TenantNames(index_.store(), "", 10).empty());
}

TEST_F(ReplaceBlocksTest, AddReplacePurgeInOneRound) {
  const std::vector<std::string> commands = {
      CommandOf({Segment(1, {1}), Segment(2, {2})}), CommandFor({Compacted(11)}, {IdOf(1), IdOf(2)}, kTestTime),
      CommandOf({Segment(1, {1})}), CommandFor({Compacted(21, "t", 2)}, {IdOf(11)}, kTestTime + 1),
      EncodePurgeTombstonesCommand(kTestTime, std::vector<Ulid>{IdOf(1), IdOf(11), IdOf(40)})};
  IndexUnderTest one_by_one;
  std::vector<std::string> answers;
  for (const std::string& command : commands) answers.push_back(one_by_one.Round({command}).front());
  EXPECT_EQ(index_.Round(commands), answers);
  EXPECT_EQ(index_.Dump(), one_by_one.Dump());
  EXPECT_EQ(Found("t"), std::vector<Ulid>{IdOf(21)});
  EXPECT_EQ(DecodePurgeTombstonesAnswer(answers.back())->tombstones, 2u);
  const auto left = ListTombstones(index_.store(), INT64_MAX, std::nullopt, 10);
  ASSERT_EQ(left->size(), 1u);
  EXPECT_EQ(left->front().id, IdOf(2));
}

TEST_F(ReplaceBlocksTest, PurgedIsForgotten) {
  ASSERT_TRUE(index_.Add({Segment(1)}).ok());
  ASSERT_TRUE(Replace({}, {IdOf(1)}).ok());
  EXPECT_EQ(Purge({IdOf(1)}), 1u);
  EXPECT_EQ(Purge({IdOf(1)}), 0u);
  EXPECT_FALSE(ReadTombstone(index_.store(), IdOf(1))->has_value());
  EXPECT_TRUE(ListTombstones(index_.store(), INT64_MAX, std::nullopt, 10)->empty());
  EXPECT_EQ(Replace({}, {IdOf(1)}).status().code(), Code::kNotFound);
  EXPECT_FALSE(index_.Add({Segment(1)})->front().already_known);
}

TEST_F(ReplaceBlocksTest, TombstonesAreListedInOrderOfRemoval) {
  for (uint64_t n = 1; n <= 6; ++n) ASSERT_TRUE(index_.Add({Segment(n)}).ok());
  for (uint64_t n = 1; n <= 6; ++n) {
    ASSERT_TRUE(Replace({}, {IdOf(n)}, kTestTime + static_cast<int64_t>(n % 3) * kMinute).ok());
  }
  const auto list = [&](int64_t before_ns, std::optional<TombstoneCursor> after, size_t limit) {
    std::vector<Ulid> ids;
    const auto tombstones = ListTombstones(index_.store(), before_ns, after, limit);
    for (const Tombstone& tombstone : *tombstones) ids.push_back(tombstone.id);
    return ids;
  };
  EXPECT_EQ(list(INT64_MAX, {}, 10), (std::vector<Ulid>{IdOf(3), IdOf(6), IdOf(1), IdOf(4), IdOf(2), IdOf(5)}));
  EXPECT_EQ(list(kTestTime + kMinute, {}, 10), (std::vector<Ulid>{IdOf(3), IdOf(6)})) << "older than, not as old as";
  EXPECT_EQ(list(INT64_MAX, TombstoneCursor{kTestTime, IdOf(6)}, 2), (std::vector<Ulid>{IdOf(1), IdOf(4)}));
  EXPECT_TRUE(list(INT64_MAX, {}, 0).empty());
}

TEST_F(ReplaceBlocksTest, QueuesAreByLevelShardAndTenantInOrderOfIds) {
  const std::string odd("t\0x", 3);
  for (uint64_t n : {5, 3, 4}) ASSERT_TRUE(index_.Add({Segment(n)}).ok());
  BlockMeta other_shard = Segment(6);
  other_shard.shard = UINT32_MAX;
  ASSERT_TRUE(index_.Add({other_shard, Compacted(8, odd), Compacted(7, "t"), Compacted(9, "t", 64)}).ok());
  const std::vector<QueueName> all = {{0, 3, ""}, {0, UINT32_MAX, ""}, {1, 3, "t"}, {1, 3, odd}, {64, 0, "t"}};
  EXPECT_EQ(*ListQueues(index_.store(), std::nullopt, 100), all);
  EXPECT_EQ(*ListQueues(index_.store(), all[1], 2), (std::vector<QueueName>{all[2], all[3]}));
  EXPECT_TRUE(ListQueues(index_.store(), all[4], 2)->empty());
  EXPECT_EQ(Queue(all[0]), (std::vector<Ulid>{IdOf(3), IdOf(4), IdOf(5)}));
  EXPECT_EQ(Queue(all[0], IdOf(3), 1), std::vector<Ulid>{IdOf(4)});
  EXPECT_EQ(Queue(all[1]), std::vector<Ulid>{IdOf(6)});
  EXPECT_EQ(Queue(all[2]), std::vector<Ulid>{IdOf(7)});
  EXPECT_EQ(Queue(all[3]), std::vector<Ulid>{IdOf(8)});
  EXPECT_TRUE(Queue({0, 3, "t"}).empty());
  EXPECT_TRUE(Queue(all[0], std::nullopt, 0).empty());
  const QueuedBlock want{.id = IdOf(7), .size = 4096, .min_time_ns = 100, .max_time_ns = 300};
  EXPECT_EQ(ListQueuedBlocks(index_.store(), all[2], std::nullopt, 1)->front(), want);
}

TEST_F(ReplaceBlocksTest, AnUnknownKindWritesNothing) {
  const std::string before = index_.Dump();
  EXPECT_EQ(index_.Apply("\x94\x01\x0F\x0A\x64").status().code(), Code::kUnimplemented);
  EXPECT_EQ(Replace({Compacted(11)}, {IdOf(1)}).status().code(), Code::kNotFound) << "an empty index";
  EXPECT_EQ(Purge({IdOf(1)}), 0u);
  EXPECT_EQ(index_.Dump(), before);
}

TEST(TombstoneBytesTest, Golden) {
  const Ulid id{{1, 2}};
  const std::string id_bytes("\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02", 16);
  EXPECT_EQ(QueueKey({1, 258, "t"}, id), std::string("iq\x01\0\0\x01\x02t\0\x01", 10) + id_bytes);
  EXPECT_EQ(EncodeQueuedBlock({id, 300, 10, 20}), "\x94\x01\xCD\x01\x2C\x0A\x14");
  EXPECT_EQ(RemovedKey(id), "ir" + id_bytes);
  EXPECT_EQ(RemovedByTimeKey(5, id), std::string("ig\x80\0\0\0\0\0\0\x05", 10) + id_bytes);
  EXPECT_EQ(EncodeRemovedBlock(5, "e"), "\x93\x01\x05\xC4\x01" "e");
  EXPECT_EQ(EncodeTombstone({.id = id, .removed_ns = 5, .shard = 2, .level = 1, .tenant = "t", .size = 300}),
            "\x95\x01\x02\x01\xA1t\xCD\x01\x2C");
}

TEST(TombstoneBytesTest, DamageIsCorruption) {
  const std::vector<std::pair<std::string, std::function<Status(std::string_view)>>> cases = {
      {EncodeQueuedBlock({IdOf(1), 300, 10, 20}), [](auto v) { return DecodeQueuedBlock(IdOf(1), v).status(); }},
      {EncodeRemovedBlock(5, "entry"), [](auto v) { return DecodeRemovedBlock(v).status(); }},
      {EncodeTombstone({.shard = 2, .level = 1, .tenant = "t", .size = 300}),
       [](auto v) { return DecodeTombstone(IdOf(1), 5, v).status(); }},
  };
  std::mt19937_64 rng(4);
  for (const auto& [value, decode] : cases) {
    ASSERT_TRUE(decode(value).ok());
    for (size_t n = 0; n < value.size(); ++n) {
      ASSERT_EQ(decode(std::string_view(value).substr(0, n)).code(), Code::kCorruption) << n;
    }
    for (int i = 0; i < 1000; ++i) {
      std::string bad = value;
      bad[rng() % bad.size()] ^= static_cast<char>(1u << rng() % 8);
      const Status status = decode(bad);
      ASSERT_TRUE(status.ok() || status.code() == Code::kCorruption);
    }
    std::string later = value;
    later[1] = 2;  // the version
    EXPECT_EQ(decode(later).code(), Code::kCorruption);
  }
}

}  // namespace
}  // namespace brazier::index
