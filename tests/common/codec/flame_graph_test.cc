#include "common/codec/flame_graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <sstream>

namespace brazier::codec {
namespace {

// "a;b;c 5" lines.
FlameTree TreeOf(std::initializer_list<std::pair<const char*, int64_t>> stacks) {
  FlameTreeBuilder builder;
  for (const auto& [text, value] : stacks) {
    uint32_t node = FlameTreeBuilder::kRoot;
    std::istringstream frames(text);
    for (std::string frame; std::getline(frames, frame, ';');) {
      node = builder.Child(node, builder.NameId(frame));
    }
    builder.AddSelf(node, value);
  }
  return builder.Finish();
}

// The reference's example: baz 130M, foo 260M self, foo;bar 950M.
FlameTree SampleTree() {
  return TreeOf({{"main;foo", 260'000'000}, {"main;foo;bar", 950'000'000}, {"main;baz", 130'000'000}});
}

std::string FromBase64(std::string_view text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(kDigits.find(c));
    if ((count += 6) >= 8) out.push_back(static_cast<char>(bits >> (count -= 8)));
  }
  return out;
}

// A readable form: name{children} with self values, children sorted.
std::string Describe(const FlameTree& tree) {
  const std::vector<int64_t> totals = tree.Totals();
  const std::function<std::string(uint32_t)> describe = [&](uint32_t node) {
    std::vector<std::string> children;
    for (uint32_t i = 1; i < tree.nodes.size(); ++i) {
      if (tree.nodes[i].parent == node) {
        children.push_back(std::string(tree.names.Get(tree.nodes[i].name)) + " " +
                           std::to_string(totals[i]) + describe(i));
      }
    }
    std::sort(children.begin(), children.end());
    std::string text;
    for (const std::string& child : children) text += (text.empty() ? "" : ", ") + child;
    return text.empty() ? text : "{" + text + "}";
  };
  return describe(0);
}

using Levels = std::vector<std::vector<int64_t>>;

TEST(EncodeLevels, TheReferencesSampleExactly) {
  const FlameGraph graph = EncodeLevels(SampleTree());
  EXPECT_EQ(graph.names, (std::vector<std::string>{"total", "main", "foo", "bar", "baz"}));
  EXPECT_EQ(graph.levels, (Levels{{0, 1340000000, 0, 0},
                                  {0, 1340000000, 0, 1},
                                  {0, 130000000, 130000000, 4, 0, 1210000000, 260000000, 2},
                                  {390000000, 950000000, 950000000, 3}}));
  EXPECT_EQ(graph.total, 1340000000);
  EXPECT_EQ(graph.max_self, 950000000);
}

TEST(EncodeLevels, EmptyTree) {
  const FlameGraph graph = EncodeLevels(FlameTree());
  EXPECT_EQ(graph.names, (std::vector<std::string>{"total"}));
  EXPECT_EQ(graph.levels, (Levels{{0, 0, 0, 0}}));
  EXPECT_EQ(graph.total, 0);
}

TEST(EncodeLevels, OtherStandsLastAndLosesItsChildren) {
  const FlameGraph graph = EncodeLevels(TreeOf({{"zed", 1}, {"other;below", 5}, {"other", 2}, {"abc", 3}}));
  EXPECT_EQ(graph.names, (std::vector<std::string>{"total", "other", "zed", "abc"}));
  EXPECT_EQ(graph.levels, (Levels{{0, 11, 0, 0}, {0, 3, 3, 3, 0, 1, 1, 2, 0, 7, 7, 1}}));
  EXPECT_EQ(graph.max_self, 7);
}

TEST(EncodeLevels, AFunctionCalledTotalSharesTheNameOfTheRoot) {
  const FlameGraph graph = EncodeLevels(TreeOf({{"total;x", 2}}));
  EXPECT_EQ(graph.names, (std::vector<std::string>{"total", "x"}));
  EXPECT_EQ(graph.levels, (Levels{{0, 2, 0, 0}, {0, 2, 0, 0}, {0, 2, 2, 1}}));
}

TEST(EncodeLevels, ByteOrderOfNames) {
  const FlameGraph graph = EncodeLevels(TreeOf({{"b", 1}, {"B", 1}, {"\xC3\xA4", 1}, {"ab", 1}, {"a", 1}}));
  // Numbered from the right.
  EXPECT_EQ(graph.names, (std::vector<std::string>{"total", "\xC3\xA4", "b", "ab", "a", "B"}));
}

TEST(EncodeBinaryTree, TheReferencesSampleExactly) {
  EXPECT_EQ(EncodeBinaryTree(SampleTree()),
            FromBase64("AAABBG1haW4AAgNmb2+Akv17AQNiYXKAs//EAwADYmF6gMn+PQA="));
  EXPECT_EQ(EncodeBinaryTree(FlameTree()), "");
}

TEST(Truncate, SmallTreesStayAsTheyAre) {
  const FlameTree tree = SampleTree();
  for (const int64_t limit : {int64_t{0}, int64_t{-1}, int64_t{4}, int64_t{100}}) {
    EXPECT_EQ(Describe(Truncate(tree, limit)), Describe(tree)) << limit;
  }
}

// The reference's tree: r{a{f1..f5 = 1..5}, b{g1..g5 = 10..50}}. One stage of truncation.
TEST(Truncate, KeepsTheHeaviest) {
  FlameTreeBuilder builder;
  for (int i = 1; i <= 5; ++i) {
    const uint32_t r = builder.Child(0, builder.NameId("r"));
    const uint32_t a = builder.Child(r, builder.NameId("a"));
    const uint32_t b = builder.Child(r, builder.NameId("b"));
    builder.AddSelf(builder.Child(a, builder.NameId("f" + std::to_string(i))), i);
    builder.AddSelf(builder.Child(b, builder.NameId("g" + std::to_string(i))), 10 * i);
  }
  const FlameTree tree = builder.Finish();
  EXPECT_EQ(Describe(Truncate(tree, 1)), "{r 165{other 165}}");
  EXPECT_EQ(Describe(Truncate(tree, 2)), "{r 165{b 150{other 150}, other 15}}");
  EXPECT_EQ(Describe(Truncate(tree, 3)), "{r 165{b 150{g5 50, other 100}, other 15}}");
  EXPECT_EQ(Describe(Truncate(tree, 5)), "{r 165{b 150{g3 30, g4 40, g5 50, other 30}, other 15}}");
  EXPECT_EQ(Describe(Truncate(tree, 7)),
            "{r 165{a 15{other 15}, b 150{g2 20, g3 30, g4 40, g5 50, other 10}}}");
}

TEST(Truncate, TiesAreKept) {
  EXPECT_EQ(Describe(Truncate(TreeOf({{"a", 5}, {"b", 5}, {"c", 5}, {"d", 1}}), 1)),
            "{a 5, b 5, c 5, other 1}");
}

TEST(Truncate, AnOtherThatIsThereTakesTheRest) {
  EXPECT_EQ(Describe(Truncate(TreeOf({{"a", 9}, {"other;x", 6}, {"b", 2}, {"other", 1}}), 3)),
            "{a 9, other 9{x 6}}");
  EXPECT_EQ(Describe(Truncate(TreeOf({{"a", 9}, {"b", 2}, {"other;x", 1}}), 2)), "{a 9, b 2, other 1}");
}

FlameTree RandomTree(std::mt19937_64& random, int stacks) {
  FlameTreeBuilder builder;
  for (int i = 0; i < stacks; ++i) {
    uint32_t node = 0;
    const int depth = 1 + static_cast<int>(random() % 12);
    for (int d = 0; d < depth; ++d) {
      const uint64_t name = random() % 9;
      node = builder.Child(node, builder.NameId(name == 0 ? "other" : "f" + std::to_string(name)));
    }
    builder.AddSelf(node, static_cast<int64_t>(random() % 1000));
  }
  return builder.Finish();
}

TEST(Truncate, Properties) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    const FlameTree tree = RandomTree(random, 300);
    const std::vector<int64_t> totals = tree.Totals();
    std::vector<int64_t> sorted(totals.begin() + 1, totals.end());
    std::sort(sorted.rbegin(), sorted.rend());
    const auto limit = static_cast<int64_t>(1 + random() % 200);
    const FlameTree cut = Truncate(tree, limit);
    ASSERT_TRUE(cut.Validate().ok());
    const std::vector<int64_t> cut_totals = cut.Totals();
    EXPECT_EQ(cut_totals[0], totals[0]) << "seed " << seed;
    if (static_cast<size_t>(limit) >= sorted.size()) continue;
    const int64_t threshold = sorted[static_cast<size_t>(limit) - 1];
    size_t heavy = 0;
    for (size_t i = 1; i < tree.nodes.size(); ++i) {
      if (tree.names.Get(tree.nodes[i].name) != "other") heavy += totals[i] >= threshold;
    }
    size_t kept = 0;
    for (size_t i = 1; i < cut.nodes.size(); ++i) {
      if (cut.names.Get(cut.nodes[i].name) == "other") continue;
      ++kept;
      EXPECT_GE(cut_totals[i], threshold) << "seed " << seed;
    }
    EXPECT_EQ(kept, heavy) << "seed " << seed;
  }
}

// Appended partial trees, and parts of a builder, answer as one tree that has each node once.
TEST(Truncate, JoinsWhatPartialTreesHaveInCommon) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    FlameTreeBuilder joined;
    FlameTree appended;
    FlameTreeBuilder parts;
    for (int i = 0; i < 5; ++i) {
      const FlameTree tree = RandomTree(random, 60);
      joined.Add(tree);
      if (i > 0) parts.BeginPart();
      parts.Add(tree);
      AppendTree(FlameTree(tree), &appended);
    }
    ASSERT_TRUE(appended.Validate().ok());
    const FlameTree one = joined.Finish();
    ASSERT_EQ(appended.Totals()[0], one.Totals()[0]);
    ASSERT_GT(appended.nodes.size(), one.nodes.size()) << "the trees have nothing in common";
    ASSERT_EQ(parts.nodes(), appended.nodes.size());
    const FlameTree in_parts = parts.Finish();
    for (const int64_t limit : {0, 1, 7, 40, 200, 100'000}) {
      const std::string expected = Describe(Truncate(one, limit));
      EXPECT_EQ(Describe(Truncate(appended, limit)), expected) << "seed " << seed << ", limit " << limit;
      EXPECT_EQ(Describe(Truncate(in_parts, limit)), expected) << "seed " << seed << ", limit " << limit;
      const FlameGraphDiff diff = EncodeDiffLevels(appended, one, limit);
      EXPECT_EQ(diff.graph.levels, EncodeDiffLevels(one, one, limit).graph.levels);
    }
  }
}

TEST(Truncate, EachNameIsThereOnce) {
  FlameTree tree = TreeOf({{"a;b", 3}, {"b;a", 1}});
  AppendTree(TreeOf({{"b;a", 4}, {"a;c", 2}}), &tree);
  const FlameTree cut = Truncate(tree, 0);
  EXPECT_EQ(Describe(cut), Describe(TreeOf({{"a;b", 3}, {"b;a", 5}, {"a;c", 2}})));
  EXPECT_EQ(cut.names.size(), 4u);
}

// Rows tile: children lie within their parents, nothing overlaps, the sum of selves is the total.
TEST(EncodeLevels, RowsAreConsistent) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    const FlameGraph graph = EncodeLevels(Truncate(RandomTree(random, 400), 80));
    int64_t selves = 0;
    std::vector<std::pair<int64_t, int64_t>> above{{0, graph.total}};
    for (const auto& level : graph.levels) {
      std::vector<std::pair<int64_t, int64_t>> row;
      int64_t x = 0;
      for (size_t i = 0; i < level.size(); i += 4) {
        ASSERT_GE(level[i], 0);
        ASSERT_LE(level[i + 2], level[i + 1]);
        ASSERT_LT(static_cast<size_t>(level[i + 3]), graph.names.size());
        x += level[i];
        row.emplace_back(x, x + level[i + 1]);
        x += level[i + 1];
        selves += level[i + 2];
        ASSERT_TRUE(std::any_of(above.begin(), above.end(), [&](const auto& parent) {
          return parent.first <= row.back().first && row.back().second <= parent.second;
        })) << "seed " << seed;
      }
      above = std::move(row);
    }
    EXPECT_EQ(selves, graph.total) << "seed " << seed;
  }
}

TEST(EncodeDiffLevels, TwoSides) {
  const FlameTree left = TreeOf({{"main;foo", 120}, {"main;foo;bar", 420}, {"main;baz", 60}});
  const FlameTree right = TreeOf({{"main;foo", 140}, {"main;foo;bar", 530}, {"main;baz", 70}});
  const FlameGraphDiff diff = EncodeDiffLevels(left, right, 0);
  EXPECT_EQ(diff.graph.names, (std::vector<std::string>{"total", "main", "foo", "bar", "baz"}));
  EXPECT_EQ(diff.graph.levels, (Levels{{0, 600, 0, 0, 740, 0, 0},
                                       {0, 600, 0, 0, 740, 0, 1},
                                       {0, 60, 60, 0, 70, 70, 4, 0, 540, 120, 0, 670, 140, 2},
                                       {180, 420, 420, 210, 530, 530, 3}}));
  EXPECT_EQ(diff.left_ticks, 600);
  EXPECT_EQ(diff.right_ticks, 740);
  EXPECT_EQ(diff.graph.total, 1340);
  EXPECT_EQ(diff.graph.max_self, 530);
}

TEST(EncodeDiffLevels, NodesOfOneSideOnly) {
  const FlameGraphDiff diff = EncodeDiffLevels(TreeOf({{"a", 3}}), TreeOf({{"b", 4}}), 0);
  EXPECT_EQ(diff.graph.levels, (Levels{{0, 3, 0, 0, 4, 0, 0}, {0, 3, 3, 0, 0, 0, 2, 0, 0, 0, 0, 4, 4, 1}}));
  const FlameGraphDiff empty = EncodeDiffLevels(FlameTree(), FlameTree(), 10);
  EXPECT_EQ(empty.graph.levels, (Levels{{0, 0, 0, 0, 0, 0, 0}}));
}

TEST(EncodeDiffLevels, TruncatesByTheSumOfBothSides) {
  const FlameGraphDiff diff =
      EncodeDiffLevels(TreeOf({{"a", 5}, {"b", 1}}), TreeOf({{"b", 6}, {"c", 2}}), 2);
  // a 5, b 7 stay; c 2 becomes other.
  EXPECT_EQ(diff.graph.names, (std::vector<std::string>{"total", "other", "b", "a"}));
  EXPECT_EQ(diff.graph.levels[1],
            (std::vector<int64_t>{0, 5, 5, 0, 0, 0, 3, 0, 1, 1, 0, 6, 6, 2, 0, 0, 0, 0, 2, 2, 1}));
}

TEST(FlameGraph, AVeryDeepChainNeedsNoRecursion) {
  constexpr uint32_t kDepth = 100'000;
  FlameTree tree;
  const uint32_t name = tree.names.Add("f");
  for (uint32_t i = 0; i < kDepth; ++i) tree.nodes.push_back({i, name, 1});
  const FlameGraph graph = EncodeLevels(tree);
  EXPECT_EQ(graph.levels.size(), kDepth + 1);
  EXPECT_EQ(graph.levels.back(), (std::vector<int64_t>{kDepth - 1, 1, 1, 1}));
  EXPECT_EQ(graph.total, kDepth);
  EXPECT_EQ(Truncate(tree, 1000).nodes.size(), 1002u);
  EXPECT_EQ(EncodeDiffLevels(tree, tree, 0).graph.levels.size(), kDepth + 1);
  EXPECT_GT(EncodeBinaryTree(tree).size(), kDepth * 4);
}

}  // namespace
}  // namespace brazier::codec
