#include "worker/query_backend/dataset_cache.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/fake_random.h"
#include "tests/support/make_labels.h"
#include "tests/worker/query_backend/block_fixture.h"

namespace brazier::query_backend {
namespace {

using testing::MakeLabels;

std::shared_ptr<CachedDataset> DatasetOf(std::shared_ptr<StackDictionary> dictionary) {
  auto dataset = std::make_shared<CachedDataset>();
  dataset->dictionary = std::move(dictionary);
  return dataset;
}

TEST(DatasetCache, TheDictionaryUsedLeastRecentlyGoes) {
  MetricsRegistry registry;
  QueryBackendMetrics metrics(registry);
  DatasetCache cache(1'000, metrics);
  const Ulid block{{1, 1}};
  for (const char* key : {"a", "b"}) cache.Insert(key, block, DatasetOf(cache.Dictionary(key)), 400);
  EXPECT_EQ(metrics.cache_bytes.value(), 800);
  EXPECT_NE(cache.Find("a", block), nullptr);
  EXPECT_EQ(cache.Find("a", Ulid{{1, 2}}), nullptr);
  cache.Insert("c", block, DatasetOf(cache.Dictionary("c")), 400);
  EXPECT_NE(cache.Find("a", block), nullptr);
  EXPECT_EQ(cache.Find("b", block), nullptr) << "a was asked for after it";
  EXPECT_NE(cache.Find("c", block), nullptr);
  EXPECT_EQ(metrics.cache_bytes.value(), 800);
  EXPECT_EQ(metrics.cache_evictions.value(), 1u);
  EXPECT_EQ(metrics.cache_hits.value(), 3u);
  EXPECT_EQ(metrics.cache_misses.value(), 2u);
}

TEST(DatasetCache, MoreThanItsLimitIsNotKept) {
  MetricsRegistry registry;
  QueryBackendMetrics metrics(registry);
  DatasetCache cache(1'000, metrics);
  const Ulid block{{1, 1}};
  const auto dictionary = cache.Dictionary("a");
  cache.Insert("a", block, DatasetOf(dictionary), 1'001);
  EXPECT_EQ(cache.Find("a", block), nullptr);
  EXPECT_EQ(metrics.cache_bytes.value(), 0);
  // What still refers to the dictionary that was dropped is not mixed with the new one's.
  EXPECT_NE(cache.Dictionary("a"), dictionary);
  cache.Insert("a", block, DatasetOf(dictionary), 10);
  EXPECT_EQ(cache.Find("a", block), nullptr);
}

TEST(DatasetCache, KeysTellTheirPartsApart) {
  EXPECT_NE(DatasetCache::Key("a", "bc", "t"), DatasetCache::Key("ab", "c", "t"));
  EXPECT_NE(DatasetCache::Key("a", "b", "ct"), DatasetCache::Key("a", "bc", "t"));
  EXPECT_NE(DatasetCache::Key("1:a", "", "t"), DatasetCache::Key("", "1:a", "t"));
}

class CachedQueryTest : public BlockFixture {
 protected:
  std::unique_ptr<QueryBackend> Backend(size_t cache_bytes_max, int threads = 2) {
    return std::make_unique<QueryBackend>(QueryBackendOptions{.threads = threads, .cache_bytes_max = cache_bytes_max}, store_,
                                          clock_, registry_);
  }
  static QuerySpec TypedSpec(const std::string& more = "") {
    QuerySpec spec = Spec();
    spec.selector = "{__profile_type__=\"" + std::string(kCpuType) + "\"" + more + "}";
    return spec;
  }
  // Three services, profiles with shared and new stacks, values and labels at random.
  std::vector<BlockMeta> RandomBlocks(testing::FakeRandom& random, int count) {
    std::vector<BlockMeta> blocks;
    for (int b = 0; b < count; ++b) {
      std::vector<ProfileBatch> batches;
      for (int p = 0; p < 5; ++p) {
        testing::FoldedSamples samples;
        for (uint64_t n = 1 + random.Below(8); n > 0; --n) {
          std::string stack = "main";
          for (uint64_t d = random.Below(5); d > 0; --d) stack += (d % 2 ? ";f" : "/g") + std::to_string(random.Below(30));
          samples.emplace_back(stack, static_cast<int64_t>(1 + random.Below(100)));
        }
        batches.push_back(BatchBuilder("t", "service-" + std::to_string(random.Below(3)))
                              .Profile(NextIdentity(), 100 + b * 10 + p, samples,
                                       MakeLabels({{"pod", std::to_string(random.Below(3))}}))
                              .Build());
      }
      blocks.push_back(Store(std::move(batches)));
      for (DatasetMeta& d : blocks.back().datasets) {
        if (random.Below(4) == 0) d.hidden_profiles = {0};
      }
    }
    return blocks;
  }
};

TEST_F(CachedQueryTest, ARepeatedQueryReadsNothing) {
  testing::FakeRandom random(5);
  const auto blocks = RandomBlocks(random, 6);
  const auto cached = Backend(1 << 20);
  const auto first = cached->Execute(Context(), {TypedSpec(), ReadNode(blocks)});
  const auto second = cached->Execute(Context(), {TypedSpec(), ReadNode(blocks)});
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_GT(first->stats.bytes_read, 0u);
  EXPECT_EQ(second->stats.bytes_read, 0u);
  EXPECT_EQ(second->stats.blocks_read, 6u);
  EXPECT_EQ(second->stats.rows_read, first->stats.rows_read);
  EXPECT_EQ(second->stats.samples_read, first->stats.samples_read);
  EXPECT_EQ(FoldedOf(second->reports[0].flame_tree), FoldedOf(first->reports[0].flame_tree));
  // The store is not even asked.
  for (const BlockMeta& block : blocks) ASSERT_TRUE(store_.Delete(block.ObjectKey()).ok());
  EXPECT_TRUE(cached->Execute(Context(), {TypedSpec(), ReadNode(blocks)}).ok());
  EXPECT_EQ(Backend(0)->Execute(Context(), {TypedSpec(), ReadNode(blocks)}).status().code(), Code::kNotFound);
}

// With a cache, with one that is far too small, without one: the same answers, whatever was asked before.
TEST_F(CachedQueryTest, TheCacheCannotChangeAnAnswer) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    testing::FakeRandom random(seed);
    const auto all = RandomBlocks(random, 12);
    const auto large = Backend(1 << 20);
    const auto small = Backend(12'000);
    const auto none = Backend(0, 1);
    const uint64_t evictions = registry_.GetCounter("brazier_query_backend_cache_evictions_total", "").value();
    for (int q = 0; q < 30; ++q) {
      const char* const selectors[] = {"", ",pod=\"1\"", ",pod!=\"0\"", ",service_name=\"service-1\"", ",pod=\"absent\""};
      QuerySpec spec = TypedSpec(selectors[random.Below(std::size(selectors))]);
      spec.start_ns = 90 + static_cast<int64_t>(random.Below(100));
      spec.end_ns = spec.start_ns + static_cast<int64_t>(random.Below(150));
      if (random.Below(6) == 0) spec.call_site = {"main"};
      const size_t begin = random.Below(6);
      const std::vector<BlockMeta> blocks(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                          all.begin() + static_cast<std::ptrdiff_t>(begin + 1 + random.Below(6)));
      const auto expected = none->Execute(Context(), {spec, ReadNode(blocks)});
      ASSERT_TRUE(expected.ok());
      for (QueryBackend* backend : {large.get(), small.get()}) {
        const auto result = backend->Execute(Context(), {spec, ReadNode(blocks)});
        ASSERT_TRUE(result.ok()) << result.status().ToString();
        EXPECT_EQ(FoldedOf(result->reports[0].flame_tree), FoldedOf(expected->reports[0].flame_tree)) << "seed " << seed;
        EXPECT_EQ(result->stats.rows_read, expected->stats.rows_read);
        EXPECT_EQ(result->stats.samples_read, expected->stats.samples_read);
        EXPECT_EQ(result->stats.profiles_hidden, expected->stats.profiles_hidden);
        EXPECT_EQ(result->stats.datasets_read, expected->stats.datasets_read);
        EXPECT_EQ(result->stats.newest_data_ns, expected->stats.newest_data_ns);
      }
    }
    EXPECT_GT(registry_.GetCounter("brazier_query_backend_cache_evictions_total", "").value(), evictions);
  }
}

TEST_F(CachedQueryTest, WhatIsHiddenLaterIsHiddenFromTheCacheToo) {
  const auto block = Store({BatchBuilder("t", "api").Profile(NextIdentity(), 10, {{"a", 1}}).Build(),
                            BatchBuilder("t", "api").Profile(NextIdentity(), 11, {{"b", 2}}).Build()});
  const auto cached = Backend(1 << 20);
  auto result = cached->Execute(Context(), {TypedSpec(), ReadNode({block})});
  EXPECT_EQ(FoldedOf(result->reports[0].flame_tree), (Folded{{"a", 1}, {"b", 2}}));
  BlockMeta later = block;
  later.datasets[0].hidden_profiles = {1};
  result = cached->Execute(Context(), {TypedSpec(), ReadNode({later})});
  EXPECT_EQ(FoldedOf(result->reports[0].flame_tree), (Folded{{"a", 1}}));
  EXPECT_EQ(result->stats.bytes_read, 0u);
}

TEST_F(CachedQueryTest, TenantsDoNotMeetInTheCache) {
  const auto block = Store({BatchBuilder("t", "api").Profile(NextIdentity(), 10, {{"mine", 1}}).Build(),
                            BatchBuilder("other", "api").Profile(NextIdentity(), 10, {{"theirs", 2}}).Build()});
  const auto cached = Backend(1 << 20);
  for (int i = 0; i < 2; ++i) {
    for (const auto& [tenant, expected] : {std::pair("t", Folded{{"mine", 1}}), {"other", {{"theirs", 2}}}}) {
      QuerySpec spec = TypedSpec();
      spec.tenants = {tenant};
      const auto result = cached->Execute(Context(), {spec, ReadNode({block})});
      EXPECT_EQ(FoldedOf(result->reports[0].flame_tree), expected);
      EXPECT_EQ(result->reports[0].flame_tree.names.size(), 2u) << "the name and the root's";
    }
  }
}

TEST_F(CachedQueryTest, ACorruptBlockFailsAndIsNotKept) {
  const auto block = Store({BatchBuilder("t", "api").Profile(NextIdentity(), 10, {{"a", 1}}).Build()});
  const std::string good = *store_.Get(block.ObjectKey());
  std::string bad = good;
  for (const SectionRef& section : block.datasets[0].sections) bad[section.offset] ^= 0x40;
  ASSERT_TRUE(store_.Put(block.ObjectKey(), {AsBytes(bad)}).ok());
  const auto cached = Backend(1 << 20);
  const auto result = cached->Execute(Context(), {TypedSpec(), ReadNode({block})});
  EXPECT_EQ(result.status().code(), Code::kCorruption);
  EXPECT_NE(result.status().message().find(block.ObjectKey()), std::string::npos);
  ASSERT_TRUE(store_.Put(block.ObjectKey(), {AsBytes(good)}).ok());
  EXPECT_EQ(FoldedOf(cached->Execute(Context(), {TypedSpec(), ReadNode({block})})->reports[0].flame_tree), (Folded{{"a", 1}}));
}

TEST_F(CachedQueryTest, ManyQueriesAtOnce) {
  testing::FakeRandom random(77);
  const auto blocks = RandomBlocks(random, 10);
  for (const size_t cache_bytes_max : {1 << 20, 12'000}) {
    const Folded expected = FlameGraph(TypedSpec(), blocks);
    const auto shared = Backend(cache_bytes_max, 3);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 20; ++i) {
          if ((t + i) % 4 == 0) {
            const auto part = shared->Execute(Context(), {TypedSpec(",pod=\"1\""), ReadNode({blocks[i % 10]})});
            ASSERT_TRUE(part.ok());
            continue;
          }
          const auto result = shared->Execute(Context(), {TypedSpec(), ReadNode(blocks)});
          ASSERT_TRUE(result.ok()) << result.status().ToString();
          EXPECT_EQ(FoldedOf(result->reports[0].flame_tree), expected);
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace brazier::query_backend
