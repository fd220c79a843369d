// The listing and the ordered reads below rebuild and verify.
#include <gtest/gtest.h>

#include "server/metastore/rebuild/bucket_catalog.h"
#include "server/metastore/rebuild/ordered_reads.h"
#include "tests/server/metastore/rebuild/bucket.h"

namespace brazier::metastore {
namespace {

using namespace testing;

class BucketWalkTest : public ::testing::Test {
 protected:
  void Put(int64_t age_s, uint64_t n, uint32_t shard, uint32_t level = 0) {
    const auto built = MakeObject(age_s, n, {{"t", "a", n}}, shard, level);
    bytes_ += built.object.size();
    ASSERT_TRUE(store_.Put(built.meta.ObjectKey(), {AsBytes(built.object)}).ok());
  }
  object::MemoryObjectStore store_;
  uint64_t bytes_ = 0;
};

TEST_F(BucketWalkTest, ObjectsComeInTheOrderInWhichTheyWereMadeWhateverThePages) {
  for (uint64_t n = 1; n <= 40; ++n) Put(static_cast<int64_t>(n * 37 % 40), n, n % 12, n % 5 == 0 ? 1 : 0);
  ASSERT_TRUE(store_.Put("segments/1/foreign", {}).ok());
  for (size_t page : {1, 2, 7, 1000}) {
    Findings foreign;
    const auto catalog = BucketCatalog::List(store_, &foreign, 40, page);
    ASSERT_TRUE(catalog.ok()) << catalog.status().ToString();
    ASSERT_EQ(catalog->size(), 40u) << page;
    EXPECT_EQ(foreign.count(), 1u);
    EXPECT_EQ(catalog->total_bytes(), bytes_);
    for (size_t i = 0; i < catalog->size(); ++i) {
      if (i > 0) {
        EXPECT_LT(catalog->id(i - 1), catalog->id(i));
      }
      const auto head = store_.Head(catalog->key(i));
      ASSERT_TRUE(head.ok()) << head.status().ToString();
      EXPECT_EQ(head->size, catalog->object_bytes(i));
    }
  }
  Findings foreign;
  EXPECT_EQ(BucketCatalog::List(store_, &foreign, 39).status().code(), Code::kResourceExhausted);
}

TEST_F(BucketWalkTest, ReadsAreHandedOutInOrderWithAnyNumberOfThreads) {
  for (uint64_t n = 1; n <= 60; ++n) Put(static_cast<int64_t>(n * 37 % 61), n, n % 3);
  Findings foreign;
  const auto catalog = BucketCatalog::List(store_, &foreign);
  ASSERT_TRUE(catalog.ok());
  for (size_t threads : {1, 2, 8}) {
    for (size_t ahead : {1, 3, 100}) {
      OrderedReads reads(store_, *catalog,
                         {.threads = threads, .ahead = ahead, .wanted = [](size_t i) -> Result<bool> {
                            if (i == 17) return Unavailable("no answer");
                            return i % 10 != 0;
                          }});
      for (size_t i = 0; i < 60; ++i) {
        const auto object = reads.Next();
        ASSERT_TRUE(object.has_value());
        ASSERT_EQ(object->position, i);
        ASSERT_EQ(object->block.has_value(), i % 10 != 0);
        if (!object->block.has_value()) continue;
        ASSERT_EQ(object->block->ok(), i != 17);
        if (i == 17) continue;
        EXPECT_EQ((**object->block).id, catalog->id(i));
        EXPECT_EQ((**object->block).datasets[0].identities.size(), 1u);
      }
      EXPECT_FALSE(reads.Next().has_value());
    }
  }
  // Given up half way: the destructor ends the threads.
  OrderedReads reads(store_, *catalog, {.threads = 4, .ahead = 2, .wanted = {}});
  EXPECT_TRUE(reads.Next().has_value());
}

TEST(StoredBlock, IsWhatTheWriterRegistered) {
  std::vector<ProfileSpec> profiles;
  // A footer that takes more than the first read.
  for (int i = 0; i < 400; ++i) profiles.push_back({"t", "service-" + std::to_string(i), uint64_t(i) + 1});
  const auto built = MakeObject(10, 1, profiles);
  object::MemoryObjectStore store;
  const std::string key = built.meta.ObjectKey();
  ASSERT_TRUE(store.Put(key, {AsBytes(built.object)}).ok());
  const auto read = ReadStoredBlock(store, key, built.object.size(), Identities::kRead);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(*read, built.meta);
  // Any truncation, whatever its size is believed to be.
  for (size_t size = 0; size < built.object.size(); size += 97) {
    ASSERT_TRUE(store.Put(key, {AsBytes(built.object).first(size)}).ok());
    for (size_t believed : {size, built.object.size()}) {
      EXPECT_EQ(ReadStoredBlock(store, key, believed, Identities::kRead).status().code(), Code::kCorruption);
    }
  }
  ASSERT_TRUE(store.Delete(key).ok());
  EXPECT_EQ(ReadStoredBlock(store, key, 100, Identities::kRead).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace brazier::metastore
