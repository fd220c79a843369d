// Deletions of data, case by case: which blocks they concern, what queries say meanwhile, and when they are confirmed.
#include "store/index/deletions.h"

#include "common/model/selector.h"
#include "store/index/index_keys.h"
#include "store/index/index_limits.h"
#include "tests/store/index/lifecycle_harness.h"

namespace brazier::index {
namespace {

class DeletionsTest : public LifecycleTest {
 protected:
  // Of two services, the second with label sets that are listed.
  static BlockMeta TwoServices(uint64_t n, uint32_t level, int64_t start_ns, std::vector<std::string> pods) {
    BlockMeta block = MakeBlock(n, {MakeDataset("t", "api", start_ns, start_ns + 10, {}),
                                    MakeDataset("t", "web", start_ns, start_ns + 20, {})});
    block.level = level;
    block.shard = 3;
    block.datasets[1].lists_label_sets = true;
    for (const std::string& pod : pods) {
      block.datasets[1].label_sets.push_back(Labels(std::vector<Label>{{"pod", pod}, {"service_name", "web"}}));
    }
    return block;
  }
  static DataFilter All(const std::string& service = "", const std::string& selector = "") {
    return {.tenant = "t", .service = service, .selector = selector, .start_ns = 0, .end_ns = INT64_MAX};
  }
  Deletion Read(uint64_t id) {
    const auto deletion = ReadDeletion(index_.store(), IdOf(id));
    EXPECT_TRUE(deletion.ok() && deletion->has_value());
    return **deletion;
  }
  // (blocks, to rewrite, to delete)
  std::tuple<uint64_t, uint64_t, uint64_t> Progress(uint64_t id) {
    const Deletion deletion = Read(id);
    return {deletion.blocks, deletion.blocks_to_rewrite, deletion.objects_to_delete};
  }
  size_t FiltersOf(uint64_t block) { return DeletionsOf(index_.store(), IdOf(block))->size(); }
};

TEST_F(DeletionsTest, BlocksOfWhichNothingIsLeftGoAtOnce) {
  Add({Compacted(1), Compacted(2, 3), Compacted(3, 1, "u"), Segment(4)});
  EXPECT_EQ(*Delete(50, All()), 3u);
  EXPECT_EQ(Found("t"), (std::vector<Ulid>{})) << "the segment's dataset of the tenant is deleted as a whole";
  EXPECT_EQ(Found("u"), Ids({3, 4}));
  EXPECT_EQ(Progress(50), std::tuple(3u, 1u, 2u));
  EXPECT_EQ(ListTombstones(index_.store(), INT64_MAX, std::nullopt, 10)->size(), 2u);
  EXPECT_EQ(Free(), Ids({4, 3}));
  EXPECT_TRUE(heard_.free.at({{0, 3, ""}, IdOf(4)}).must_be_rewritten);
  EXPECT_FALSE(heard_.free.at({{1, 3, "u"}, IdOf(3)}).must_be_rewritten);
}

TEST_F(DeletionsTest, ADeletionIsConfirmedWhenTheLastObjectIsGone) {
  Add({Segment(1), Compacted(2), Segment(3)});
  ASSERT_EQ(*Delete(50, All(), kTestTime + 3), 3u);
  EXPECT_EQ(Read(50).created_ns, kTestTime + 3);
  EXPECT_EQ(Progress(50), std::tuple(3u, 2u, 1u));
  EXPECT_EQ(Counted(EncodeForgetDeletionsCommand({kTestTime, Ids({50, 51})})), 0u) << "not confirmed";
  ASSERT_TRUE(Finish(Lease({NewJob({1})})[0], {1}, {Compacted(11, 1, "u")}).ok());
  EXPECT_EQ(Progress(50), std::tuple(3u, 1u, 2u));
  ASSERT_TRUE(Replace({Compacted(12, 1, "u")}, {3}).ok());
  EXPECT_EQ(Progress(50), std::tuple(3u, 0u, 3u));
  Purge({1, 2}, kTestTime + 8);
  EXPECT_EQ(Progress(50), std::tuple(3u, 0u, 1u));
  EXPECT_EQ(Read(50).confirmed_ns, 0);
  Purge({3}, kTestTime + 9);
  EXPECT_EQ(Progress(50), std::tuple(3u, 0u, 0u));
  EXPECT_EQ(Read(50).confirmed_ns, kTestTime + 9);
  EXPECT_EQ(Counted(EncodeForgetDeletionsCommand({kTestTime, Ids({50, 51})})), 1u);
  EXPECT_FALSE(ReadDeletion(index_.store(), IdOf(50))->has_value());
  EXPECT_EQ(Found("u"), Ids({11, 12}));
}

TEST_F(DeletionsTest, WithNothingToDeleteItIsConfirmedAtOnce) {
  EXPECT_EQ(*Delete(50, All(), kTestTime + 3), 0u) << "of an empty index";
  EXPECT_EQ(Read(50).confirmed_ns, kTestTime + 3);
  Add({Compacted(1)});
  EXPECT_EQ(*Delete(51, {.tenant = "t", .start_ns = 301, .end_ns = 400}), 0u) << "the block ends at 300";
  EXPECT_EQ(*Delete(52, {.tenant = "t", .start_ns = 0, .end_ns = 99}), 0u) << "and begins at 100";
  EXPECT_EQ(*Delete(53, {.tenant = "t", .service = "other", .start_ns = 0, .end_ns = 900}), 0u);
  EXPECT_EQ(*Delete(54, {.tenant = "v", .start_ns = 0, .end_ns = 900}), 0u);
  EXPECT_EQ(Found("t"), Ids({1}));
  EXPECT_EQ(Counted(EncodeForgetDeletionsCommand({kTestTime, Ids({50, 51, 52, 53, 54})})), 5u);
}

TEST_F(DeletionsTest, AKnownIdAnswersAsTheFirstTime) {
  Add({Segment(1)});
  ASSERT_EQ(*Delete(50, All()), 1u);
  Add({Segment(2)});
  const std::string before = index_.Dump();
  EXPECT_EQ(*Delete(50, All()), 1u);
  EXPECT_EQ(*Delete(50, {.tenant = "u", .start_ns = 0, .end_ns = 5}), 1u) << "whatever the filter is";
  EXPECT_EQ(index_.Dump(), before);
  EXPECT_EQ(Found("t"), Ids({2})) << "data that comes later is not concerned";
}

TEST_F(DeletionsTest, EdgesOfTheRangeAreInclusive) {
  Add({Compacted(1)});  // 100 to 300
  EXPECT_EQ(*Delete(50, {.tenant = "t", .start_ns = 300, .end_ns = 400}), 1u);
  EXPECT_EQ(Progress(50), std::tuple(1u, 1u, 0u));
  EXPECT_EQ(*Delete(51, {.tenant = "t", .start_ns = 0, .end_ns = 100}), 1u);
  EXPECT_EQ(*Delete(52, {.tenant = "t", .start_ns = 101, .end_ns = 300}), 1u);
  EXPECT_EQ(Found("t"), Ids({1}));
  EXPECT_EQ(FiltersOf(1), 3u);
  EXPECT_EQ(*Delete(53, {.tenant = "t", .start_ns = 100, .end_ns = 300}), 1u);
  EXPECT_EQ(Found("t"), Ids({})) << "just all of it";
  for (uint64_t id : {50, 51, 52, 53}) EXPECT_EQ(Progress(id), std::tuple(1u, 0u, 1u));
  Purge({1}, kTestTime + 5);
  for (uint64_t id : {50, 51, 52, 53}) EXPECT_EQ(Read(id).confirmed_ns, kTestTime + 5);
}

TEST_F(DeletionsTest, AServiceOfABlockIsHiddenAndTheBlockNoted) {
  Add({TwoServices(1, 1, 100, {"a"})});
  ASSERT_EQ(*Delete(50, All("web")), 1u);
  const auto found = index_.Find({.tenants = {"t"}, .start_ns = 0, .end_ns = INT64_MAX});
  ASSERT_EQ(found->size(), 1u);
  ASSERT_EQ(found->at(0).datasets.size(), 1u);
  EXPECT_EQ(found->at(0).datasets[0].service, "api");
  EXPECT_EQ(found->at(0).deletions, std::vector<DataFilter>{All("web")});
  EXPECT_TRUE(index_.Find({.tenants = {"t"}, .start_ns = 0, .end_ns = INT64_MAX, .service = "web"})->empty());
  EXPECT_TRUE(index_.Find({.tenants = {"t"}, .start_ns = 0, .end_ns = INT64_MAX, .service = "api"})->at(0).deletions.empty())
      << "a deletion that has nothing to do with it";
  const auto read = ReadBlock(index_.store(), IdOf(1));
  EXPECT_EQ(read->datasets.size(), 2u) << "whoever rewrites it sees all of it";
  EXPECT_EQ(read->deletions, std::vector<DataFilter>{All("web")});
}

TEST_F(DeletionsTest, SelectorsConcernBlocksThatHaveSuchSeries) {
  Add({TwoServices(1, 1, 100, {"a", "b"}), TwoServices(2, 1, 100, {"c"}), TwoServices(3, 0, 100, {"a"})});
  EXPECT_EQ(*Delete(50, All("web", "{pod=\"a\"}")), 2u);
  EXPECT_EQ(FiltersOf(1), 1u);
  EXPECT_EQ(FiltersOf(2), 0u);
  EXPECT_EQ(FiltersOf(3), 1u);
  EXPECT_EQ(*Delete(51, All("", "{pod=\"a\"}")), 3u) << "the other service does not list its label sets";
  EXPECT_EQ(*Delete(52, All("", "{pod=\"a\", service_name=\"web\"}")), 2u);
  EXPECT_EQ(Found("t"), Ids({1, 2, 3})) << "a selector never takes a whole block";
  EXPECT_EQ(*Delete(53, All("", "{}")), 3u);
  EXPECT_EQ(Found("t"), Ids({})) << "but this one names all series";
}

TEST_F(DeletionsTest, OnlyTheTenantsOfTheQuestionAreTold) {
  Add({Segment(1)});
  ASSERT_EQ(*Delete(50, {.tenant = "t", .start_ns = 0, .end_ns = 150}), 1u);
  ASSERT_EQ(*Delete(51, {.tenant = "u", .start_ns = 0, .end_ns = 120}), 1u);
  const auto deletions = [&](std::vector<std::string> tenants, int64_t start_ns = 0) {
    return index_.Find({.tenants = std::move(tenants), .start_ns = start_ns, .end_ns = INT64_MAX})->at(0).deletions.size();
  };
  EXPECT_EQ(deletions({"t"}), 1u);
  EXPECT_EQ(deletions({"u"}), 1u);
  EXPECT_EQ(deletions({"t", "u", "t"}), 2u);
  EXPECT_EQ(deletions({"t", "u"}, 130), 1u) << "the other one is before the range";
  EXPECT_EQ(ReadBlock(index_.store(), IdOf(1))->deletions.size(), 2u);
}

TEST_F(DeletionsTest, LabelsOfBlocksWithDeletionsAreReadFromTheBlocks) {
  Add({TwoServices(1, 1, 100, {"a"}), TwoServices(2, 1, 100, {"b"})});
  const auto query = [&] {
    return *QueryLabels(index_.store(), {.tenants = {"t"}, .start_ns = 0, .end_ns = INT64_MAX, .service = "web"},
                        {{.kind = ReportKind::kLabelValues, .label_name = "pod"}});
  };
  EXPECT_TRUE(query().unanswered.empty());
  ASSERT_EQ(*Delete(50, All("web", "{pod=\"a\"}")), 1u);
  LabelAnswer answer = query();
  EXPECT_EQ(answer.datasets_answered, 1u);
  ASSERT_EQ(answer.unanswered.size(), 1u);
  EXPECT_EQ(answer.unanswered[0].id, IdOf(1));
  EXPECT_EQ(answer.unanswered[0].deletions.size(), 1u);
  // All of it: nothing is left to be read.
  ASSERT_EQ(*Delete(51, All("web")), 2u);
  answer = query();
  EXPECT_EQ(answer.datasets_answered, 0u);
  EXPECT_TRUE(answer.unanswered.empty());
  ASSERT_TRUE(Replace({TwoServices(11, 1, 100, {"c"})}, {1}).ok());
  EXPECT_EQ(query().datasets_answered, 1u) << "what was rewritten is as any other";
}

TEST_F(DeletionsTest, AJobThatBeganBeforeTheDeletionCannotEnd) {
  Add({Segment(1), Segment(2)});
  const LeasedJob job = Lease({NewJob({1, 2})})[0];
  ASSERT_EQ(*Delete(50, {.tenant = "t", .start_ns = 0, .end_ns = 150}), 2u);
  const std::string before = index_.Dump();
  const Status status = Finish(job, {1, 2}, {Compacted(11)}).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.reason(), "inputs_changed");
  EXPECT_EQ(index_.Dump(), before);
  // Another lease comes after it: its worker has seen the deletion.
  const LeasedJob again = Lease({{.id = job.id, .worker = "v"}})[0];
  EXPECT_TRUE(Finish(again, {1}, {Compacted(11)}).ok());
  EXPECT_EQ(Free(), Ids({2, 11}));
  EXPECT_TRUE(heard_.free.at({{0, 3, ""}, IdOf(2)}).must_be_rewritten) << "back from the job, it still has to be";
  Return(Lease({NewJob({2})})[0], kTestTime);
  EXPECT_TRUE(heard_.free.at({{0, 3, ""}, IdOf(2)}).must_be_rewritten);
  Quarantine({2});
  Counted(EncodeReleaseBlocksCommand({kTestTime, Ids({2})}));
  EXPECT_TRUE(heard_.free.at({{0, 3, ""}, IdOf(2)}).must_be_rewritten);
  EXPECT_EQ(Free(), Ids({2, 11}));
}

TEST_F(DeletionsTest, AnInputThatIsDeletedAsAWholeFailsTheJob) {
  Add({Compacted(1), Compacted(2, 1, "u")});
  JobLease lease = NewJob({1});
  lease.queue = {1, 3, "t"};
  const LeasedJob job = Lease({lease})[0];
  ASSERT_EQ(*Delete(50, All()), 1u);
  EXPECT_EQ(Progress(50), std::tuple(1u, 0u, 1u));
  EXPECT_EQ(Finish(job, {1}, {Compacted(11)}).status().reason(), "input_gone");
  EXPECT_EQ(Return(job, kTestTime), 0u);
  EXPECT_EQ(Free(), Ids({2}));
}

TEST_F(DeletionsTest, TheyAreListedNewestFirst) {
  Add({Segment(1)});
  for (uint64_t id : {52, 50, 51}) ASSERT_TRUE(Delete(id, All()).ok());
  ASSERT_TRUE(Delete(53, {.tenant = "u", .start_ns = 0, .end_ns = 900}).ok());
  const auto listed = [&](const std::string& tenant, size_t limit) {
    std::vector<Ulid> ids;
    const auto deletions = ListDeletions(index_.store(), tenant, limit);
    for (const Deletion& deletion : *deletions) ids.push_back(deletion.id);
    return ids;
  };
  EXPECT_EQ(listed("", 10), Ids({53, 52, 51, 50}));
  EXPECT_EQ(listed("t", 10), Ids({52, 51, 50}));
  EXPECT_EQ(listed("", 2), Ids({53, 52}));
  EXPECT_EQ(listed("", 0), Ids({}));
  const Deletion want{.id = IdOf(50), .filter = All(), .created_ns = kTestTime, .blocks = 1, .blocks_to_rewrite = 1};
  EXPECT_EQ(ListDeletions(index_.store(), "t", 10)->back(), want);
}

TEST_F(DeletionsTest, ABlockWaitsForSoManyDeletionsAndNoMore) {
  Add({Segment(1)});
  for (uint64_t n = 0; n < kDeletionsPerBlockMax; ++n) {
    ASSERT_TRUE(Delete(1000 + n, {.tenant = "t", .start_ns = 0, .end_ns = 150}).ok());
  }
  const std::string before = index_.Dump();
  const Status status = Delete(5000, {.tenant = "t", .start_ns = 0, .end_ns = 150}).status();
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_NE(status.message().find(IdOf(1).ToString()), std::string::npos);
  EXPECT_EQ(index_.Dump(), before);
}

TEST_F(DeletionsTest, TooManyBlocksAreRefused) {
  for (size_t added = 0; added <= kBlocksPerDeletionMax;) {
    std::vector<BlockMeta> blocks;
    for (; blocks.size() < 5000 && added <= kBlocksPerDeletionMax; ++added) {
      BlockMeta& block = blocks.emplace_back();
      block.id = IdOf(added);
      block.max_time_ns = 10;
      block.size = 1;
      DatasetMeta& dataset = block.datasets.emplace_back();
      dataset.tenant = "t";
      dataset.min_time_ns = added < 10 ? 0 : 5;
      dataset.max_time_ns = 10;
    }
    Add(blocks);
  }
  const std::string before = index_.Dump();
  EXPECT_EQ(Delete(1'000'000, {.tenant = "t", .start_ns = 0, .end_ns = 20}).status().code(), Code::kResourceExhausted);
  EXPECT_EQ(index_.Dump(), before);
  EXPECT_EQ(*Delete(1'000'000, {.tenant = "t", .start_ns = 0, .end_ns = 4}), 10u);
}

}  // namespace
}  // namespace brazier::index
