#include "common/codec/folded.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace brazier::codec {
namespace {

std::map<std::string, int64_t> Stacks(const DecodedProfile& p) {
  EXPECT_TRUE(p.symbols.Validate().ok());
  EXPECT_EQ(p.values.size(), p.stacks.size());
  std::map<std::string, int64_t> stacks;
  for (size_t i = 0; i < p.stacks.size(); ++i) {
    std::string text;
    for (uint32_t node = p.stacks[i]; node != 0; node = p.symbols.stacks[node].parent) {
      const Location& l = p.symbols.locations[p.symbols.stacks[node].location];
      const std::string name(p.symbols.strings.Get(p.symbols.functions[p.symbols.lines[l.line_begin].function].name));
      text = text.empty() ? name : name + ";" + text;
    }
    EXPECT_TRUE(stacks.emplace(text, p.values[i]).second) << "the stack " << text << " is two samples";
  }
  return stacks;
}
using Map = std::map<std::string, int64_t>;

Map Folded(const std::string& text, const PprofLimits& limits = {}) {
  const auto p = DecodeFolded(text, limits);
  EXPECT_TRUE(p.ok()) << p.status().ToString();
  return p.ok() ? Stacks(*p) : Map{};
}
std::string FoldedError(const std::string& text, const PprofLimits& limits = {}) {
  const auto p = DecodeFolded(text, limits);
  EXPECT_FALSE(p.ok()) << text;
  return p.ok() ? "" : p.status().reason() + ": " + p.status().message();
}

TEST(Folded, StacksAndValues) {
  EXPECT_EQ(Folded("main;work 5\nmain 7\nmain;work;deep 1\n"), (Map{{"main;work", 5}, {"main", 7}, {"main;work;deep", 1}}));
  EXPECT_EQ(Folded(""), Map{});
  EXPECT_EQ(Folded("\n\n  \n"), Map{});
  EXPECT_EQ(Folded("no newline at the end 3"), (Map{{"no newline at the end", 3}})) << "frames may hold blanks";
  EXPECT_EQ(Folded("a;b 1\r\nc\t2\r\n"), (Map{{"a;b", 1}, {"c", 2}}));
  EXPECT_EQ(Folded("a;b 1  \n"), (Map{{"a;b", 1}}));
  EXPECT_EQ(Folded("a;;b; 1\n;a;b 2\n"), (Map{{"a;b", 3}})) << "empty frames are none";
  EXPECT_EQ(Folded("a 1\na 2\nb 1\na 4\n"), (Map{{"a", 7}, {"b", 1}})) << "equal lines are one sample";
  EXPECT_EQ(Folded("a 0\nb -3\n"), (Map{{"a", 0}, {"b", -3}}));
  EXPECT_EQ(Folded("\xE4\xB8\xAD;\xC3\xA9 2"), (Map{{"\xE4\xB8\xAD;\xC3\xA9", 2}}));
  EXPECT_EQ(Folded("a;a;a 1"), (Map{{"a;a;a", 1}})) << "recursion";
}

TEST(Folded, HasOneNamelessTypeAndNothingElse) {
  const auto p = DecodeFolded("a 1", {});
  ASSERT_TRUE(p.ok());
  EXPECT_EQ(p->sample_types, std::vector<ValueType>(1));
  EXPECT_TRUE(p->label_set.empty() && p->span_ids.empty() && p->trace_ids.empty());
  EXPECT_EQ(p->time_ns, 0);
}

TEST(Folded, SumsStopAtTheEndOfTheRange) {
  EXPECT_EQ(Folded("a 9223372036854775807\na 1\n"), (Map{{"a", INT64_MAX}}));
}

TEST(Folded, ErrorsNameTheLine) {
  const std::string prefix = "malformed_profile: malformed folded stacks: ";
  EXPECT_EQ(FoldedError("a 1\n\nb x\n"), prefix + "line 3: count \"x\" is not a number");
  EXPECT_EQ(FoldedError("# a comment\n"), prefix + "line 1: count \"comment\" is not a number");
  EXPECT_EQ(FoldedError("a 1\nb\n"), prefix + "line 2: expected \"stack count\"");
  EXPECT_EQ(FoldedError("a 1.5"), prefix + "line 1: count \"1.5\" is not a number");
  EXPECT_EQ(FoldedError("a 1x"), prefix + "line 1: count \"1x\" is not a number");
  EXPECT_EQ(FoldedError("a +1"), prefix + "line 1: count \"+1\" is not a number");
  EXPECT_EQ(FoldedError("a 0x10"), prefix + "line 1: count \"0x10\" is not a number");
  EXPECT_EQ(FoldedError("a 9223372036854775808"), prefix + "line 1: count \"9223372036854775808\" is not a number");
  EXPECT_EQ(FoldedError(" 5"), prefix + "line 1: the stack is empty");
  EXPECT_EQ(FoldedError("a 1\n\xFF 1\n"), prefix + "the text is not valid UTF-8");
  EXPECT_LT(FoldedError("a " + std::string(100'000, 'x')).size(), 200u);
}

TEST(Folded, DeepStacksKeepTheirLeafFrames) {
  PprofLimits limits;
  limits.stack_depth_max = 3;
  EXPECT_EQ(Folded("a;b;c;d;e 1\nx;b;c;d;e 2\na;b;c 3\n", limits), (Map{{"c;d;e", 3}, {"a;b;c", 3}}));
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += "f;";
  const auto p = DecodeFolded(deep + "leaf 1", {});
  ASSERT_TRUE(p.ok());
  EXPECT_EQ(p->symbols.stacks.size(), 1u + 1000);
}

TEST(Folded, Limits) {
  PprofLimits limits;
  limits.samples_max = 2;
  EXPECT_EQ(Folded("a 1\nb 1\na 1\n", limits).size(), 2u) << "distinct stacks count";
  EXPECT_EQ(FoldedError("a 1\nb 1\nc 1\n", limits), "samples_limit: profile has more than 2 distinct stacks, which is the limit");
  limits.samples_max = 0;
  EXPECT_EQ(Folded("a 1\nb 1\nc 1\n", limits).size(), 3u);
  limits.symbol_value_bytes_max = 3;
  EXPECT_EQ(Folded("abcdef 1", limits), (Map{{"def", 1}}));
}

TEST(Lines, EachLineCountsOne) {
  const auto p = DecodeLines("a;b\na;b\n\nmain 7\na;b\r\n", {});
  ASSERT_TRUE(p.ok());
  EXPECT_EQ(Stacks(*p), (Map{{"a;b", 3}, {"main 7", 1}})) << "nothing is a count here";
  EXPECT_EQ(DecodeLines("\xC0\x80", {}).status().reason(), "malformed_profile");
}

// Against the obvious map; then with damage, which must not break what comes out.
TEST(Folded, RandomTexts) {
  std::mt19937_64 engine(51);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    Map expected;
    for (uint64_t lines = engine() % 40; lines > 0; --lines) {
      std::string stack;
      for (uint64_t depth = 1 + engine() % 6; depth > 0; --depth) {
        stack += (stack.empty() ? "" : ";") + std::string("fn ") + std::to_string(engine() % 5);
      }
      const int64_t value = static_cast<int64_t>(engine() % 100);
      expected[stack] += value;
      text += stack + " " + std::to_string(value) + (engine() % 3 ? "\n" : "\r\n");
    }
    ASSERT_EQ(Folded(text), expected);
    for (int i = 0; i < 20 && !text.empty(); ++i) {
      std::string damaged = text;
      damaged[engine() % damaged.size()] = static_cast<char>(engine());
      if (const auto p = DecodeFolded(damaged, {}); p.ok()) Stacks(*p);
    }
  }
}

}  // namespace
}  // namespace brazier::codec
