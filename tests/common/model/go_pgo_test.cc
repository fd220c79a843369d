#include "common/model/go_pgo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace brazier {
namespace {


class Builder {
 public:
  // A function per name, so that equal names are equal functions.
  uint32_t AddLocation(std::vector<std::pair<std::string, int64_t>> lines, uint64_t address, uint32_t mapping = 0) {
    SymbolTable& symbols = profile_.symbols;
    Location location;
    location.address = address;
    location.mapping = mapping;
    location.line_begin = static_cast<uint32_t>(symbols.lines.size());
    location.line_count = static_cast<uint32_t>(lines.size());
    for (const auto& [name, line] : lines) {
      const auto [at, is_new] = functions_.try_emplace(name, static_cast<uint32_t>(symbols.functions.size()));
      if (is_new) {
        Function function;
        function.name = symbols.strings.Add(name);
        symbols.functions.push_back(function);
      }
      symbols.lines.push_back({at->second, line});
    }
    symbols.locations.push_back(location);
    return static_cast<uint32_t>(symbols.locations.size() - 1);
  }
  uint32_t AddMapping() {
    profile_.symbols.mappings.emplace_back();
    return static_cast<uint32_t>(profile_.symbols.mappings.size() - 1);
  }
  uint32_t Node(uint32_t parent, uint32_t location) {
    profile_.symbols.stacks.push_back({parent, location});
    return static_cast<uint32_t>(profile_.symbols.stacks.size() - 1);
  }
  void Sample(uint32_t node, int64_t value) {
    profile_.stacks.push_back(node);
    profile_.values.push_back(value);
  }
  StackProfile Finish() {
    EXPECT_TRUE(profile_.symbols.Validate().ok());
    return profile_;
  }

 private:
  StackProfile profile_;
  std::map<std::string, uint32_t> functions_;
};

std::string Text(const SymbolTable& symbols, const Location& location) {
  std::string text = location.address == 0 ? "" : "@" + std::to_string(location.address);
  if (location.mapping != 0) text += "m" + std::to_string(location.mapping);
  for (uint32_t k = 0; k < location.line_count; ++k) {
    const Line& line = symbols.lines[location.line_begin + k];
    text += " " + std::string(symbols.strings.Get(symbols.functions[line.function].name)) + ":" + std::to_string(line.line);
  }
  return text;
}

// Leaf first. Checks what a StackProfile must be on the way.
std::map<std::vector<std::string>, int64_t> StacksOf(const StackProfile& profile) {
  EXPECT_TRUE(profile.symbols.Validate().ok());
  EXPECT_EQ(profile.stacks.size(), profile.values.size());
  EXPECT_TRUE(std::is_sorted(profile.stacks.begin(), profile.stacks.end()));
  EXPECT_EQ(std::adjacent_find(profile.stacks.begin(), profile.stacks.end()), profile.stacks.end());
  std::map<std::vector<std::string>, int64_t> stacks;
  for (size_t i = 0; i < profile.stacks.size(); ++i) {
    std::vector<std::string> stack;
    for (uint32_t node = profile.stacks[i]; node != 0; node = profile.symbols.stacks[node].parent) {
      stack.push_back(Text(profile.symbols, profile.symbols.locations[profile.symbols.stacks[node].location]));
    }
    EXPECT_TRUE(stacks.emplace(stack, profile.values[i]).second) << "equal stacks are one";
  }
  return stacks;
}

using Stacks = std::map<std::vector<std::string>, int64_t>;

TEST(GoPgo, KeepsTheLeafmostLocations) {
  Builder builder;
  const uint32_t main = builder.AddLocation({{"main", 1}}, 10);
  const uint32_t a = builder.AddLocation({{"a", 2}}, 20);
  const uint32_t b = builder.AddLocation({{"b", 3}}, 30);
  const uint32_t leaf = builder.AddLocation({{"leaf", 4}}, 40);
  const uint32_t top = builder.Node(0, main);
  builder.Sample(top, 1);
  builder.Sample(builder.Node(builder.Node(top, a), leaf), 10);
  builder.Sample(builder.Node(builder.Node(builder.Node(top, b), a), leaf), 100);
  const StackProfile profile = builder.Finish();

  StackProfile cut = profile;
  ApplyGoPgo(&cut, 2, false);
  EXPECT_EQ(StacksOf(cut), (Stacks{{{"@10 main:1"}, 1}, {{"@40 leaf:4", "@20 a:2"}, 110}}));
  EXPECT_EQ(cut.symbols.stacks.size(), 4u) << "what no stack passes is gone";
  cut = profile;
  ApplyGoPgo(&cut, 1, true);
  EXPECT_EQ(StacksOf(cut), (Stacks{{{" main:0"}, 1}, {{" leaf:0"}, 110}}));
  for (const uint32_t all : {0u, 4u, UINT32_MAX}) {
    cut = profile;
    ApplyGoPgo(&cut, all, false);
    EXPECT_EQ(StacksOf(cut), StacksOf(profile)) << all;
  }
}

TEST(GoPgo, CalleesAreAggregated) {
  Builder builder;
  const uint32_t mapping = builder.AddMapping();
  const uint32_t caller = builder.AddLocation({{"f", 7}}, 10);
  const uint32_t f1 = builder.AddLocation({{"f", 1}}, 11);
  const uint32_t f2 = builder.AddLocation({{"f", 2}}, 12);
  const uint32_t elsewhere = builder.AddLocation({{"f", 2}}, 12, mapping);
  const uint32_t inlined = builder.AddLocation({{"g", 3}, {"f", 5}}, 13);
  const uint32_t inlined_too = builder.AddLocation({{"g", 4}, {"f", 5}}, 14);
  const uint32_t inlined_from_6 = builder.AddLocation({{"g", 4}, {"f", 6}}, 15);
  const uint32_t top = builder.Node(0, caller);
  int64_t value = 1;
  for (const uint32_t location : {f1, f2, elsewhere, inlined, inlined_too, inlined_from_6}) {
    builder.Sample(builder.Node(top, location), value);
    value *= 10;
  }
  StackProfile profile = builder.Finish();
  ApplyGoPgo(&profile, 5, true);
  EXPECT_EQ(StacksOf(profile), (Stacks{{{" f:0", "@10 f:7"}, 11},
                                       {{"m1 f:0", "@10 f:7"}, 100},
                                       {{" g:0 f:5", "@10 f:7"}, 11'000},
                                       {{" g:0 f:6", "@10 f:7"}, 100'000}}))
      << "the line from which an inlined function is called stays";
}

TEST(GoPgo, UnsymbolizedLeavesKeepTheirAddress) {
  Builder builder;
  builder.Sample(builder.Node(0, builder.AddLocation({}, 11)), 1);
  builder.Sample(builder.Node(0, builder.AddLocation({}, 12)), 2);
  StackProfile profile = builder.Finish();
  ApplyGoPgo(&profile, 1, true);
  EXPECT_EQ(StacksOf(profile), (Stacks{{{"@11"}, 1}, {{"@12"}, 2}}));
}

TEST(GoPgo, EmptyStacksAndEmptyProfiles) {
  for (const uint32_t keep : {0u, 1u}) {
    StackProfile empty;
    ApplyGoPgo(&empty, keep, true);
    EXPECT_EQ(StacksOf(empty), Stacks());
    Builder builder;
    builder.Sample(0, 5);
    builder.Sample(builder.Node(0, builder.AddLocation({{"f", 1}}, 0)), 6);
    StackProfile profile = builder.Finish();
    ApplyGoPgo(&profile, keep, true);
    EXPECT_EQ(StacksOf(profile), (Stacks{{{}, 5}, {{" f:0"}, 6}}));
  }
}

TEST(GoPgo, SumsSaturateAndTheRestIsUntouched) {
  Builder builder;
  const uint32_t leaf = builder.AddLocation({{"leaf", 1}}, 1);
  const uint32_t top = builder.Node(0, builder.AddLocation({{"top", 1}}, 2));
  builder.Sample(builder.Node(0, leaf), INT64_MAX);
  builder.Sample(builder.Node(top, leaf), 7);
  StackProfile profile = builder.Finish();
  profile.duration_ns = 3;
  profile.period = 4;
  ApplyGoPgo(&profile, 1, false);
  EXPECT_EQ(StacksOf(profile), (Stacks{{{"@1 leaf:1"}, INT64_MAX}}));
  EXPECT_EQ(profile.duration_ns, 3);
  EXPECT_EQ(profile.period, 4);
}

TEST(GoPgo, DeepStacks) {
  Builder builder;
  const uint32_t f = builder.AddLocation({{"f", 1}}, 1);
  const uint32_t g = builder.AddLocation({{"g", 1}}, 2);
  uint32_t node = 0;
  for (int i = 0; i < 65'000; ++i) builder.Sample(node = builder.Node(node, i % 2 == 0 ? f : g), 1);
  StackProfile profile = builder.Finish();
  ApplyGoPgo(&profile, 5, true);
  // Two leaves over five locations, and four stacks that are shorter.
  EXPECT_EQ(profile.stacks.size(), 6u);
  int64_t total = 0;
  for (const int64_t value : profile.values) total += value;
  EXPECT_EQ(total, 65'000);
}

// Against the definition, stack by stack.
TEST(GoPgo, RandomProfiles) {
  std::mt19937_64 engine(41);
  for (int round = 0; round < 300; ++round) {
    const auto below = [&](uint64_t n) { return static_cast<uint32_t>(engine() % n); };
    Builder builder;
    std::vector<uint32_t> locations;
    for (uint32_t i = 0; i < 8; ++i) {
      std::vector<std::pair<std::string, int64_t>> lines(below(3));
      for (auto& [name, line] : lines) {
        name = std::string(1, static_cast<char>('a' + below(3)));
        line = 1 + below(3);
      }
      locations.push_back(builder.AddLocation(lines, 100 + i));
    }
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> children;
    std::vector<uint32_t> nodes{0};
    for (uint32_t i = 0, count = below(40); i < count; ++i) {
      const std::pair key(nodes[below(nodes.size())], locations[below(locations.size())]);
      if (children.contains(key)) continue;
      nodes.push_back(children[key] = builder.Node(key.first, key.second));
    }
    for (const uint32_t node : nodes) {
      if (below(2) == 0) builder.Sample(node, 1 + below(1000));
    }
    const StackProfile before = builder.Finish();
    const uint32_t keep = below(5);
    const bool aggregate = below(2) == 0;
    Stacks expected;
    int64_t total = 0;
    for (const auto& [stack, value] : [&] {
           std::vector<std::pair<std::vector<uint32_t>, int64_t>> stacks;
           for (size_t i = 0; i < before.stacks.size(); ++i) {
             stacks.push_back({{}, before.values[i]});
             for (uint32_t node = before.stacks[i]; node != 0; node = before.symbols.stacks[node].parent) {
               stacks.back().first.push_back(before.symbols.stacks[node].location);
             }
           }
           return stacks;
         }()) {
      std::vector<std::string> text;
      for (const uint32_t index : stack) {
        if (keep > 0 && text.size() == keep) break;
        SymbolTable symbols = before.symbols;
        Location location = symbols.locations[index];
        if (aggregate && text.empty() && location.line_count > 0) {
          location.address = 0;
          symbols.lines[location.line_begin].line = 0;
        }
        text.push_back(Text(symbols, location));
      }
      expected[text] += value;
      total += value;
    }
    StackProfile after = before;
    ApplyGoPgo(&after, keep, aggregate);
    const Stacks stacks = StacksOf(after);
    ASSERT_EQ(stacks, expected) << "seed 41, round " << round;
    for (const auto& [stack, value] : stacks) {
      total -= value;
      ASSERT_LE(stack.size(), keep > 0 ? keep : stack.size()) << "seed 41, round " << round;
    }
    ASSERT_EQ(total, 0) << "seed 41, round " << round;
    StackProfile again = after;
    ApplyGoPgo(&again, keep, aggregate);
    ASSERT_EQ(StacksOf(again), stacks) << "seed 41, round " << round;
  }
}

}  // namespace
}  // namespace brazier
