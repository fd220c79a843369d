#include "common/model/labels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace brazier {
namespace {

// A list of one pair would be ambiguous as the argument of a constructor.
Labels LabelsOf(std::vector<Label> items) { return Labels(std::move(items)); }

TEST(Labels, SortsAndKeepsTheFirstOfEqualNames) {
  const Labels labels({{"b", "1"}, {"a", "2"}, {"b", "3"}, {"a", "4"}, {"C", "5"}});
  const std::vector<Label> expected = {{"C", "5"}, {"a", "2"}, {"b", "1"}};
  EXPECT_EQ(labels.items(), expected);
}

TEST(Labels, SortsByBytes) {
  const Labels labels({{"\xC3\xA4", "1"}, {"z", "2"}, {"", "3"}, {"Z", "4"}});
  ASSERT_EQ(labels.size(), 4u);
  EXPECT_EQ(labels.items()[0].name, "");
  EXPECT_EQ(labels.items()[3].name, "\xC3\xA4") << "bytes are unsigned";
}

TEST(Labels, SetGetErase) {
  Labels labels;
  EXPECT_TRUE(labels.empty());
  labels.Set("m", "1");
  labels.Set("a", "2");
  labels.Set("z", "3");
  labels.Set("m", "4");
  labels.SetDefault("m", "5");
  labels.SetDefault("n", "6");
  EXPECT_EQ(labels, LabelsOf({{"a", "2"}, {"m", "4"}, {"n", "6"}, {"z", "3"}}));
  EXPECT_EQ(labels.Get("m"), "4");
  EXPECT_EQ(labels.Get("absent"), "");
  EXPECT_FALSE(labels.Has("absent"));
  EXPECT_TRUE(labels.Has("z"));
  labels.Erase("m");
  labels.Erase("m");
  EXPECT_FALSE(labels.Has("m"));
  EXPECT_EQ(labels.size(), 3u);
  EXPECT_EQ(labels.Bytes(), 6u);
}

TEST(Labels, AnEmptyValueIsALabel) {
  Labels labels = LabelsOf({{"a", ""}});
  EXPECT_TRUE(labels.Has("a"));
  labels.SetDefault("a", "x");
  EXPECT_EQ(labels.Get("a"), "");
}

TEST(Labels, HashDelimits) {
  const std::vector<Labels> different = {
      Labels(),
      LabelsOf({{"ab", "c"}}),
      LabelsOf({{"a", "bc"}}),
      LabelsOf({{"abc", ""}}),
      LabelsOf({{"", "abc"}}),
      LabelsOf({{"c", "ab"}}),
      LabelsOf({{"a", "b"}, {"c", "d"}}),
      LabelsOf({{"a", "d"}, {"c", "b"}}),
      LabelsOf({{"a", "bc"}, {"d", ""}}),
      LabelsOf({{"a", "b"}, {"cd", ""}}),
  };
  std::set<uint64_t> hashes;
  for (const Labels& labels : different) hashes.insert(labels.Hash());
  EXPECT_EQ(hashes.size(), different.size());
}

// Placement on shards depends on it: the value is part of what other versions and processes expect.
TEST(Labels, HashIsStable) {
  EXPECT_EQ(Labels().Hash(), 0u);
  EXPECT_EQ(LabelsOf({{"service_name", "api"}, {"region", "eu"}}).Hash(), 6345997646649532593u);
}

// Property: order of insertion and the way of building do not matter.
TEST(Labels, EqualHoweverBuilt) {
  std::mt19937_64 engine(3);
  for (int round = 0; round < 300; ++round) {
    std::vector<Label> items;
    for (uint64_t i = engine() % 12; i > 0; --i) {
      const std::string name = "n" + std::to_string(engine() % 30);
      if (std::none_of(items.begin(), items.end(), [&](const Label& l) { return l.name == name; })) {
        items.push_back({name, std::to_string(engine() % 5)});
      }
    }
    const Labels built(items);
    std::shuffle(items.begin(), items.end(), engine);
    Labels set;
    for (const Label& l : items) set.Set(l.name, l.value);
    EXPECT_EQ(Labels(items), built);
    EXPECT_EQ(set, built);
    EXPECT_EQ(set.Hash(), built.Hash());
    EXPECT_TRUE(std::is_sorted(built.begin(), built.end()));
  }
}

}  // namespace
}  // namespace brazier
