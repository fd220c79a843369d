#include "common/model/flame_tree.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace brazier {
namespace {

using Stack = std::vector<std::string>;
using Selfs = std::map<Stack, int64_t>;

void AddStack(FlameTreeBuilder& builder, const Stack& stack, int64_t value) {
  uint32_t node = FlameTreeBuilder::kRoot;
  for (const std::string& name : stack) node = builder.Child(node, builder.NameId(name));
  builder.AddSelf(node, value);
}

// What the tree says, without what the order of building leaves in it.
Selfs SelfsOf(const FlameTree& tree) {
  Selfs selfs;
  std::vector<Stack> paths(tree.nodes.size());
  for (size_t i = 0; i < tree.nodes.size(); ++i) {
    if (i > 0) {
      paths[i] = paths[tree.nodes[i].parent];
      paths[i].emplace_back(tree.names.Get(tree.nodes[i].name));
    }
    selfs[paths[i]] += tree.nodes[i].self;
  }
  return selfs;
}

FlameTree RandomTree(std::mt19937_64& engine, Selfs* expected) {
  FlameTreeBuilder builder;
  for (uint64_t i = engine() % 60; i > 0; --i) {
    Stack stack;
    for (uint64_t depth = engine() % 7; depth > 0; --depth) {
      stack.push_back("f" + std::to_string(engine() % 6));
    }
    const int64_t value = static_cast<int64_t>(engine() % 1000) - 100;
    AddStack(builder, stack, value);
    for (size_t n = 0; n <= stack.size(); ++n) {
      (*expected)[Stack(stack.begin(), stack.begin() + static_cast<std::ptrdiff_t>(n))] +=
          n == stack.size() ? value : 0;
    }
  }
  (*expected)[{}] += 0;
  return builder.Finish();
}

FlameTree Merged(const FlameTree& a, const FlameTree& b) {
  FlameTreeBuilder builder(a);
  builder.Add(b);
  return builder.Finish();
}

TEST(FlameTree, BuildsEachStackOnce) {
  FlameTreeBuilder builder;
  AddStack(builder, {"main", "a"}, 3);
  AddStack(builder, {"main", "b"}, 4);
  AddStack(builder, {"main", "a"}, 5);
  AddStack(builder, {"main"}, 1);
  AddStack(builder, {"a", "main"}, 2);
  AddStack(builder, {}, 7);
  EXPECT_EQ(builder.nodes(), 6u);
  const FlameTree tree = builder.Finish();
  EXPECT_TRUE(tree.Validate().ok());
  EXPECT_EQ(SelfsOf(tree), (Selfs{{{}, 7},
                                  {{"main"}, 1},
                                  {{"main", "a"}, 8},
                                  {{"main", "b"}, 4},
                                  {{"a"}, 0},
                                  {{"a", "main"}, 2}}));
  EXPECT_EQ(tree.Totals()[0], 22);
  EXPECT_EQ(tree.Totals()[1], 13) << "main and what it called";
}

TEST(FlameTree, AnEmptyNameIsAFrame) {
  FlameTreeBuilder builder;
  AddStack(builder, {""}, 1);
  AddStack(builder, {"", ""}, 2);
  EXPECT_EQ(SelfsOf(builder.Finish()), (Selfs{{{}, 0}, {{""}, 1}, {{"", ""}, 2}}));
}

TEST(FlameTree, ManyNodesAndNamesSurviveGrowth) {
  FlameTreeBuilder builder;
  for (int i = 0; i < 5000; ++i) {
    AddStack(builder, {"r", "n" + std::to_string(i), "leaf" + std::to_string(i % 7)}, i);
  }
  const size_t nodes = builder.nodes();
  EXPECT_EQ(nodes, 1u + 1 + 5000 + 5000);
  for (int i = 0; i < 5000; ++i) {
    AddStack(builder, {"r", "n" + std::to_string(i), "leaf" + std::to_string(i % 7)}, 1);
  }
  EXPECT_EQ(builder.nodes(), nodes);
  EXPECT_GT(builder.MemoryBytes(), nodes * sizeof(FlameTree::Node));
  EXPECT_EQ(builder.Finish().Totals()[0], 5000 * 4999 / 2 + 5000);
}

TEST(FlameTree, TotalsConserve) {
  std::mt19937_64 engine(21);
  for (int round = 0; round < 100; ++round) {
    Selfs expected;
    const FlameTree tree = RandomTree(engine, &expected);
    ASSERT_EQ(SelfsOf(tree), expected);
    int64_t sum = 0;
    for (const auto& node : tree.nodes) sum += node.self;
    EXPECT_EQ(tree.Totals()[0], sum);
  }
}

// The shape of the query plan cannot change an answer: merging is associative and commutative, and the empty tree
// changes nothing.
TEST(FlameTree, MergeIsAssociativeAndCommutative) {
  std::mt19937_64 engine(22);
  for (int round = 0; round < 200; ++round) {
    Selfs expected;
    const FlameTree a = RandomTree(engine, &expected);
    const FlameTree b = RandomTree(engine, &expected);
    const FlameTree c = RandomTree(engine, &expected);
    EXPECT_EQ(SelfsOf(Merged(a, b)), SelfsOf(Merged(b, a)));
    EXPECT_EQ(SelfsOf(Merged(Merged(a, b), c)), expected);
    EXPECT_EQ(SelfsOf(Merged(a, Merged(b, c))), expected);
    EXPECT_EQ(SelfsOf(Merged(Merged(c, a), b)), expected);
    EXPECT_EQ(SelfsOf(Merged(a, FlameTree{})), SelfsOf(a));
    EXPECT_EQ(SelfsOf(Merged(FlameTree{}, a)), SelfsOf(a));
    EXPECT_TRUE(Merged(a, b).Validate().ok());
  }
}

TEST(FlameTree, ABuilderGoesOnFromATree) {
  std::mt19937_64 engine(23);
  Selfs expected;
  FlameTreeBuilder builder(RandomTree(engine, &expected));
  const size_t nodes = builder.nodes();
  for (const auto& [stack, self] : expected) AddStack(builder, stack, 1);
  EXPECT_EQ(builder.nodes(), nodes) << "known stacks are found again";
  for (auto& [stack, self] : expected) ++self;
  EXPECT_EQ(SelfsOf(builder.Finish()), expected);
}

TEST(FlameTree, APartBeginsAtTheRootAgain) {
  FlameTreeBuilder builder;
  AddStack(builder, {"a", "b"}, 1);
  for (int i = 0; i < 5'000; ++i) AddStack(builder, {"a", "f" + std::to_string(i)}, 1);
  const size_t before = builder.nodes();
  builder.BeginPart();
  AddStack(builder, {"a", "b"}, 2);
  AddStack(builder, {"a", "b"}, 4);
  EXPECT_EQ(builder.nodes(), before + 2) << "nodes of its own, each once";
  builder.BeginPart();
  for (int i = 0; i < 5'000; ++i) AddStack(builder, {"a", "f" + std::to_string(i)}, 1);
  EXPECT_EQ(builder.nodes(), before + 2 + 5'001);
  const FlameTree tree = builder.Finish();
  ASSERT_TRUE(tree.Validate().ok());
  Selfs expected{{{}, 0}, {{"a"}, 0}, {{"a", "b"}, 7}};
  for (int i = 0; i < 5'000; ++i) expected[{"a", "f" + std::to_string(i)}] = 2;
  EXPECT_EQ(SelfsOf(Merged(tree, FlameTree{})), expected);
}

TEST(FlameTree, SelectingTakesTheNodesThatValuesReach) {
  FlameTreeBuilder dictionary;
  AddStack(dictionary, {"a", "b"}, 99);
  AddStack(dictionary, {"a", "c", "d"}, 99);
  AddStack(dictionary, {"e"}, 99);
  std::vector<int64_t> selfs(dictionary.nodes());
  EXPECT_EQ(SelfsOf(dictionary.Select(selfs)), (Selfs{{{}, 0}}));
  selfs[0] = 5;
  selfs[4] = 7;  // a;c;d
  const FlameTree tree = dictionary.Select(selfs);
  ASSERT_TRUE(tree.Validate().ok());
  EXPECT_EQ(SelfsOf(tree), (Selfs{{{}, 5}, {{"a"}, 0}, {{"a", "c"}, 0}, {{"a", "c", "d"}, 7}}));
  EXPECT_EQ(tree.names.size(), 4u) << "names that are not reached are left out";
  // Values of the first nodes only, as of a time when there were no more.
  selfs.resize(3);
  selfs[2] = 1;
  EXPECT_EQ(SelfsOf(dictionary.Select(selfs)), (Selfs{{{}, 5}, {{"a"}, 0}, {{"a", "b"}, 1}}));
  EXPECT_EQ(SelfsOf(dictionary.Select({})), (Selfs{{{}, 0}}));
}

TEST(FlameTree, AppendingIsMerging) {
  std::mt19937_64 engine(11);
  for (int round = 0; round < 20; ++round) {
    Selfs expected;
    const FlameTree a = RandomTree(engine, &expected);
    const FlameTree b = RandomTree(engine, &expected);
    FlameTree appended;
    AppendTree(FlameTree(a), &appended);
    AppendTree(FlameTree(b), &appended);
    AppendTree(FlameTree(), &appended);
    ASSERT_TRUE(appended.Validate().ok());
    EXPECT_EQ(SelfsOf(Merged(appended, FlameTree{})), SelfsOf(Merged(a, b)));
  }
  FlameTree roots;
  for (const int64_t self : {int64_t{3}, INT64_MAX}) {
    FlameTree root;
    root.nodes[0].self = self;
    AppendTree(std::move(root), &roots);
  }
  EXPECT_EQ(roots.nodes[0].self, INT64_MAX);
}

TEST(FlameTree, ValidateRefusesBadReferences) {
  FlameTree tree;
  EXPECT_TRUE(tree.Validate().ok());
  tree.nodes.push_back({0, tree.names.Add("a"), 1});
  EXPECT_TRUE(tree.Validate().ok());
  FlameTree bad_name = tree;
  bad_name.nodes[1].name = 2;
  EXPECT_NE(bad_name.Validate().message().find("name"), std::string::npos);
  FlameTree own_parent = tree;
  own_parent.nodes[1].parent = 1;
  EXPECT_NE(own_parent.Validate().message().find("parent"), std::string::npos);
  FlameTree no_root = tree;
  no_root.nodes.clear();
  EXPECT_NE(no_root.Validate().message().find("root"), std::string::npos);
}

}  // namespace
}  // namespace brazier
