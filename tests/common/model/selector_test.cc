#include "common/model/selector.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace brazier {
namespace {

struct Valid {
  std::string text;
  std::string normal;  // what ToString() gives
};

TEST(Selector, ParsesTheGrammar) {
  const Valid kTable[] = {
      {"{}", "{}"},
      {" { } ", "{}"},
      {"{}\n\t ", "{}"},
      {R"({a="b"})", R"({"a"="b"})"},
      {R"({a="b",})", R"({"a"="b"})"},
      {R"({ a = "b" , c != 'd' , })", R"({"a"="b","c"!="d"})"},
      {R"({a=~"x|y",b!~"z.*"})", R"({"a"=~"x|y","b"!~"z.*"})"},
      {R"({a="1",a="2"})", R"({"a"="1","a"="2"})"},
      {R"({a=""})", R"({"a"=""})"},
      {R"({_a9="x"})", R"({"_a9"="x"})"},
      // Metric names: before the braces, alone, quoted inside, a profile type id with its colons.
      {"cpu", R"({"__name__"="cpu"})"},
      {"cpu{}", R"({"__name__"="cpu"})"},
      {R"(cpu {a="b"})", R"({"a"="b","__name__"="cpu"})"},
      {R"({"cpu"})", R"({"__name__"="cpu"})"},
      {R"({"cpu",a="b"})", R"({"__name__"="cpu","a"="b"})"},
      {"memory:inuse_space:bytes::{}", R"({"__name__"="memory:inuse_space:bytes::"})"},
      {":a:b", R"({"__name__"=":a:b"})"},
      // Quoted names hold anything.
      {R"({"k8s.pod.name"="x"})", R"({"k8s.pod.name"="x"})"},
      {R"({'a b'="x"})", R"({"a b"="x"})"},
      {R"({`a"b`="x"})", R"({"a\"b"="x"})"},
      {"{\"\xC3\xA4\"=\"x\"}", "{\"\xC3\xA4\"=\"x\"}"},
      // Escapes as in Go.
      {R"({a="\a\b\f\n\r\t\v\\\""})", R"({"a"="\x07\x08\x0c\n\x0d\x09\x0b\\\""})"},
      {R"({a='\''})", R"({"a"="'"})"},
      {R"({a='"'})", R"({"a"="\""})"},
      {R"({a="'"})", R"({"a"="'"})"},
      {R"({a="\x41\101"})", R"({"a"="AA"})"},
      {R"({a="\u00e4"})", "{\"a\"=\"\xC3\xA4\"}"},
      {R"({a="\u20AC"})", "{\"a\"=\"\xE2\x82\xAC\"}"},
      {R"({a="\U0001F600"})", "{\"a\"=\"\xF0\x9F\x98\x80\"}"},
      // Backticks take everything as it is, line ends too.
      {R"({a=`\d+\`})", R"({"a"="\\d+\\"})"},
      {"{a=`x\ny`}", R"({"a"="x\ny"})"},
  };
  for (const Valid& row : kTable) {
    const auto selector = Selector::Parse(row.text);
    ASSERT_TRUE(selector.ok()) << row.text << ": " << selector.status().ToString();
    EXPECT_EQ(selector->ToString(), row.normal) << row.text;
    const auto again = Selector::Parse(selector->ToString());
    ASSERT_TRUE(again.ok()) << row.normal;
    EXPECT_EQ(again->ToString(), row.normal) << "ToString() parses to an equal selector";
  }
}

struct Invalid {
  std::string text;
  std::string position;  // "line:column"
  std::string what;      // part of the message
};

TEST(Selector, ErrorsNameThePosition) {
  const Invalid kTable[] = {
      {"{", "1:2", "unexpected end of input inside braces"},
      {"}", "1:1", "unexpected \"}\""},
      {"{a", "1:3", "unexpected end of input"},
      {"{a=", "1:4", "unexpected end of input inside braces"},
      {"{a=b}", "1:4", "unexpected \"b\""},
      {R"({a=="b"})", "1:4", "unexpected \"=\""},
      {R"({a="b")", "1:7", "unexpected end of input inside braces"},
      {R"({a="b"}x)", "1:8", "unexpected \"x\""},
      {R"({a="b"} {c="d"})", "1:9", "unexpected \"{\""},
      {R"({a="b" c="d"})", "1:8", "unexpected \"c\""},
      {R"({,})", "1:2", "unexpected \",\""},
      {R"({a="b",,})", "1:8", "unexpected \",\""},
      {R"({9a="b"})", "1:2", "unexpected \"9\""},
      {R"({a.b="c"})", "1:3", "unexpected \".\""},
      {R"({a:b="c"})", "1:3", "unexpected \":\""},
      {R"({="b"})", "1:2", "unexpected \"=\""},
      {R"({a>"b"})", "1:3", "unexpected \">\""},
      {"9cpu", "1:1", "unexpected \"9\""},
      {"cpu[5m]", "1:4", "unexpected \"[\""},
      {"cpu offset 5m", "1:5", "unexpected \"o\""},
      {R"({a="b)", "1:6", "unterminated quoted string"},
      {"{a=\"b\nc\"}", "1:6", "unterminated quoted string"},
      {"{a=`b", "1:6", "unterminated quoted string"},
      {R"({a="\q"})", "1:6", "unknown escape sequence \"\\q\""},
      {R"({a="\'"})", "1:6", "unknown escape sequence"},
      {R"({a='\"'})", "1:6", "unknown escape sequence"},
      {R"({a="\x4g"})", "1:8", "malformed escape sequence"},
      {R"({a="\18"})", "1:7", "malformed escape sequence"},
      {R"({a="\777"})", "1:9", "escape sequence is above 255"},
      {R"({a="\ud800"})", "1:11", "invalid Unicode code point"},
      {R"({a="\U00110000"})", "1:15", "invalid Unicode code point"},
      {"{a=\"1\",\n b=\"2\",\n  c}", "3:4", "unexpected \"}\""},
      {R"x({a=~"("})x", "1:8", "invalid regular expression \"(\""},
      {R"({a!~"[z-a]"})", "1:12", "invalid regular expression"},
      {R"({a=~"x**"})", "1:10", "invalid regular expression"},
  };
  for (const Invalid& row : kTable) {
    const auto selector = Selector::Parse(row.text);
    ASSERT_FALSE(selector.ok()) << row.text;
    const std::string& message = selector.status().message();
    EXPECT_EQ(selector.status().code(), Code::kInvalidArgument);
    EXPECT_NE(message.find(" " + row.position + ": parse error: "), std::string::npos)
        << row.text << " gives " << message;
    EXPECT_NE(message.find(row.what), std::string::npos) << row.text << " gives " << message;
  }
}

TEST(Selector, EmptyTextIsAnError) {
  for (const std::string text : {"", " ", "\n\t "}) {
    const auto selector = Selector::Parse(text);
    ASSERT_FALSE(selector.ok());
    EXPECT_NE(selector.status().message().find("unexpected end of input"), std::string::npos);
  }
}

// Errors travel in JSON and in logs: whatever the input, they must be valid UTF-8 there.
TEST(Selector, ErrorsShowWholeCharacters) {
  for (const std::string text : {"{a=\xC3\xA4}", "{a=\"\\\xE2\x82\xAC\"}"}) {
    const auto selector = Selector::Parse(text);
    ASSERT_FALSE(selector.ok());
    const std::string& message = selector.status().message();
    const std::string shown = text.find('\\') == std::string::npos ? "unexpected \"\xC3\xA4\""
                                                                   : "\"\\\xE2\x82\xAC\"";
    EXPECT_NE(message.find(shown), std::string::npos) << message;
  }
  // A long text is cut between characters: "{" and then two bytes each.
  std::string text = "{";
  for (int i = 0; i < 200; ++i) text += "\xC3\xA4";
  const std::string message = Selector::Parse(text).status().message();
  const size_t end = message.find("\": 1:2");
  ASSERT_NE(end, std::string::npos) << message;
  EXPECT_EQ(static_cast<unsigned char>(message[end - 1]), 0xA4u) << "cut inside a character";
}

bool Selects(const std::string& selector, const Labels& labels) {
  const auto parsed = Selector::Parse(selector);
  EXPECT_TRUE(parsed.ok()) << selector << parsed.status().ToString();
  return parsed.ok() && parsed->Matches(labels);
}

TEST(Selector, MatchesValues) {
  const Labels labels({{"service_name", "api"}, {"region", "eu-west-1"}, {"k8s.pod", "p\n1"}});
  EXPECT_TRUE(Selects("{}", labels));
  EXPECT_TRUE(Selects(R"({service_name="api"})", labels));
  EXPECT_FALSE(Selects(R"({service_name="API"})", labels)) << "case matters";
  EXPECT_FALSE(Selects(R"({service_name!="api"})", labels));
  EXPECT_TRUE(Selects(R"({region=~"eu-.*"})", labels));
  EXPECT_FALSE(Selects(R"({region=~"west"})", labels)) << "anchored on both sides";
  EXPECT_FALSE(Selects(R"({region=~"eu|us"})", labels)) << "the anchors hold for each alternative";
  EXPECT_TRUE(Selects(R"({region!~"eu"})", labels));
  EXPECT_FALSE(Selects(R"({region!~"eu.*"})", labels));
  EXPECT_TRUE(Selects(R"({region=~"(?i)EU-.+"})", labels));
  EXPECT_TRUE(Selects(R"({"k8s.pod"=~"p.1"})", labels)) << "a dot matches line ends";
  EXPECT_TRUE(Selects(R"({service_name="api",region=~"eu-.*"})", labels));
  EXPECT_FALSE(Selects(R"({service_name="api",region="us"})", labels)) << "all must match";
  EXPECT_TRUE(Selects(R"({region=~"eu.*",region!="eu-east"})", labels)) << "equal names are ANDed";
  EXPECT_FALSE(Selects(R"({region="eu-west-1",region="other"})", labels));
}

TEST(Selector, WhatTheEmptyStringSatisfiesMatchesAbsentLabels) {
  const Labels labels({{"a", "x"}, {"empty", ""}});
  for (const std::string name : {"nope", "empty"}) {
    EXPECT_TRUE(Selects("{" + name + "=\"\"}", labels));
    EXPECT_FALSE(Selects("{" + name + "!=\"\"}", labels));
    EXPECT_TRUE(Selects("{" + name + "!=\"x\"}", labels));
    EXPECT_TRUE(Selects("{" + name + "=~\".*\"}", labels));
    EXPECT_FALSE(Selects("{" + name + "=~\".+\"}", labels));
    EXPECT_TRUE(Selects("{" + name + "=~\"x|\"}", labels));
    EXPECT_FALSE(Selects("{" + name + "!~\".*\"}", labels));
    EXPECT_TRUE(Selects("{" + name + "!~\".+\"}", labels));
  }
  EXPECT_FALSE(Selects(R"({a=""})", labels));
  EXPECT_TRUE(Selects(R"({a!=""})", labels));
}

TEST(Selector, EqualValueIsThatOfAnEqualityMatcher) {
  const auto selector = Selector::Parse(R"({a=~"r",a="v",b!="w"})");
  ASSERT_TRUE(selector.ok());
  EXPECT_EQ(selector->EqualValue("a"), "v");
  EXPECT_EQ(selector->EqualValue("b"), "");
  EXPECT_EQ(selector->EqualValue("c"), "");
}

TEST(Selector, Limits) {
  std::string text = "{";
  for (size_t i = 0; i < Selector::kMatchersMax; ++i) text += "a=\"b\",";
  EXPECT_TRUE(Selector::Parse(text + "}").ok());
  const auto too_many = Selector::Parse(text + "a=\"b\"}");
  ASSERT_FALSE(too_many.ok());
  EXPECT_NE(too_many.status().message().find("more than 128 matchers"), std::string::npos);

  const auto too_long = Selector::Parse("{a=\"" + std::string(Selector::kTextBytesMax, 'x') + "\"}");
  ASSERT_FALSE(too_long.ok());
  EXPECT_NE(too_long.status().message().find("the limit is 65536"), std::string::npos);

  const auto large_regex = Selector::Parse(R"x({a=~"((((a{100}){100}){100}){100})"})x");
  ASSERT_FALSE(large_regex.ok());
  EXPECT_NE(large_regex.status().message().find("invalid regular expression"), std::string::npos);
}

// Hostile texts: whatever is accepted prints and parses to itself.
TEST(Selector, RandomTextsNeverCrash) {
  std::mt19937_64 engine(11);
  const std::string alphabet = "{}=~!,\"'`\\ \nabx19:_.*+(|)[\x80\xC3";
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = engine() % 2 ? R"({a="b",c=~"d.*",`e`!='f\n'})" : "{a=\"x\"}";
    for (uint64_t k = engine() % 4; k > 0; --k) {
      const size_t at = engine() % text.size();
      const char c = alphabet[engine() % alphabet.size()];
      if (engine() % 2) {
        text[at] = c;
      } else {
        text.insert(at, 1, c);
      }
    }
    const auto selector = Selector::Parse(text);
    if (!selector.ok()) continue;
    ++accepted;
    const std::string normal = selector->ToString();
    const auto again = Selector::Parse(normal);
    ASSERT_TRUE(again.ok()) << text << " prints as " << normal;
    ASSERT_EQ(again->ToString(), normal);
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace brazier
