#include "store/index/index_reader.h"

#include "store/index/index_keys.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

class IndexReaderTest : public testing::Test {
 protected:
  void Add(const BlockMeta& block) { ASSERT_TRUE(index_.Add({block}).ok()); }
  // "<block number>/<tenant>/<service> ..." of what is found.
  std::string Found(const BlockSelection& selection) {
    const auto blocks = index_.Find(selection);
    if (!blocks.ok()) return blocks.status().ToString();
    std::string text;
    for (const BlockMeta& block : *blocks) {
      for (const DatasetMeta& dataset : block.datasets) {
        text += std::to_string(block.id.bits.high - 1) + "/" + dataset.tenant + "/" +
                dataset.service + " ";
      }
    }
    return text;
  }
  IndexUnderTest index_;
};

TEST_F(IndexReaderTest, AnEmptyIndexAnswers) {
  EXPECT_EQ(Found({.tenants = {"t"}, .start_ns = 0, .end_ns = 10}), "");
  EXPECT_EQ(Found({}), "");
  EXPECT_FALSE(ReadTenantSummary(index_.store(), "t")->data_ingested);
  EXPECT_TRUE(ListServices(index_.store(), "t")->empty());
}

TEST_F(IndexReaderTest, BothEndsAreInclusive) {
  Add(MakeBlock(1, {MakeDataset("t", "s", 100, 200, {1})}));
  const auto at = [&](int64_t start, int64_t end) {
    return Found({.tenants = {"t"}, .start_ns = start, .end_ns = end}) == "1/t/s ";
  };
  EXPECT_TRUE(at(100, 200));
  EXPECT_TRUE(at(200, 300));
  EXPECT_TRUE(at(0, 100));
  EXPECT_TRUE(at(150, 150));
  EXPECT_TRUE(at(0, INT64_MAX));
  EXPECT_TRUE(at(INT64_MIN, INT64_MAX));
  EXPECT_FALSE(at(201, 300));
  EXPECT_FALSE(at(0, 99));
  EXPECT_FALSE(at(160, 150));
  EXPECT_FALSE(at(INT64_MIN, -1));
}

TEST_F(IndexReaderTest, SelectsByTenantServiceAndType) {
  Add(MakeBlock(1, {MakeDataset("t", "a", 1, 2, {1}, {"cpu"}),
                    MakeDataset("t", "b", 1, 2, {2}, {"cpu", "mem"}),
                    MakeDataset("u", "a", 1, 2, {3}, {"mem"})}));
  Add(MakeBlock(2, {MakeDataset("u", "a", 1, 2, {4}, {"cpu"})}));
  const BlockSelection all{.tenants = {"u", "t", "t"}, .start_ns = 0, .end_ns = 9};
  EXPECT_EQ(Found(all), "1/t/a 1/t/b 1/u/a 2/u/a ");
  BlockSelection one = all;
  one.tenants = {"u"};
  EXPECT_EQ(Found(one), "1/u/a 2/u/a ");
  one = all;
  one.service = "a";
  EXPECT_EQ(Found(one), "1/t/a 1/u/a 2/u/a ");
  one = all;
  one.profile_type = "mem";
  EXPECT_EQ(Found(one), "1/t/b 1/u/a ");
  one.service = "b";
  EXPECT_EQ(Found(one), "1/t/b ");
  one.profile_type = "me";
  EXPECT_EQ(Found(one), "");
}

TEST_F(IndexReaderTest, OnlyTheTenantsSymbolsAreAnswered) {
  const BlockMeta block = MakeBlock(1, {MakeDataset("t", "a", 1, 2, {1}), MakeDataset("t", "b", 1, 2, {2}),
                                        MakeDataset("u", "a", 1, 2, {3})});
  Add(block);
  const auto found = index_.Find({.tenants = {"u"}, .start_ns = 0, .end_ns = 9});
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->at(0).symbols, std::vector<TenantSymbols>{block.symbols[1]});
  const auto both = index_.Find({.tenants = {"u", "t"}, .start_ns = 0, .end_ns = 9});
  EXPECT_EQ(both->at(0).symbols, block.symbols);
}

TEST_F(IndexReaderTest, TenantsWithoutSharedSymbols) {
  BlockMeta block = MakeBlock(1, {MakeDataset("t", "a", 1, 2, {1}), MakeDataset("u", "a", 1, 2, {3})});
  block.symbols.erase(block.symbols.begin());
  Add(block);
  const auto found = index_.Find({.tenants = {"t", "u"}, .start_ns = 0, .end_ns = 9});
  EXPECT_EQ(found->at(0).symbols, block.symbols);
}

TEST_F(IndexReaderTest, HostileTenantNamesSeeOnlyTheirOwn) {
  const std::vector<std::string> tenants = {"a", std::string("a\0b", 3), "a/b", std::string("a\0", 2),
                                            std::string("a\0\x01", 3), "a\x01", "aa", "\xFF", "\xFF\xFF"};
  uint64_t n = 0;
  for (const std::string& tenant : tenants) {
    Add(MakeBlock(++n, {MakeDataset(tenant, "s", 1, 2, {n}), MakeDataset(tenant, std::string("s\0", 2), 1, 2, {n + 100})}));
  }
  for (const std::string& tenant : tenants) {
    const auto found = index_.Find({.tenants = {tenant}, .start_ns = 0, .end_ns = 9});
    ASSERT_EQ(found->size(), 1u);
    ASSERT_EQ(found->at(0).datasets.size(), 2u);
    for (const DatasetMeta& dataset : found->at(0).datasets) EXPECT_EQ(dataset.tenant, tenant);
    EXPECT_EQ(*ListServices(index_.store(), tenant),
              (std::vector<std::string>{"s", std::string("s\0", 2)}));
    EXPECT_EQ(ReadTenantSummary(index_.store(), tenant)->blocks, 1u);
    EXPECT_EQ(index_.Find({.tenants = {tenant}, .start_ns = 0, .end_ns = 9, .service = "s"})
                  ->at(0).datasets.size(), 1u);
  }
}

TEST_F(IndexReaderTest, LongAndShortDatasetsAreFoundTogether) {
  const int64_t day = 24 * 60 * kMinute;
  Add(MakeBlock(1, {MakeDataset("t", "s", 0, 400 * day, {1})}));
  Add(MakeBlock(2, {MakeDataset("t", "s", 100 * day, 101 * day, {2})}));
  Add(MakeBlock(3, {MakeDataset("t", "s", 100 * day + 5, 100 * day + 5, {3})}));
  Add(MakeBlock(4, {MakeDataset("t", "s", 0, INT64_MAX, {4})}));
  EXPECT_EQ(Found({.tenants = {"t"}, .start_ns = 100 * day + 5, .end_ns = 100 * day + 6}),
            "1/t/s 2/t/s 3/t/s 4/t/s ");
  EXPECT_EQ(Found({.tenants = {"t"}, .start_ns = 102 * day, .end_ns = 103 * day}), "1/t/s 4/t/s ");
  EXPECT_EQ(Found({.tenants = {"t"}, .start_ns = 401 * day, .end_ns = 402 * day}), "4/t/s ");
}

// The longest datasets of each class, asked for at the very end and just after it.
TEST_F(IndexReaderTest, TheLongestOfEachDurationClassIsFoundAtItsEnd) {
  for (uint32_t c = 0; c + 1 < kDurationClasses; ++c) {
    const std::string service = "class-" + std::to_string(c);
    for (int64_t longer : {0, 1}) {
      const int64_t min_ns = 1000 + longer;
      const int64_t max_ns = min_ns + DurationClassMax(c) + longer;
      const uint64_t n = 2 * c + static_cast<uint64_t>(longer) + 1;
      Add(MakeBlock(n, {MakeDataset("t", service, min_ns, max_ns, {n})}));
      BlockSelection at{.tenants = {"t"}, .start_ns = max_ns, .end_ns = max_ns, .service = service};
      EXPECT_EQ(Found(at), std::to_string(n) + "/t/" + service + " ");
      at.start_ns = at.end_ns = max_ns + 1;
      EXPECT_EQ(Found(at), "");
    }
    const BlockSelection before{.tenants = {"t"}, .start_ns = 0, .end_ns = 999, .service = service};
    EXPECT_EQ(Found(before), "");
  }
}

// One dataset that spans everything must not make each look-up walk the whole index.
TEST_F(IndexReaderTest, ALookUpVisitsWhatItAnswers) {
  Add(MakeBlock(1, {MakeDataset("t", "s", 0, kTestTime, {1})}));
  for (uint64_t n = 2; n < 2000; ++n) {
    const int64_t t = static_cast<int64_t>(n) * 15 * kSecond;
    Add(MakeBlock(n, {MakeDataset("t", "s", t, t + 15 * kSecond, {n})}));
  }
  const QueryLimits few{.entries_max = 16};
  for (int64_t t : {int64_t{0}, 1000 * 15 * kSecond, 1999 * 15 * kSecond}) {
    const auto found =
        index_.Find({.tenants = {"t"}, .start_ns = t, .end_ns = t + kMinute}, few);
    EXPECT_TRUE(found.ok()) << found.status().ToString();
  }
}

TEST_F(IndexReaderTest, LimitsRefuseWithAReason) {
  for (uint64_t n = 1; n <= 10; ++n) Add(MakeBlock(n, {MakeDataset("t", "s", 1, 2, {n})}));
  const BlockSelection all{.tenants = {"t"}, .start_ns = 0, .end_ns = 9};
  EXPECT_EQ(index_.Find(all, {.datasets_max = 10})->size(), 10u);
  for (const QueryLimits limits : {QueryLimits{.datasets_max = 9}, QueryLimits{.entries_max = 9}}) {
    const auto found = index_.Find(all, limits);
    EXPECT_EQ(found.status().code(), Code::kResourceExhausted);
    EXPECT_EQ(found.status().reason(), "index_query_limit");
    EXPECT_NE(found.status().message().find("limit of 9"), std::string::npos);
  }
  EXPECT_EQ(index_.Find({.tenants = {"a", "b", "c"}}, {.tenants_max = 2}).status().code(),
            Code::kResourceExhausted);
}

TEST_F(IndexReaderTest, DamagedEntriesFailTheQueryNamingWhy) {
  Add(MakeBlock(1, {MakeDataset("t", "s", 1, 2, {1})}));
  const BlockSelection all{.tenants = {"t"}, .start_ns = 0, .end_ns = 9};
  for (const std::string& key : {DatasetKey("t", "s", 1, 2, IdOf(7)), ServiceKey("t", "s")}) {
    kv::WriteBatch damage, repair;
    const auto old = index_.store().Get(kv::Family::kState, key);
    damage.Put(kv::Family::kState, key, "\x93\x01");
    ASSERT_TRUE(index_.store().Write(damage, false).ok());
    EXPECT_EQ(index_.Find(all).status().code(), Code::kCorruption);
    old.ok() ? repair.Put(kv::Family::kState, key, *old) : repair.Delete(kv::Family::kState, key);
    ASSERT_TRUE(index_.store().Write(repair, false).ok());
  }
  EXPECT_EQ(Found(all), "1/t/s ");
}

TEST_F(IndexReaderTest, TenantSummaryCountsSegmentsAndSharedSymbols) {
  Add(MakeBlock(1, {MakeDataset("t", "a", 50, 60, {1}), MakeDataset("t", "b", 10, 20, {2}),
                    MakeDataset("u", "a", 1, 99, {3})}));
  BlockMeta compacted = MakeBlock(2, {MakeDataset("t", "a", 30, 70, {4})});
  compacted.level = 1;
  Add(compacted);
  const auto t = ReadTenantSummary(index_.store(), "t");
  EXPECT_TRUE(t->data_ingested);
  EXPECT_EQ(t->oldest_ns, 10);
  EXPECT_EQ(t->newest_ns, 70);
  EXPECT_EQ(t->blocks, 2u);
  EXPECT_EQ(t->bytes, 3 * 450u + 2 * 64u);
  const auto u = ReadTenantSummary(index_.store(), "u");
  EXPECT_EQ(u->blocks, 1u);
  EXPECT_EQ(u->bytes, 450u + 64u);
}

TEST_F(IndexReaderTest, ASnapshotDoesNotSeeLaterBlocks) {
  Add(MakeBlock(1, {MakeDataset("t", "s", 1, 2, {1})}));
  const auto snapshot = index_.store().Snapshot();
  Add(MakeBlock(2, {MakeDataset("t", "s", 1, 2, {2})}));
  EXPECT_EQ(FindBlocks(*snapshot, {.tenants = {"t"}, .start_ns = 0, .end_ns = 9})->size(), 1u);
  EXPECT_EQ(Found({.tenants = {"t"}, .start_ns = 0, .end_ns = 9}), "1/t/s 2/t/s ");
}

TEST_F(IndexReaderTest, BlocksAreReadAsTheyWereAdded) {
  std::vector<BlockMeta> blocks;
  for (uint64_t n = 1; n <= 5; ++n) {
    blocks.push_back(MakeBlock(n, {MakeDataset("t", "a", 100, 200, {n, 77}), MakeDataset("t", "b", 100, 300, {n + 20}),
                                   MakeDataset("u", "a", 50, 60, {n + 40})}));
    Add(blocks.back());
  }
  EXPECT_EQ(ListBlockIds(index_.store(), std::nullopt, 100)->size(), 5u);
  EXPECT_EQ(*ListBlockIds(index_.store(), std::nullopt, 2), (std::vector<Ulid>{IdOf(1), IdOf(2)}));
  EXPECT_EQ(*ListBlockIds(index_.store(), IdOf(2), 2), (std::vector<Ulid>{IdOf(3), IdOf(4)}));
  EXPECT_EQ(ListBlockIds(index_.store(), IdOf(5), 2)->size(), 0u);
  EXPECT_EQ(ListBlockIds(index_.store(), std::nullopt, 0)->size(), 0u);
  for (size_t i = 0; i < blocks.size(); ++i) {
    BlockMeta expected = blocks[i];
    for (DatasetMeta& dataset : expected.datasets) dataset.identities.clear();
    if (i > 0) expected.datasets[0].hidden_profiles = {1};  // identity 77
    const auto read = ReadBlock(index_.store(), blocks[i].id);
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    EXPECT_EQ(*read, expected);
    EXPECT_TRUE(*HasBlock(index_.store(), blocks[i].id));
  }
  EXPECT_FALSE(*HasBlock(index_.store(), IdOf(6)));
  EXPECT_EQ(ReadBlock(index_.store(), IdOf(6)).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace brazier::index
