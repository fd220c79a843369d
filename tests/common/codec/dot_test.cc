#include "common/codec/dot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace brazier::codec {
namespace {

using Stacks = std::vector<std::pair<std::string, int64_t>>;

// "a;b;c" 5.
FlameTree TreeOf(const Stacks& stacks) {
  FlameTreeBuilder builder;
  for (const auto& [text, value] : stacks) {
    uint32_t node = FlameTreeBuilder::kRoot;
    std::istringstream frames(text);
    for (std::string frame; std::getline(frames, frame, ';');) node = builder.Child(node, builder.NameId(frame));
    builder.AddSelf(node, value);
  }
  return builder.Finish();
}

DotOptions Cpu() { return {.type = "cpu", .unit = "nanoseconds"}; }
// Plain numbers, everything.
DotOptions All(int64_t nodes_max = 0) {
  return {.type = "samples", .unit = "count", .nodes_max = nodes_max, .node_fraction = 0, .edge_fraction = 0};
}

// What a graph says, by function name: "self/total" per function, "weight" or "weight dashed" per edge.
struct Graph {
  std::map<std::string, std::string> nodes;
  std::map<std::string, std::string> edges;
};

std::string Between(const std::string& text, const std::string& before, const std::string& after) {
  const size_t from = text.find(before);
  if (from == std::string::npos) return "";
  return text.substr(from + before.size(), text.find(after, from + before.size()) - from - before.size());
}

// Reads plain numbers and plain names.
Graph Read(const std::string& dot) {
  Graph graph;
  std::map<std::string, std::string> names;
  std::istringstream lines(dot);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("N")) continue;
    const std::string id = line.substr(0, line.find(' '));
    if (line.find("->") == std::string::npos) {
      const std::string name = names[id] = Between(line, "label=\"", "\\n");
      const std::string self = Between(line, "\\n", " ");
      const std::string total = Between(line, "of ", " ");
      const std::string plain = self.substr(0, self.find('"'));
      graph.nodes[name] = plain + "/" + (total.empty() ? plain : total);
    } else {
      const std::string to = Between(line, "-> ", " ");
      EXPECT_TRUE(names.contains(id) && names.contains(to)) << line;
      graph.edges[names[id] + ">" + names[to]] =
          Between(line, "label=\" ", "\"") + (line.find("style=dashed") == std::string::npos ? "" : " dashed");
    }
  }
  return graph;
}

using Map = std::map<std::string, std::string>;

TEST(EncodeDot, Golden) {
  const FlameTree tree = TreeOf({{"main;foo", 260'000'000}, {"main;foo;bar", 950'000'000}, {"main;baz", 130'000'000}, {"main;tiny", 900'000}});
  EXPECT_EQ(EncodeDot(tree, Cpu()),
            R"dot(digraph "cpu" {
node [shape=box style=filled fillcolor="#f8f8f8"]
legend [shape=note fontsize=16 label="Type: cpu\lUnit: nanoseconds\lTotal: 1.34s\lShowing 4 of 5 functions, 3 of 3 edges between them\lDropped functions below 6.7ms: 1\l"]
N1 [label="main\n0 of 1.34s (100%)" fontsize=8]
N2 [label="foo\n260ms (19.39%)\nof 1.21s (90.24%)" fontsize=17]
N3 [label="bar\n950ms (70.85%)" fontsize=24]
N4 [label="baz\n130ms (9.69%)" fontsize=14]
N1 -> N2 [label=" 1.21s" weight=91 penwidth=5]
N2 -> N3 [label=" 950ms" weight=71 penwidth=4]
N1 -> N4 [label=" 130ms" weight=10 penwidth=1]
}
)dot");
}

TEST(EncodeDot, WithoutValueThereIsNothing) {
  EXPECT_EQ(EncodeDot(FlameTree(), Cpu()), "digraph \"cpu\" {\n}\n");
  EXPECT_EQ(EncodeDot(TreeOf({{"a;b", 0}}), Cpu()), "digraph \"cpu\" {\n}\n");
  EXPECT_EQ(EncodeDot(FlameTree(), DotOptions()), "digraph \"\" {\n}\n");
  // Empty stacks have a value and no function.
  const std::string dot = EncodeDot(TreeOf({{"", 5}}), All());
  EXPECT_NE(dot.find("Total: 5\\l"), std::string::npos) << dot;
  EXPECT_TRUE(Read(dot).nodes.empty());
  // A function without value is none, wherever the cutoffs are.
  EXPECT_EQ(Read(EncodeDot(TreeOf({{"a", 1}, {"a;b", 0}}), All())).nodes, (Map{{"a", "1/1"}}));
}

TEST(EncodeDot, RecursionCountsAStackOnce) {
  const Graph graph = Read(EncodeDot(TreeOf({{"main;f;f;f", 4}, {"main;f", 2}, {"main;f;f;g", 1}}), All()));
  EXPECT_EQ(graph.nodes, (Map{{"main", "0/7"}, {"f", "6/7"}, {"g", "1/1"}}));
  EXPECT_EQ(graph.edges, (Map{{"main>f", "7"}, {"f>f", "5"}, {"f>g", "1"}}));
}

TEST(EncodeDot, MutualRecursionCountsAStackOnce) {
  const Graph graph = Read(EncodeDot(TreeOf({{"m;a;b;a;b", 10}, {"m;b;a", 5}, {"m;a;c;a;b", 1}}), All()));
  EXPECT_EQ(graph.nodes, (Map{{"m", "0/16"}, {"a", "5/16"}, {"b", "11/16"}, {"c", "0/1"}}));
  EXPECT_EQ(graph.edges, (Map{{"m>a", "11"}, {"m>b", "5"}, {"a>b", "11"}, {"b>a", "15"}, {"a>c", "1"}, {"c>a", "1"}}));
}

TEST(EncodeDot, PartialTreesAreAddedUp) {
  FlameTree whole;
  AppendTree(TreeOf({{"main;f;g", 1}, {"main;h", 2}}), &whole);
  AppendTree(TreeOf({{"main;f;g", 10}, {"other;f", 20}}), &whole);
  AppendTree(TreeOf({{"main;f;f;g", 100}}), &whole);
  // A child that is there twice with the same name id.
  whole.nodes.push_back({1, whole.nodes[1].name, 1000});
  ASSERT_TRUE(whole.Validate().ok());
  FlameTreeBuilder joined;
  joined.Add(whole);
  EXPECT_EQ(EncodeDot(whole, All()), EncodeDot(joined.Finish(), All()));
  const Graph graph = Read(EncodeDot(whole, All()));
  EXPECT_EQ(graph.nodes, (Map{{"main", "1000/1113"}, {"f", "20/131"}, {"g", "111/111"}, {"h", "2/2"}, {"other", "0/20"}}));
  EXPECT_EQ(graph.edges, (Map{{"main>f", "111"}, {"f>f", "100"}, {"f>g", "111"}, {"main>h", "2"}, {"other>f", "20"}, {"main>main", "1000"}}));
}

TEST(EncodeDot, EdgesThroughDroppedFunctionsAreDashed) {
  const FlameTree tree = TreeOf({{"a;x;b", 5}, {"a;y;z;b", 7}, {"a;b;c", 30}, {"a;w;c", 20}, {"x;c", 1}});
  const std::string dot = EncodeDot(tree, All(3));
  const Graph graph = Read(dot);
  EXPECT_EQ(graph.nodes, (Map{{"a", "0/62"}, {"c", "51/51"}, {"b", "12/42"}}));
  EXPECT_EQ(graph.edges, (Map{{"a>b", "42 dashed"}, {"b>c", "30"}, {"a>c", "20 dashed"}}));
  EXPECT_NE(dot.find("Showing 3 of 7 functions, 3 of 3 edges between them\\lDropped functions beyond the largest 3: 4\\l"), std::string::npos)
      << dot;
  // No edge from or to what is dropped, and none from the root.
  EXPECT_EQ(Read(EncodeDot(tree, All(1))).edges, Map());
  // What is drawn is not dashed when only its inner calls lead through dropped functions.
  const Graph inner = Read(EncodeDot(TreeOf({{"a;b;a;x;b", 9}}), All(2)));
  EXPECT_EQ(inner.edges, (Map{{"a>b", "9"}, {"b>a", "9"}}));
}

TEST(EncodeDot, EqualTotalsAreKeptByName) {
  const Graph graph = Read(EncodeDot(TreeOf({{"d", 1}, {"b", 1}, {"a", 1}, {"c", 1}}), All(2)));
  EXPECT_EQ(graph.nodes, (Map{{"a", "1/1"}, {"b", "1/1"}}));
}

TEST(EncodeDot, FractionsOfTheTotal) {
  DotOptions options = All();
  options.node_fraction = 0.1;
  options.edge_fraction = 0.2;
  const std::string dot = EncodeDot(TreeOf({{"a", 71}, {"a;b", 20}, {"a;c", 9}, {"b;a", 19}, {"b;d;e", 81}}), options);
  const Graph graph = Read(dot);
  EXPECT_EQ(graph.nodes, (Map{{"a", "90/119"}, {"b", "20/120"}, {"d", "0/81"}, {"e", "81/81"}}));
  EXPECT_EQ(graph.edges, (Map{{"b>d", "81"}, {"d>e", "81"}}));
  EXPECT_NE(dot.find("Showing 4 of 5 functions, 2 of 4 edges between them\\lDropped functions below 20: 1\\lDropped edges below 40: 2\\l"),
            std::string::npos)
      << dot;
  options.node_fraction = options.edge_fraction = 1e300;
  EXPECT_TRUE(Read(EncodeDot(TreeOf({{"a", INT64_MAX}, {"b", 1}}), options)).edges.empty());
}

TEST(EncodeDot, NamesAreEscaped) {
  const auto label = [](std::string_view name) {
    FlameTreeBuilder builder;
    builder.AddSelf(builder.Child(0, builder.NameId(name)), 1);
    return Between(EncodeDot(builder.Finish(), All()), "N1 [label=\"", "\\n1 (100%)\" ");
  };
  EXPECT_EQ(label("operator\"\"_s"), R"(operator\"\"_s)");
  EXPECT_EQ(label(R"(C:\new\lib\)"), R"(C:\\new\\lib\\)");
  EXPECT_EQ(label("two\nlines"), R"(two\nlines)");
  EXPECT_EQ(label("a\xFF\xC3z\xC3\xA4"), "a\xEF\xBF\xBD\xEF\xBF\xBDz\xC3\xA4");
  EXPECT_EQ(label(std::string_view("nul\0\r\x7F\t", 7)), "nul\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\t");
  EXPECT_EQ(label("f(A&, B&&)"), "f(A&, B&&)");
  EXPECT_EQ(label("&lt;&#60;&"), "&amp;lt;&amp;#60;&");
  EXPECT_EQ(label("<init>{a|b}"), "<init>{a|b}");
  EXPECT_EQ(label(""), "");
}

TEST(EncodeDot, ValuesHaveUnits) {
  const auto total = [](int64_t value, const char* unit) {
    DotOptions options = All();
    options.unit = unit;
    return Between(EncodeDot(TreeOf({{"f", value}}), options), "Total: ", "\\l");
  };
  EXPECT_EQ(total(999, "nanoseconds"), "999ns");
  EXPECT_EQ(total(1'500, "nanoseconds"), "1.5us");
  EXPECT_EQ(total(1'234'000'000, "nanoseconds"), "1.23s");
  EXPECT_EQ(total(90'000'000'000, "nanoseconds"), "1.5mins");
  EXPECT_EQ(total(7'200'000'000'000, "nanoseconds"), "2hrs");
  EXPECT_EQ(total(INT64_MAX, "nanoseconds"), "106751.99days");
  EXPECT_EQ(total(1'000, "bytes"), "1000B");
  EXPECT_EQ(total(13'107'200, "bytes"), "12.5MB");
  EXPECT_EQ(total(INT64_MAX, "bytes"), "8192PB");
  EXPECT_EQ(total(1'234'567, "count"), "1234567");
}

TEST(EncodeDot, ValuesSaturate) {
  const Graph graph = Read(EncodeDot(TreeOf({{"a;b", INT64_MAX}, {"a;c", INT64_MAX}, {"d;b", INT64_MAX}}), All()));
  const std::string most = std::to_string(INT64_MAX);
  EXPECT_EQ(graph.nodes.at("a"), "0/" + most);
  EXPECT_EQ(graph.nodes.at("b"), most + "/" + most);
  EXPECT_EQ(graph.edges, (Map{{"a>b", most}, {"a>c", most}, {"d>b", most}}));
}

// Looking up the ancestors of every node would be two thousand million steps per stack.
TEST(EncodeDot, DeepStacksAreQuick) {
  constexpr uint32_t kDepth = 65'000;
  FlameTreeBuilder builder;
  for (const char* const kind : {"f", "g"}) {
    uint32_t node = FlameTreeBuilder::kRoot;
    for (uint32_t i = 0; i < kDepth; ++i) {
      node = builder.Child(node, builder.NameId(kind + std::to_string(i % 1000)));
      builder.AddSelf(node, 1);
    }
  }
  const Graph graph = Read(EncodeDot(builder.Finish(), All()));
  EXPECT_EQ(graph.nodes.size(), 1000u + 1000);
  EXPECT_EQ(graph.nodes.at("f0"), "65/65000");
  EXPECT_EQ(graph.nodes.at("f7"), "65/64993");
  EXPECT_EQ(graph.edges.size(), 1000u + 1000);
  EXPECT_EQ(graph.edges.at("f999>f0"), "64000");
  // All different.
  uint32_t node = FlameTreeBuilder::kRoot;
  for (uint32_t i = 0; i < kDepth; ++i) node = builder.Child(node, builder.NameId("h" + std::to_string(i)));
  builder.AddSelf(node, 1);
  const FlameTree chain = builder.Finish();
  EXPECT_NE(EncodeDot(chain, All()).find("Showing 65000 of 65000 functions, 64999 of 64999 edges between them"), std::string::npos);
  EXPECT_EQ(Read(EncodeDot(chain, Cpu())).nodes.size(), 100u);
}

// Against the definition, stack by stack.
TEST(EncodeDot, RandomTreesAgainstTheDefinition) {
  std::mt19937_64 engine(31);
  for (int round = 0; round < 300; ++round) {
    const auto below = [&](uint64_t n) { return engine() % n; };
    std::map<std::vector<std::string>, int64_t> stacks;
    FlameTree tree;
    for (uint64_t part = 0, parts = 1 + below(3); part < parts; ++part) {
      FlameTreeBuilder builder;
      for (uint64_t i = 0, count = below(12); i < count; ++i) {
        std::vector<std::string> frames(below(9));
        uint32_t node = FlameTreeBuilder::kRoot;
        for (std::string& frame : frames) {
          frame = std::string(1, static_cast<char>('a' + below(6)));
          node = builder.Child(node, builder.NameId(frame));
        }
        const auto value = static_cast<int64_t>(1 + below(100));
        builder.AddSelf(node, value);
        stacks[frames] += value;
      }
      AppendTree(builder.Finish(), &tree);
    }
    const int64_t nodes_max = static_cast<int64_t>(below(7));
    std::map<std::string, int64_t> selfs, totals, edges;
    for (const auto& [frames, value] : stacks) {
      if (!frames.empty()) selfs[frames.back()] += value;
      for (const std::string& name : std::set(frames.begin(), frames.end())) totals[name] += value;
    }
    std::vector<std::pair<int64_t, std::string>> order;
    for (const auto& [name, total] : totals) order.emplace_back(-total, name);
    std::sort(order.begin(), order.end());
    if (nodes_max > 0 && order.size() > static_cast<size_t>(nodes_max)) order.resize(static_cast<size_t>(nodes_max));
    Graph expected;
    for (const auto& [total, name] : order) expected.nodes[name] = std::to_string(selfs[name]) + "/" + std::to_string(-total);
    std::set<std::string> dashed;
    for (const auto& [frames, value] : stacks) {
      std::set<std::string> seen;
      std::string caller;
      bool residual = false;
      for (const std::string& name : frames) {
        if (!expected.nodes.contains(name)) {
          residual = true;
          continue;
        }
        const std::string edge = caller + ">" + name;
        if (!caller.empty() && seen.insert(edge).second) {
          edges[edge] += value;
          if (residual) dashed.insert(edge);
        }
        caller = name;
        residual = false;
      }
    }
    for (const auto& [edge, weight] : edges) expected.edges[edge] = std::to_string(weight) + (dashed.contains(edge) ? " dashed" : "");
    const Graph graph = Read(EncodeDot(tree, All(nodes_max)));
    ASSERT_EQ(graph.nodes, expected.nodes) << "seed 31, round " << round;
    ASSERT_EQ(graph.edges, expected.edges) << "seed 31, round " << round;
  }
}

}  // namespace
}  // namespace brazier::codec
