// Overrides per tenant: what a file may say, and how a changed or broken file is taken.
#include "common/config/overrides.h"

#include <gtest/gtest.h>

#include <vector>

namespace brazier::config {
namespace {

constexpr int64_t kDay = int64_t{24} * 3600 * 1'000'000'000;

TEST(Overrides, ReadsWhatTenantsHaveOfTheirOwn) {
  const auto overrides = Overrides::Parse(
      "tenants:\n"
      "  team.a: { retention.age: 7d, retention.bytes-max: 10GiB }\n"
      "  team-b:\n"
      "    retention:\n"
      "      age: 0\n"
      "  team-c:\n");
  ASSERT_TRUE(overrides.ok()) << overrides.status().ToString();
  EXPECT_EQ(overrides->size(), 3u);
  ASSERT_NE(overrides->Find("team.a"), nullptr);
  EXPECT_EQ(*overrides->Find("team.a"),
            (TenantSettings{.retention_age_ns = 7 * kDay, .retention_bytes_max = int64_t{10} << 30}));
  EXPECT_EQ(*overrides->Find("team-b"), (TenantSettings{.retention_age_ns = 0, .retention_bytes_max = std::nullopt}));
  EXPECT_EQ(*overrides->Find("team-c"), TenantSettings());
  EXPECT_EQ(overrides->Find("team"), nullptr);
  for (const char* empty : {"", "tenants:\n", "tenants: {}\n", "# nothing\n"}) {
    const auto none = Overrides::Parse(empty);
    ASSERT_TRUE(none.ok()) << empty << none.status().ToString();
    EXPECT_EQ(none->size(), 0u);
  }
}

TEST(Overrides, EveryKeyFillsItsOwnField) {
  const auto overrides = Overrides::Parse(
      "tenants:\n"
      "  a:\n"
      "    limits: { max-query-length: 1d, max-query-lookback: 2d, max-query-bytes: 3KiB }\n"
      "    limits.max-query-concurrency: 4\n"
      "    limits.query-weight: 5\n");
  ASSERT_TRUE(overrides.ok()) << overrides.status().ToString();
  EXPECT_EQ(*overrides->Find("a"), (TenantSettings{.max_query_length_ns = kDay,
                                                   .max_query_lookback_ns = 2 * kDay,
                                                   .max_query_bytes = 3 << 10,
                                                   .max_query_concurrency = 4,
                                                   .query_weight = 5}));
  for (const std::string_view key : OverridableKeys()) {
    const auto one = Overrides::Parse("tenants: { a: { " + std::string(key) + ": " +
                                      (key == "limits.query-weight" ? "1" : "0") + " } }");
    ASSERT_TRUE(one.ok()) << one.status().ToString();
    EXPECT_NE(*one->Find("a"), TenantSettings()) << key << " fills nothing";
  }
}

TEST(Overrides, RefusesWhatItDoesNotKnow) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"tenants: { a: { retention.agee: 7d } }", "retention.agee"},
      {"tenants: { a: { http.listen: \":1\" } }", "http.listen"},
      {"tenants: { a: { retention.age: 7 } }", "retention.age"},
      {"tenants: { a: { retention.age: -7d } }", "retention.age"},
      {"tenants: { a: { retention.bytes-max: many } }", "retention.bytes-max"},
      {"tenants: { a: { limits.query-weight: 0 } }", "limits.query-weight"},
      {"tenants: { a: { limits.query-weight: 1001 } }", "limits.query-weight"},
      {"tenants: { a: { limits.max-samples: 7 } }", "limits.max-samples"},
      {"tenants:\n  a: { retention.age: 1d, retention: { age: 2d } }", "set already"},
      {"tenants:\n  a: {}\n  a: {}\n", "twice"},
      {"tenants: [a]", "not a map"},
      {"tenants: { a: 7d }", "not a map"},
      {"tenants: { [a]: {} }", "must be a text"},
      {"tenant: {}", "tenant:"},
      {"retention.age: 7d", "retention.age"},
      {"[]", "not a map"},
      {"tenants: {", "not YAML"},
      {"tenants: { " + std::string(151, 'x') + ": {} }", "151 bytes"},
  };
  for (const auto& [yaml, named] : cases) {
    const auto overrides = Overrides::Parse(yaml);
    ASSERT_FALSE(overrides.ok()) << yaml;
    EXPECT_EQ(overrides.status().code(), Code::kInvalidArgument) << yaml;
    EXPECT_NE(overrides.status().message().find(named), std::string::npos) << overrides.status().ToString();
  }
  EXPECT_NE(Overrides::Parse("tenants:\n  a:\n    retention.age: x\n").status().message().find("line 3: tenant \"a\""),
            std::string::npos);
}

struct OneFile {
  std::optional<std::string> text;
  FileStamp stamp;
  int reads = 0;
  std::vector<Status> heard;

  Result<std::unique_ptr<TenantOverrides>> Open() {
    return TenantOverrides::Open(
        "o.yaml", [this](const Status& status) { heard.push_back(status); },
        {.stamp = [this](const std::string&) -> Result<FileStamp> {
           if (!text.has_value()) return NotFound("no such file");
           return stamp;
         },
         .read = [this](const std::string&) -> Result<std::string> {
           ++reads;
           if (!text.has_value()) return NotFound("no such file");
           return *text;
         }});
  }
  void Write(std::string next) {
    text = std::move(next);
    ++stamp.modified_ns;
  }
};

TEST(TenantOverrides, FollowsTheFile) {
  OneFile file;
  file.Write("tenants: { a: { retention.age: 1d } }");
  const auto opened = file.Open();
  ASSERT_TRUE(opened.ok());
  TenantOverrides& overrides = **opened;
  const auto before = overrides.Get();
  overrides.Check();
  EXPECT_EQ(file.reads, 1) << "it has not changed";
  file.Write("tenants: { a: { retention.age: 2d } }");
  overrides.Check();
  EXPECT_EQ(overrides.Get()->Find("a")->retention_age_ns, 2 * kDay);
  EXPECT_EQ(before->Find("a")->retention_age_ns, 1 * kDay) << "who holds a snapshot keeps it";
  file.text = "tenants: {}";
  file.stamp.size = 11;
  overrides.Check();
  EXPECT_EQ(overrides.Get()->size(), 0u) << "another size is a change";
  ASSERT_EQ(file.heard.size(), 2u);
  EXPECT_TRUE(file.heard[0].ok() && file.heard[1].ok());
}

TEST(TenantOverrides, ABrokenFileChangesNothingAndIsToldOnce) {
  OneFile file;
  file.Write("tenants: { a: { retention.age: 1d } }");
  const auto opened = file.Open();
  ASSERT_TRUE(opened.ok());
  TenantOverrides& overrides = **opened;
  file.Write("tenants: { a: { retention.age: one day } }");
  for (int i = 0; i < 3; ++i) overrides.Check();
  ASSERT_EQ(file.heard.size(), 1u);
  EXPECT_NE(file.heard[0].message().find("overrides.path (o.yaml)"), std::string::npos) << file.heard[0].ToString();
  EXPECT_EQ(overrides.Get()->Find("a")->retention_age_ns, kDay);
  file.text.reset();
  for (int i = 0; i < 3; ++i) overrides.Check();
  ASSERT_EQ(file.heard.size(), 2u);
  EXPECT_FALSE(file.heard[1].ok());
  EXPECT_EQ(overrides.Get()->Find("a")->retention_age_ns, kDay);
  file.Write("tenants: { a: { retention.age: 3d } }");
  overrides.Check();
  ASSERT_EQ(file.heard.size(), 3u);
  EXPECT_TRUE(file.heard[2].ok());
  EXPECT_EQ(overrides.Get()->Find("a")->retention_age_ns, 3 * kDay);
}

TEST(TenantOverrides, ABrokenFileAtTheStartIsAnError) {
  OneFile file;
  EXPECT_EQ(file.Open().status().code(), Code::kNotFound);
  file.Write("tenants: { a: { b: c } }");
  EXPECT_EQ(file.Open().status().code(), Code::kInvalidArgument);
  const auto none = TenantOverrides::Open("");
  ASSERT_TRUE(none.ok());
  (*none)->Check();
  EXPECT_EQ((*none)->Get()->size(), 0u);
}

}  // namespace
}  // namespace brazier::config
