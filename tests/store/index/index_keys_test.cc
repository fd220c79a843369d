#include "store/index/index_keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace brazier::index {
namespace {

const std::vector<std::string> kNames = {
    "",  std::string("\0", 1), std::string("\0\0", 2), std::string("\0\x01", 2), std::string("\0\xFF", 2),
    "\x01", "a", std::string("a\0", 2), std::string("a\0b", 3), std::string("a\0\x01", 3), "a\x01",
    "a/b", "aa", "ab", "b", "\xFF", "\xFF\xFF"};

TEST(IndexKeysTest, NamesRoundTripInOrder) {
  std::vector<std::string> sorted = kNames;
  std::sort(sorted.begin(), sorted.end());
  std::string before;
  for (const std::string& name : sorted) {
    std::string key;
    AppendName(key, name);
    EXPECT_TRUE(before.empty() || before < key);
    before = key;
    std::string_view rest = key;
    std::string decoded;
    ASSERT_TRUE(TakeName(rest, decoded));
    EXPECT_EQ(decoded, name);
    EXPECT_TRUE(rest.empty());
  }
}

TEST(IndexKeysTest, NoNameIsAPrefixOfAnother) {
  for (const std::string& a : kNames) {
    for (const std::string& b : kNames) {
      if (a == b) continue;
      std::string key_a, key_b;
      AppendName(key_a, a);
      AppendName(key_b, b);
      EXPECT_FALSE(key_b.starts_with(key_a));
    }
  }
}

TEST(IndexKeysTest, KeysOfTenantsNeverMix) {
  for (const std::string& a : kNames) {
    for (const std::string& b : kNames) {
      if (a == b) continue;
      const std::string prefix = ServicePrefix(a);
      const std::string end = PrefixEnd(prefix);
      for (const std::string& service : kNames) {
        const std::string other = ServiceKey(b, service);
        EXPECT_FALSE(other >= prefix && other < end);
        for (uint32_t c : {0u, 15u}) {
          const std::string datasets = DatasetPrefix(a, service, c);
          const std::string foreign = DatasetKey(b, service, 1, 2, Ulid{});
          EXPECT_FALSE(foreign >= datasets && foreign < PrefixEnd(datasets));
        }
      }
    }
  }
}

TEST(IndexKeysTest, MalformedNamesAreRefused) {
  for (const std::string& bad :
       {std::string(), std::string("abc"), std::string("a\0", 2), std::string("a\0\x02", 3)}) {
    std::string_view rest = bad;
    std::string name;
    EXPECT_FALSE(TakeName(rest, name));
  }
}

TEST(IndexKeysTest, TimesAndIdsRoundTripInOrder) {
  std::string before;
  for (int64_t t : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{255}, int64_t{256}, INT64_MAX}) {
    std::string key;
    AppendTime(key, t);
    ASSERT_EQ(key.size(), kTimeBytes);
    EXPECT_EQ(ParseTime(key), t);
    EXPECT_LT(before, key);
    before = key;
  }
  const Ulid id{{0x0102030405060708, 0xFFFEFDFCFBFAF9F8}};
  std::string key;
  AppendId(key, id);
  EXPECT_EQ(ParseId(key), id);
  EXPECT_EQ(key.substr(0, 3), "\x01\x02\x03");
}

TEST(IndexKeysTest, GoldenDatasetKey) {
  const std::string key = DatasetKey("t", "s", 1, 17'000'000'001, Ulid{{0, 2}});
  EXPECT_EQ(key, std::string("idt\0\x01s\0\x01\x01\x80\0\0\0\0\0\0\x01"
                             "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02",
                             9 + 8 + 16));
}

TEST(IndexKeysTest, DurationClassesCoverEveryDuration) {
  EXPECT_EQ(DurationClass(0), 0u);
  EXPECT_EQ(DurationClass(INT64_MAX), kDurationClasses - 1);
  for (uint32_t c = 0; c + 1 < kDurationClasses; ++c) {
    EXPECT_EQ(DurationClass(DurationClassMax(c)), c);
    EXPECT_EQ(DurationClass(DurationClassMax(c) + 1), c + 1);
    EXPECT_LT(DurationClassMax(c), DurationClassMax(c + 1));
  }
}

TEST(IndexKeysTest, PrefixEndIsAboveEveryKeyOfThePrefix) {
  EXPECT_EQ(PrefixEnd("ab"), "ac");
  EXPECT_EQ(PrefixEnd(std::string("a\xFF\xFF")), "b");
  EXPECT_LT(std::string("a\xFF\xFF\xFF\xFF"), PrefixEnd("a\xFF"));
}

}  // namespace
}  // namespace brazier::index
