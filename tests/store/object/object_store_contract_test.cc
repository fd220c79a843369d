// What every ObjectStore promises, run against each implementation.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <thread>

#include "store/object/filesystem_object_store.h"
#include "store/object/memory_object_store.h"
#include "tests/store/object/temporary_folder.h"

namespace brazier::object {
namespace {

struct Kind {
  const char* name;
  std::function<std::unique_ptr<ObjectStore>(const std::string& folder)> open;
};

class ObjectStoreContract : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { store_ = GetParam().open(folder_.path()); }
  Status Put(std::string_view key, std::string_view value) {
    return store_->Put(key, {AsBytes(value)});
  }
  std::string Get(std::string_view key) {
    const auto got = store_->Get(key);
    return got.ok() ? *got : got.status().ToString();
  }
  std::vector<std::string> Keys(std::string_view prefix, std::string_view after = "",
                                size_t limit = 1000) {
    std::vector<std::string> keys;
    const auto listed = store_->List(prefix, after, limit);
    EXPECT_TRUE(listed.ok()) << listed.status().ToString();
    if (!listed.ok()) return keys;
    for (const ObjectInfo& info : *listed) keys.push_back(info.key);
    return keys;
  }
  TemporaryFolder folder_;
  std::unique_ptr<ObjectStore> store_;
};

INSTANTIATE_TEST_SUITE_P(
    , ObjectStoreContract,
    testing::Values(Kind{"Filesystem",
                         [](const std::string& folder) -> std::unique_ptr<ObjectStore> {
                           auto store = FilesystemObjectStore::Open(folder + "/objects");
                           CHECK(store.ok());
                           return std::move(store).value();
                         }},
                    Kind{"Memory",
                         [](const std::string&) -> std::unique_ptr<ObjectStore> {
                           return std::make_unique<MemoryObjectStore>();
                         }}),
    [](const testing::TestParamInfo<Kind>& info) { return std::string(info.param.name); });

TEST_P(ObjectStoreContract, PutJoinsItsParts) {
  const std::string a = "abc", b, c(100'000, 'c');
  ASSERT_TRUE(store_->Put("segments/0/x.brz", {AsBytes(a), AsBytes(b), AsBytes(c)}).ok());
  EXPECT_EQ(Get("segments/0/x.brz"), a + b + c);
  EXPECT_EQ(store_->Head("segments/0/x.brz")->size, 100'003u);
}

TEST_P(ObjectStoreContract, ManyPartsAreJoinedInOrder) {
  std::vector<std::string> parts;
  std::vector<Bytes> views;
  std::string whole;
  for (int i = 0; i < 5000; ++i) parts.push_back(std::to_string(i) + ",");
  for (const std::string& part : parts) {
    views.push_back(AsBytes(part));
    whole += part;
  }
  ASSERT_TRUE(store_->Put("many", views).ok());
  EXPECT_EQ(Get("many"), whole);
}

TEST_P(ObjectStoreContract, EmptyObjectsExist) {
  ASSERT_TRUE(store_->Put("empty", {}).ok());
  EXPECT_EQ(Get("empty"), "");
  EXPECT_EQ(store_->Head("empty")->size, 0u);
  EXPECT_EQ(store_->GetRanges("empty", {{0, 0}})->at(0), "");
}

TEST_P(ObjectStoreContract, PutReplaces) {
  ASSERT_TRUE(Put("k", "the first, longer").ok());
  ASSERT_TRUE(Put("k", "second").ok());
  EXPECT_EQ(Get("k"), "second");
  EXPECT_EQ(Keys(""), std::vector<std::string>{"k"});
}

TEST_P(ObjectStoreContract, WhatIsMissingIsNotFound) {
  EXPECT_EQ(store_->Get("a/b").status().code(), Code::kNotFound);
  EXPECT_EQ(store_->Head("a/b").status().code(), Code::kNotFound);
  EXPECT_EQ(store_->GetRanges("a/b", {{0, 1}}).status().code(), Code::kNotFound);
  ASSERT_TRUE(Put("a/b", "x").ok());
  EXPECT_EQ(store_->Get("a").status().code(), Code::kNotFound);
  EXPECT_EQ(store_->Head("a").status().code(), Code::kNotFound);
  EXPECT_EQ(store_->Get("a/b/c").status().code(), Code::kNotFound);
  EXPECT_NE(store_->Get("no/such").status().message().find("no/such"), std::string::npos);
}

TEST_P(ObjectStoreContract, DeleteForgets) {
  ASSERT_TRUE(Put("a/b", "x").ok());
  ASSERT_TRUE(store_->Delete("a/b").ok());
  EXPECT_EQ(store_->Get("a/b").status().code(), Code::kNotFound);
  EXPECT_TRUE(store_->Delete("a/b").ok());
  EXPECT_TRUE(store_->Delete("never/was").ok());
  EXPECT_EQ(Keys(""), std::vector<std::string>{});
  ASSERT_TRUE(Put("a/b", "y").ok());
  EXPECT_EQ(Get("a/b"), "y");
}

TEST_P(ObjectStoreContract, DeleteOfAFolderOfOthersDeletesNothing) {
  ASSERT_TRUE(Put("a/b", "x").ok());
  EXPECT_TRUE(store_->Delete("a").ok());
  EXPECT_EQ(Get("a/b"), "x");
}

TEST_P(ObjectStoreContract, KeysAreValidated) {
  const std::string nul("a\0b", 3);
  const std::vector<std::string> bad = {"",     "/",    "/a",     "a/",          "a//b",
                                        "..",   "a/..", "../a",   "a/./b",       nul,
                                        ".tmp", ".tmp/a", std::string(1025, 'a'),
                                        std::string(256, 'a')};
  std::string deep = "d";
  for (int i = 0; i < 32; ++i) deep += "/d";
  for (const std::string& key : bad) {
    EXPECT_EQ(Put(key, "x").code(), Code::kInvalidArgument) << key;
    EXPECT_EQ(store_->Get(key).status().code(), Code::kInvalidArgument) << key;
    EXPECT_EQ(store_->GetRanges(key, {}).status().code(), Code::kInvalidArgument) << key;
    EXPECT_EQ(store_->Head(key).status().code(), Code::kInvalidArgument) << key;
    EXPECT_EQ(store_->Delete(key).code(), Code::kInvalidArgument) << key;
  }
  EXPECT_EQ(Put(deep, "x").code(), Code::kInvalidArgument);
  for (const std::string& key : {std::string("..."), std::string(".hidden"), std::string("a b\xFF"),
                                 std::string("t/.tmp/x"), std::string(255, 'a'), deep.substr(2)}) {
    EXPECT_TRUE(Put(key, key).ok()) << key;
    EXPECT_EQ(Get(key), key);
  }
}

TEST_P(ObjectStoreContract, AKeyIsAnObjectOrAFolderNotBoth) {
  ASSERT_TRUE(Put("a/b", "x").ok());
  EXPECT_EQ(Put("a", "y").code(), Code::kInvalidArgument);
  EXPECT_EQ(Put("a/b/c", "y").code(), Code::kInvalidArgument);
  EXPECT_EQ(Get("a/b"), "x");
  EXPECT_EQ(Keys(""), std::vector<std::string>{"a/b"});
}

TEST_P(ObjectStoreContract, RangesComeInTheOrderAskedFor) {
  std::string value;
  for (int i = 0; i < 50'000; ++i) value += std::to_string(i);
  ASSERT_TRUE(Put("k", value).ok());
  std::mt19937_64 rng(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<ByteRange> ranges;
    for (uint64_t n = rng() % 40; n > 0; --n) {
      const uint64_t offset = rng() % value.size();
      // Close together and far apart, overlapping, repeated, empty, up to the end.
      const uint64_t size = std::min<uint64_t>(rng() % (1u << (rng() % 16)), value.size() - offset);
      ranges.push_back({offset, size});
      if (rng() % 4 == 0) ranges.push_back({offset, size});
      if (rng() % 4 == 0) ranges.push_back({offset + size, value.size() - offset - size});
    }
    const auto got = store_->GetRanges("k", ranges);
    ASSERT_TRUE(got.ok()) << got.status().ToString();
    ASSERT_EQ(got->size(), ranges.size());
    for (size_t i = 0; i < ranges.size(); ++i) {
      ASSERT_EQ(got->at(i), value.substr(ranges[i].offset, ranges[i].size));
    }
  }
}

TEST_P(ObjectStoreContract, ManySmallRanges) {
  const std::string value(20'000, 'v');
  ASSERT_TRUE(Put("k", value).ok());
  std::vector<ByteRange> ranges;
  for (uint64_t i = 0; i < 5000; ++i) ranges.push_back({i * 4, 2});
  const auto got = store_->GetRanges("k", ranges);
  ASSERT_TRUE(got.ok());
  ASSERT_EQ(got->size(), 5000u);
  EXPECT_TRUE(std::all_of(got->begin(), got->end(), [](const auto& s) { return s == "vv"; }));
}

TEST_P(ObjectStoreContract, RangesPastTheEndAreCorruption) {
  ASSERT_TRUE(Put("k", "0123456789").ok());
  EXPECT_EQ(store_->GetRanges("k", {{10, 0}})->at(0), "");
  for (const ByteRange range : {ByteRange{0, 11}, ByteRange{10, 1}, ByteRange{11, 0},
                                ByteRange{5, UINT64_MAX}, ByteRange{UINT64_MAX, 2}}) {
    const auto got = store_->GetRanges("k", {{0, 5}, range});
    EXPECT_EQ(got.status().code(), Code::kCorruption);
    EXPECT_NE(got.status().message().find("10 bytes"), std::string::npos);
  }
}

TEST_P(ObjectStoreContract, ListIsInByteOrderOfKeys) {
  // '-' and '.' sort before '/', so a folder's keys come after "a-b" and "a.b" and before "ab".
  const std::vector<std::string> keys = {"a-b", "a.b/c", "a/a", "a/b/c", "a/c", "a0", "ab", "b"};
  std::vector<std::string> shuffled = keys;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937_64(1));
  for (const std::string& key : shuffled) ASSERT_TRUE(Put(key, key).ok());
  EXPECT_EQ(Keys(""), keys);
  EXPECT_EQ(Keys("a/"), (std::vector<std::string>{"a/a", "a/b/c", "a/c"}));
  EXPECT_EQ(Keys("a/b"), (std::vector<std::string>{"a/b/c"}));
  EXPECT_EQ(Keys("a"), (std::vector<std::string>{"a-b", "a.b/c", "a/a", "a/b/c", "a/c", "a0", "ab"}));
  EXPECT_EQ(Keys("a/b/c"), (std::vector<std::string>{"a/b/c"}));
  EXPECT_EQ(Keys("zzz"), std::vector<std::string>{});
  EXPECT_EQ(Keys("", "a/b/c"), (std::vector<std::string>{"a/c", "a0", "ab", "b"}));
  EXPECT_EQ(Keys("", "a/b"), (std::vector<std::string>{"a/b/c", "a/c", "a0", "ab", "b"}));
  EXPECT_EQ(Keys("a/", "0"), (std::vector<std::string>{"a/a", "a/b/c", "a/c"}));
  EXPECT_EQ(Keys("", "", 0), std::vector<std::string>{});
}

TEST_P(ObjectStoreContract, ListPagesAreTheWholeListing) {
  std::mt19937_64 rng(9);
  std::map<std::string, size_t> want;
  for (int i = 0; i < 120; ++i) {
    std::string key = "p";
    for (uint64_t n = 1 + rng() % 3; n > 0; --n) key += "/" + std::string(1 + rng() % 2, 'a' + rng() % 3);
    const std::string value(rng() % 50, 'x');
    if (Put(key, value).ok()) want[key] = value.size();
  }
  ASSERT_GT(want.size(), 10u);
  for (size_t limit : {1, 2, 7, 1000}) {
    std::vector<ObjectInfo> all;
    for (std::string after;;) {
      const auto page = store_->List("p/", after, limit);
      ASSERT_TRUE(page.ok());
      ASSERT_LE(page->size(), limit);
      if (page->empty()) break;
      after = page->back().key;
      all.insert(all.end(), page->begin(), page->end());
      ASSERT_LE(all.size(), want.size());
    }
    ASSERT_EQ(all.size(), want.size()) << limit;
    auto it = want.begin();
    for (const ObjectInfo& info : all) {
      EXPECT_EQ(info.key, it->first);
      EXPECT_EQ(info.size, it->second);
      ++it;
    }
  }
}

TEST_P(ObjectStoreContract, ConcurrentPutsOfOneKeyLeaveOneOfThem) {
  std::vector<std::string> values;
  for (char c : {'a', 'b', 'c', 'd'}) values.emplace_back(30'000, c);
  {
    std::vector<std::jthread> writers;
    for (const std::string& value : values) {
      writers.emplace_back([&] {
        for (int i = 0; i < 5; ++i) EXPECT_TRUE(Put("f/shared", value).ok());
      });
    }
    for (int i = 0; i < 50; ++i) {
      const auto got = store_->Get("f/shared");
      if (!got.ok()) continue;
      EXPECT_NE(std::find(values.begin(), values.end(), *got), values.end());
    }
  }
  EXPECT_NE(std::find(values.begin(), values.end(), Get("f/shared")), values.end());
}

TEST_P(ObjectStoreContract, ConcurrentPutsIntoNewFolders) {
  {
    std::vector<std::jthread> writers;
    for (int w = 0; w < 4; ++w) {
      writers.emplace_back([this, w] {
        for (int i = 0; i < 10; ++i) {
          const std::string key = "n/" + std::to_string(i) + "/x/" + std::to_string(w);
          EXPECT_TRUE(Put(key, key).ok());
        }
      });
    }
  }
  EXPECT_EQ(Keys("n/").size(), 40u);
}

}  // namespace
}  // namespace brazier::object
