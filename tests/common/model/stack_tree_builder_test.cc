#include "common/model/stack_tree_builder.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <utility>
#include <vector>

namespace brazier {
namespace {

// Against the obvious map, over several trees with one builder, large ones first so that reuse would show.
TEST(StackTreeBuilder, EqualsAMapAcrossResets) {
  std::mt19937_64 engine(31);
  StackTreeBuilder builder;
  for (const int additions : {40'000, 10, 3000, 0, 3000}) {
    std::vector<StackNode> nodes{StackNode{}};
    builder.Reset(&nodes);
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> known;
    for (int i = 0; i < additions; ++i) {
      const auto parent = static_cast<uint32_t>(engine() % nodes.size());
      const auto location = static_cast<uint32_t>(engine() % 50);
      const uint32_t node = builder.Child(parent, location);
      const auto [it, is_new] = known.emplace(std::pair(parent, location), node);
      ASSERT_EQ(it->second, node);
      if (is_new) {
        ASSERT_EQ(node, known.size()) << "nodes are numbered in the order of their making";
      }
      ASSERT_EQ(nodes[node], (StackNode{parent, location}));
    }
    EXPECT_EQ(nodes.size(), known.size() + 1);
  }
}

TEST(StackTreeBuilder, ResetKnowsTheNodesThatAreThere) {
  std::vector<StackNode> nodes{StackNode{}, {0, 5}, {1, 6}};
  StackTreeBuilder builder;
  builder.Reset(&nodes);
  EXPECT_EQ(builder.Child(0, 5), 1u);
  EXPECT_EQ(builder.Child(1, 6), 2u);
  EXPECT_EQ(builder.Child(1, 7), 3u);
}

TEST(StackTreeBuilder, LocationZeroUnderTheRootIsNotTheRoot) {
  std::vector<StackNode> nodes{StackNode{}};
  StackTreeBuilder builder;
  builder.Reset(&nodes);
  EXPECT_EQ(builder.Child(0, 0), 1u);
  EXPECT_EQ(builder.Child(0, 0), 1u);
}

}  // namespace
}  // namespace brazier
