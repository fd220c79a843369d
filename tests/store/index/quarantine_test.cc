// Quarantine, condemned objects and the order of expiry, case by case.
#include "common/model/selector.h"
#include "store/index/block_marks.h"
#include "tests/store/index/lifecycle_harness.h"

namespace brazier::index {
namespace {

using QuarantineTest = LifecycleTest;

TEST_F(QuarantineTest, ABlockInQuarantineIsInNoQueueAndIsNamed) {
  Add({Segment(1), Segment(2), Compacted(3)});
  Return(Lease({NewJob({1})})[0], kTestTime + 9);
  EXPECT_EQ(Quarantine({1, 3, 9}, "missing"), 2u) << "9 is not known";
  EXPECT_EQ(Free(), Ids({2}));
  EXPECT_TRUE(ListFailedBlocks(index_.store(), std::nullopt, 10)->empty());
  EXPECT_EQ(Quarantine({1}, "another"), 0u) << "the first reason stays";
  const auto found = index_.Find({.tenants = {"t"}, .start_ns = 0, .end_ns = INT64_MAX});
  ASSERT_EQ(found->size(), 3u);
  EXPECT_EQ(found->at(0).quarantine, "missing");
  EXPECT_EQ(found->at(0).datasets.size(), 1u);
  EXPECT_EQ(found->at(1).quarantine, "");
  EXPECT_EQ(found->at(2).quarantine, "missing");
  EXPECT_EQ(ReadBlock(index_.store(), IdOf(1))->quarantine, "missing");
  EXPECT_EQ(ReadBlock(index_.store(), IdOf(2))->quarantine, "");
  EXPECT_EQ(ListQuarantined(index_.store(), std::nullopt, 1)->front().id, IdOf(1));
  EXPECT_EQ(ListQuarantined(index_.store(), IdOf(1), 10)->front().id, IdOf(3));
  EXPECT_EQ(ListQuarantined(index_.store(), IdOf(1), 10)->front().since_ns, kTestTime + 1);
}

TEST_F(QuarantineTest, ReleasedIsAsIfNothingHadBeen) {
  Add({Segment(1), Segment(2)});
  const std::string before = index_.Dump();
  Quarantine({1});
  EXPECT_EQ(Counted(EncodeReleaseBlocksCommand({kTestTime, Ids({1, 2, 9})})), 1u);
  EXPECT_EQ(index_.Dump(), before);
  EXPECT_EQ(Free(), Ids({1, 2}));
}

TEST_F(QuarantineTest, AnInputLeavesItsJob) {
  Add({Segment(1), Segment(2), Segment(3)});
  const auto leased = Lease({NewJob({1, 2}), NewJob({3})});
  EXPECT_EQ(Quarantine({2, 3}), 2u);
  ASSERT_EQ(Jobs().size(), 1u) << "a job without inputs is over";
  EXPECT_EQ(Jobs()[0].inputs, Ids({1}));
  const Status status = Finish(leased[0], {1, 2}, {Compacted(11)}).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.reason(), "inputs_changed");
  EXPECT_EQ(*Finish(leased[1], {}, {}, {{IdOf(3), "crc"}}), JobFinished{true});
  EXPECT_EQ(Return(leased[0], kTestTime), 1u);
  EXPECT_EQ(Free(), Ids({1}));
  // The worker finds out by itself: the first reason stays.
  const LeasedJob again = Lease({NewJob({1})})[0];
  EXPECT_TRUE(Finish(again, {}, {}, {{IdOf(1), "crc"}, {IdOf(2), "crc"}}).ok());
  EXPECT_EQ(ListQuarantined(index_.store(), std::nullopt, 10)->size(), 3u);
  EXPECT_EQ(ReadBlock(index_.store(), IdOf(2))->quarantine, "missing");
}

TEST_F(QuarantineTest, ARemovedBlockIsInQuarantineNoMore) {
  Add({Segment(1)});
  Quarantine({1});
  ASSERT_TRUE(Replace({}, {1}).ok());
  EXPECT_TRUE(ListQuarantined(index_.store(), std::nullopt, 10)->empty());
  EXPECT_EQ(Counted(EncodeReleaseBlocksCommand({kTestTime, Ids({1})})), 0u);
  Purge({1});
  Add({Segment(1)});
  EXPECT_EQ(Free(), Ids({1}));
}

TEST_F(QuarantineTest, LabelsAreAnsweredWithoutBlocksInQuarantine) {
  BlockMeta good = Compacted(1), bad = Compacted(2), unlisted = Compacted(3);
  for (auto [block, pod] : {std::pair(&good, "a"), std::pair(&bad, "b")}) {
    block->datasets[0].lists_label_sets = true;
    block->datasets[0].label_sets = {Labels(std::vector<Label>{{"pod", pod}})};
  }
  Add({good, bad, unlisted});
  const auto query = [&] {
    return *QueryLabels(index_.store(), {.tenants = {"t"}, .start_ns = 0, .end_ns = INT64_MAX},
                        {{.kind = ReportKind::kLabelValues, .label_name = "pod"}});
  };
  EXPECT_EQ(query().datasets_answered, 2u);
  EXPECT_EQ(query().unanswered.size(), 1u);
  Quarantine({2, 3});
  const LabelAnswer answer = query();
  EXPECT_EQ(answer.datasets_answered, 1u);
  EXPECT_TRUE(answer.unanswered.empty());
  ASSERT_EQ(answer.reports.size(), 1u);
}

// More than a query keeps in memory: the last ones are asked for one by one.
TEST_F(QuarantineTest, ManyBlocksInQuarantineAreAllNamed) {
  constexpr size_t kCount = BlockMarks::kQuarantineKeptMax + 2;
  std::vector<BlockMeta> blocks;
  std::vector<uint64_t> numbers;
  for (uint64_t n = 0; n < kCount; ++n) {
    BlockMeta& block = blocks.emplace_back();
    block.id = IdOf(n);
    block.size = 1;
    block.datasets.emplace_back().tenant = "t";
    numbers.push_back(n);
    if (blocks.size() < 5000 && n + 1 < kCount) continue;
    Add(blocks);
    if (n + 1 == kCount) numbers.pop_back();  // but not the newest block
    Quarantine(numbers);
    blocks.clear(), numbers.clear();
  }
  const auto found = index_.Find({.tenants = {"t"}, .start_ns = 0, .end_ns = 0});
  ASSERT_EQ(found->size(), kCount);
  EXPECT_EQ(found->at(0).quarantine, "missing");
  EXPECT_EQ(found->at(kCount - 2).quarantine, "missing");
  EXPECT_EQ(found->at(kCount - 1).quarantine, "");
}

TEST_F(QuarantineTest, CondemnedObjectsCannotBeRegistered) {
  Add({Segment(1), Segment(2)});
  ASSERT_TRUE(Replace({}, {2}).ok());
  const std::vector<CondemnedObject> objects = {
      {IdOf(1), 3, 0, "", 10}, {IdOf(2), 3, 0, "", 10}, {IdOf(5), 3, 0, "", 77}, {IdOf(6), 0, 3, "t", 88}};
  EXPECT_EQ(Counted(EncodeCondemnObjectsCommand({kTestTime + 4, objects})), 2u) << "1 is known, 2 has a tombstone";
  const auto tombstones = ListTombstones(index_.store(), INT64_MAX, std::nullopt, 10);
  ASSERT_EQ(tombstones->size(), 3u);
  const Tombstone want{.id = IdOf(6), .removed_ns = kTestTime + 4, .shard = 0, .level = 3, .tenant = "t", .size = 88};
  EXPECT_EQ(tombstones->at(2), want);
  EXPECT_EQ(**ReadTombstone(index_.store(), IdOf(6)), want);
  const std::string before = index_.Dump();
  const Status refused = index_.Add({Segment(7), Segment(5)}).status();
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_NE(refused.message().find(IdOf(5).ToString()), std::string::npos);
  EXPECT_EQ(index_.Dump(), before) << "nothing of the command is done";
  EXPECT_TRUE(index_.Add({Segment(2)})->front().already_known) << "a repeat of what was removed is answered as ever";
  EXPECT_EQ(Replace({Compacted(6, 3)}, {1}).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(Replace({}, {5}).status().code(), Code::kNotFound) << "it was never removed";
  EXPECT_EQ(Purge({5, 6}), 2u);
  EXPECT_FALSE(index_.Add({Segment(5)})->front().already_known) << "forgotten";
}

TEST_F(QuarantineTest, AnEmptyIndexCanCondemn) {
  EXPECT_EQ(Counted(EncodeCondemnObjectsCommand({kTestTime, {{IdOf(5), 3, 0, "", 77}}})), 1u);
  index_.Restart();
  EXPECT_FALSE(index_.index().needs_upgrade());
  EXPECT_EQ(index_.Add({Segment(5)}).status().code(), Code::kFailedPrecondition);
}

TEST_F(QuarantineTest, BlocksExpireInTheOrderOfTheirNewestProfiles) {
  const auto ending = [](BlockMeta block, int64_t max_ns) {
    block.datasets[0].max_time_ns = block.max_time_ns = max_ns;
    return block;
  };
  Add({ending(Compacted(1), 900), ending(Compacted(2), 500), ending(Compacted(3, 2), 700), ending(Compacted(4, 1, "u"), 100)});
  Add({Segment(5)});
  EXPECT_EQ(*ListExpiringTenants(index_.store(), std::nullopt, 10), (std::vector<std::string>{"", "t", "u"}));
  EXPECT_EQ(*ListExpiringTenants(index_.store(), "", 1), (std::vector<std::string>{"t"}));
  EXPECT_TRUE(ListExpiringTenants(index_.store(), "u", 10)->empty());
  const auto expiring = [&](int64_t before_ns, size_t limit) { return *ListExpiring(index_.store(), "t", before_ns, limit); };
  const std::vector<ExpiringBlock> all = {{IdOf(2), 500, 4096}, {IdOf(3), 700, 4096}, {IdOf(1), 900, 4096}};
  EXPECT_EQ(expiring(INT64_MAX, 10), all);
  EXPECT_EQ(expiring(900, 10), (std::vector<ExpiringBlock>{all[0], all[1]})) << "before, not at";
  EXPECT_EQ(expiring(INT64_MAX, 1), std::vector<ExpiringBlock>{all[0]});
  EXPECT_EQ(ListExpiring(index_.store(), "", INT64_MAX, 10)->front().id, IdOf(5));
  // A job or a quarantine does not keep a block from expiring; a removal does.
  Quarantine({2});
  JobLease lease = NewJob({3});
  lease.queue = {2, 0, "t"};
  ASSERT_NE(Lease({lease})[0].id, 0u);
  EXPECT_EQ(expiring(INT64_MAX, 10), all);
  ASSERT_TRUE(Replace({}, {2, 1, 3}).ok());
  EXPECT_TRUE(expiring(INT64_MAX, 10).empty());
  EXPECT_EQ(*ListExpiringTenants(index_.store(), std::nullopt, 10), (std::vector<std::string>{"", "u"}));
}

}  // namespace
}  // namespace brazier::index
