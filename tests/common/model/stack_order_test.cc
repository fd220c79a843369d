#include "common/model/stack_order.h"

#include <gtest/gtest.h>

#include <random>

namespace brazier {
namespace {

using Stacks = std::vector<StackNode>;

// The locations from the root to the node.
std::vector<uint32_t> PathOf(const Stacks& stacks, uint32_t node) {
  std::vector<uint32_t> path;
  for (; node != 0; node = stacks[node].parent) path.insert(path.begin(), stacks[node].location);
  return path;
}

Stacks RandomTree(std::mt19937_64& random, size_t count) {
  Stacks stacks(1);
  for (size_t i = 1; i < count; ++i) {
    stacks.push_back({static_cast<uint32_t>(random() % i), static_cast<uint32_t>(i * 7)});
  }
  return stacks;
}

TEST(PreOrder, ANodeThenWhatIsBelowIt) {
  //      0
  //    1   2
  //   3 5   4
  const Stacks stacks{{}, {0, 1}, {0, 2}, {1, 3}, {2, 4}, {1, 5}};
  EXPECT_EQ(PreOrder(stacks), (std::vector<uint32_t>{0, 1, 3, 5, 2, 4}));
  EXPECT_EQ(PreOrder(Stacks(1)), (std::vector<uint32_t>{0}));
  EXPECT_TRUE(PreOrder({}).empty());
  const Stacks chain{{}, {0, 1}, {1, 2}, {2, 3}};
  EXPECT_EQ(PreOrder(chain), (std::vector<uint32_t>{0, 1, 2, 3}));
}

TEST(PreOrder, SortingKeepsTheStacksAndTheirReferences) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    const Stacks before = RandomTree(random, 1 + random() % 200);
    std::vector<uint32_t> references;
    for (int i = 0; i < 50; ++i) references.push_back(static_cast<uint32_t>(random() % before.size()));
    Stacks after = before;
    std::vector<uint32_t> moved = references;
    SortInPreOrder(&after, moved);
    ASSERT_EQ(after.size(), before.size());
    for (size_t i = 1; i < after.size(); ++i) {
      ASSERT_LT(after[i].parent, i);
      // The parent is the node before, or above that one.
      uint32_t above = static_cast<uint32_t>(i - 1);
      while (above > after[i].parent) above = after[above].parent;
      ASSERT_EQ(above, after[i].parent);
    }
    for (size_t i = 0; i < references.size(); ++i) {
      ASSERT_EQ(PathOf(after, moved[i]), PathOf(before, references[i])) << "seed " << seed;
    }
    // What is sorted stays as it is.
    Stacks again = after;
    SortInPreOrder(&again, {});
    EXPECT_TRUE(again == after);
    std::vector<uint32_t> order = PreOrder(after);
    for (uint32_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], i);
  }
}

TEST(PreOrder, ALongChainAndAWideNode) {
  Stacks chain(1);
  for (uint32_t i = 1; i < 200'000; ++i) chain.push_back({i - 1, i});
  chain.push_back({0, 9});  // not in order any more
  chain.push_back({1, 9});
  const auto order = PreOrder(chain);
  EXPECT_EQ(order[1], 1u);
  EXPECT_EQ(order.back(), 200'000u);
  Stacks wide(1);
  for (uint32_t i = 1; i < 100'000; ++i) wide.push_back({0, i});
  EXPECT_EQ(PreOrder(wide).back(), 99'999u);
}

}  // namespace
}  // namespace brazier
