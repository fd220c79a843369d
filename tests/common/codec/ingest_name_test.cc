#include "common/codec/ingest_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace brazier::codec {
namespace {

TEST(IngestName, Parses) {
  struct Case {
    std::string text;
    std::string app;
    std::vector<Label> tags;
  };
  const Case kCases[] = {
      {"app", "app", {}},
      {"my-app.cpu", "my-app.cpu", {}},
      {"team/app_1.cpu", "team/app_1.cpu", {}},
      {"app{}", "app", {}},
      {"app{k=v}", "app", {{"k", "v"}}},
      {"app{k=v,k2=v2}", "app", {{"k", "v"}, {"k2", "v2"}}},
      {" app { k = v , k2 = v 2 } ", "app", {{"k", "v"}, {"k2", "v 2"}}},
      {"app{k=v", "app", {{"k", "v"}}},  // a missing brace is tolerated
      {"app{", "app", {}},
      {"app{,k=v,,}", "app", {{"k", "v"}}},
      {"app{k=}", "app", {{"k", ""}}},
      {"app{k=a=b}", "app", {{"k", "a=b"}}},
      {"app{k=\"v\"}", "app", {{"k", "\"v\""}}},  // quotes are part of the value
      {"app{k=1,k=2}", "app", {{"k", "2"}}},
      {"app{a.b=\xC3\xA4}", "app", {{"a.b", "\xC3\xA4"}}},
      {"app{__session_id__=7}", "app", {{"__session_id__", "7"}}},
  };
  for (const Case& c : kCases) {
    const auto name = ParseIngestName(c.text);
    ASSERT_TRUE(name.ok()) << c.text << ": " << name.status().ToString();
    EXPECT_EQ(name->app, c.app) << c.text;
    EXPECT_EQ(name->tags.items(), c.tags) << c.text;
  }
}

TEST(IngestName, ErrorsAreTheTextsThatClientsKnow) {
  const std::pair<std::string, std::string> kCases[] = {
      {"", "name: service name is required"},
      {"  ", "name: service name is required"},
      {"{k=v}", "name: service name is required"},
      {"a b", "name: invalid service name: a b: character is not allowed: ' '"},
      {"a:b", "name: invalid service name: a:b: character is not allowed: ':'"},
      {"app{bad-label=x}", "name: invalid label name: bad-label: character is not allowed: '-'"},
      {"app{a/b=x}", "name: invalid label name: a/b: character is not allowed: '/'"},
      {"app{__name__=x}", "name: label name __name__ is reserved"},
      {"app{=x}", "name: label name is required"},
      {"app{novalue}", "name: invalid label \"novalue\": expected key=value"},
      // A character of several bytes is shown whole: messages are UTF-8.
      {"caf\xC3\xA9", "name: invalid service name: caf\xC3\xA9: character is not allowed: '\xC3\xA9'"},
  };
  for (const auto& [text, error] : kCases) {
    const auto name = ParseIngestName(text);
    ASSERT_FALSE(name.ok()) << text;
    EXPECT_EQ(name.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(name.status().reason(), "invalid_name");
    EXPECT_EQ(name.status().message(), error);
  }
  EXPECT_LT(ParseIngestName(std::string(1 << 20, 'a')).status().message().size(), 200u);
  EXPECT_LT(ParseIngestName(std::string(100'000, 'a') + " b").status().message().size(), 500u);
}

struct TypeCase {
  std::string app, service, metric, type, unit, period_type;
  int64_t scale = 1;
};

TEST(TextProfileType, FollowsTheLastDotSegment) {
  constexpr int64_t kTenMs = 10'000'000;
  const TypeCase kCases[] = {
      {"app", "app", "process_cpu", "cpu", "nanoseconds", "cpu", kTenMs},
      {"app.cpu", "app", "process_cpu", "cpu", "nanoseconds", "cpu", kTenMs},
      {"a.b.itimer", "a.b", "process_cpu", "cpu", "nanoseconds", "cpu", kTenMs},
      {"ing.groups.wall", "ing.groups", "wall", "wall", "nanoseconds", "cpu", kTenMs},
      {"a.inuse_objects", "a", "memory", "inuse_objects", "count", "", 1},
      {"a.alloc_objects", "a", "memory", "alloc_objects", "count", "", 1},
      {"a.inuse_space", "a", "memory", "inuse_space", "bytes", "", 1},
      {"a.alloc_space", "a", "memory", "alloc_space", "bytes", "", 1},
      {"a.goroutines", "a", "goroutine", "goroutines", "count", "", 1},
      {"a.mutex_count", "a", "mutex", "contentions", "count", "", 1},
      {"a.mutex_duration", "a", "mutex", "delay", "nanoseconds", "", 1},
      {"a.block_count", "a", "block", "contentions", "count", "", 1},
      {"a.lock_count", "a", "block", "contentions", "count", "", 1},
      {"a.block_duration", "a", "block", "delay", "nanoseconds", "", 1},
      {"a.lock_duration", "a", "block", "delay", "nanoseconds", "", 1},
      {"a.alloc_in_new_tlab_objects", "a", "memory", "alloc_in_new_tlab_objects", "count", "", 1},
      {"a.alloc_in_new_tlab_bytes", "a", "memory", "alloc_in_new_tlab_bytes", "bytes", "", 1},
      {"a.alloc_outside_tlab_objects", "a", "memory", "alloc_outside_tlab_objects", "count", "", 1},
      {"a.alloc_outside_tlab_bytes", "a", "memory", "alloc_outside_tlab_bytes", "bytes", "", 1},
      {"a.live", "a", "memory", "live", "count", "", 1},
      {"a.exceptions", "a", "exceptions", "samples", "count", "", 1},
  };
  for (const TypeCase& c : kCases) {
    const auto type = TextProfileTypeOf(c.app, 100);
    ASSERT_TRUE(type.ok()) << c.app;
    EXPECT_EQ(type->service, c.service);
    EXPECT_EQ(type->metric, c.metric) << c.app;
    EXPECT_EQ(type->sample_type, (ValueType{c.type, c.unit})) << c.app;
    EXPECT_EQ(type->period_type.type, c.period_type) << c.app;
    EXPECT_EQ(type->value_scale, c.scale) << c.app;
    EXPECT_EQ(type->period, c.scale == 1 ? 0 : c.scale) << c.app;
  }
}

TEST(TextProfileType, TheRateScales) {
  EXPECT_EQ(TextProfileTypeOf("a.cpu", 1000)->value_scale, 1'000'000);
  EXPECT_EQ(TextProfileTypeOf("a.cpu", 1)->period, 1'000'000'000);
  const auto no_rate = TextProfileTypeOf("a.cpu", 0);
  EXPECT_EQ(no_rate->sample_type, (ValueType{"samples", "count"}));
  EXPECT_EQ(no_rate->value_scale, 1);
  EXPECT_EQ(no_rate->period_type, ValueType{});
}

TEST(TextProfileType, UnknownTypesAreRefused) {
  for (const std::string app : {"ing.lines", "a.", "a.CPU", "my.app"}) {
    const auto type = TextProfileTypeOf(app, 100);
    ASSERT_FALSE(type.ok()) << app;
    EXPECT_EQ(type.status().reason(), "invalid_name");
    EXPECT_EQ(type.status().message(), "pyroscopeIngesterAdapter failed to convert metadata: unknown profile type: " +
                                           app.substr(app.rfind('.') + 1));
  }
  EXPECT_EQ(TextProfileTypeOf(".cpu", 100).status().message(), "name: service name is required");
}

TEST(PprofMetricName, FirstRuleThatFires) {
  const auto name_of = [](const std::vector<std::string>& types, const std::string& config = "") {
    std::vector<ValueType> values;
    for (const std::string& type : types) values.push_back({type, "u"});
    const auto name = PprofMetricName(values, config);
    return name.ok() ? *name : name.status().ToString();
  };
  EXPECT_EQ(name_of({"samples", "cpu"}), "process_cpu");
  EXPECT_EQ(name_of({"samples"}), "process_cpu");
  EXPECT_EQ(name_of({"samples", "wall"}), "wall") << "wall wins from any position";
  EXPECT_EQ(name_of({"alloc_objects", "alloc_space", "inuse_objects", "inuse_space"}), "memory");
  EXPECT_EQ(name_of({"objects", "space"}), "memory");
  EXPECT_EQ(name_of({"contentions", "delay"}), "mutex");
  EXPECT_EQ(name_of({"goroutine"}), "goroutines") << "plural, as the reference has it";
  EXPECT_EQ(name_of({"first", "custom"}), "custom") << "else the last type";
  EXPECT_EQ(name_of({"contentions", "delay"}, R"({"contentions":{"display-name":"block_count"},"delay":{"display-name":"block_duration"}})"), "block");
  EXPECT_EQ(name_of({"x"}, R"({"x":{"units":"samples","display-name":"my_cpu","cumulative":true}})"), "process_cpu");
  EXPECT_EQ(name_of({"samples"}, R"({"samples":{"units":"u"}})"), "samples") << "an entry without a name replaces the default";
  EXPECT_EQ(name_of({"x"}, R"({"x":{"display-name":7}})"), "x");
  EXPECT_EQ(name_of({"x"}, R"({"x":5,"y":{}})"), "x");
  for (const std::string bad : {"{", "[]", "7", "\"text\"", "nonsense", "{\"a\":\"\xFF\"}"}) {
    const auto name = PprofMetricName({{"x", "u"}}, bad);
    ASSERT_FALSE(name.ok()) << bad;
    EXPECT_EQ(name.status().reason(), "malformed_profile");
  }
}

}  // namespace
}  // namespace brazier::codec
