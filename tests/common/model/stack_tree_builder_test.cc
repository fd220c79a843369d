#include "common/model/stack_tree_builder.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <utility>
#include <vector>

namespace brazier {
namespace {

using Map = std::map<std::pair<uint32_t, uint32_t>, uint32_t>;

// The node of (parent, location) in a map of all nodes, made when it is missing: what the builder must equal.
uint32_t ChildIn(Map& known, uint32_t parent, uint32_t location) {
  return known.emplace(std::pair(parent, location), static_cast<uint32_t>(known.size() + 1)).first->second;
}

// Against the obvious map, over several trees with one builder, large ones first so that reuse would show.
TEST(StackTreeBuilder, EqualsAMapAcrossResets) {
  std::mt19937_64 engine(31);
  StackTreeBuilder builder;
  for (const int additions : {90'000, 10, 3000, 0, 3000}) {
    builder.Reset();
    Map known;
    for (int i = 0; i < additions; ++i) {
      const auto parent = static_cast<uint32_t>(engine() % builder.size());
      const auto location = static_cast<uint32_t>(engine() % 50);
      const uint32_t node = builder.Child(parent, location);
      ASSERT_EQ(node, ChildIn(known, parent, location)) << "nodes are numbered in the order of their making";
    }
    const std::vector<StackNode> nodes = builder.Nodes();
    for (const auto& [key, node] : known) ASSERT_EQ(nodes[node], (StackNode{key.first, key.second}));
    EXPECT_EQ(builder.size(), known.size() + 1);
  }
}

// Whole paths, most of them known to some depth, from the root and from nodes below it.
TEST(StackTreeBuilder, PathsEqualAMapAcrossResets) {
  std::mt19937_64 engine(32);
  StackTreeBuilder builder;
  for (const int paths : {20'000, 5, 700, 700}) {
    builder.Reset();
    Map known;
    for (int i = 0; i < paths; ++i) {
      const uint32_t parent = i % 3 == 0 ? static_cast<uint32_t>(engine() % builder.size()) : 0;
      std::vector<uint32_t> locations(engine() % 12);
      for (uint32_t& location : locations) location = static_cast<uint32_t>(engine() % 4);
      std::vector<uint32_t> path(locations.size());
      const uint32_t last = builder.Descend(parent, locations, path.data());
      uint32_t node = parent;
      for (size_t k = 0; k < locations.size(); ++k) {
        node = ChildIn(known, node, locations[k]);
        ASSERT_EQ(path[k], node);
      }
      ASSERT_EQ(last, node);
      ASSERT_EQ(builder.size(), known.size() + 1);
    }
    const std::vector<StackNode> nodes = builder.Nodes();
    for (const auto& [key, node] : known) ASSERT_EQ(nodes[node], (StackNode{key.first, key.second}));
  }
}

TEST(StackTreeBuilder, ATreeIsTheRootAloneAtFirst) {
  StackTreeBuilder builder;
  EXPECT_EQ(builder.size(), 1u);
  EXPECT_EQ(builder.Descend(0, {}, nullptr), 0u);
  EXPECT_EQ(builder.Child(0, 5), 1u);
  builder.Reset();
  EXPECT_EQ(builder.size(), 1u);
}

TEST(StackTreeBuilder, LocationZeroUnderTheRootIsNotTheRoot) {
  StackTreeBuilder builder;
  EXPECT_EQ(builder.Child(0, 0), 1u);
  EXPECT_EQ(builder.Child(0, 0), 1u);
}

}  // namespace
}  // namespace brazier
