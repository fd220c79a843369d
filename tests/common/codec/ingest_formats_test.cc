#include "common/codec/ingest_formats.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <algorithm>
#include <string>

#include "tests/support/pprof_builder.h"

namespace brazier::codec {
namespace {

using testing::PprofBuilder;

constexpr int64_t kFromNs = 1'700'000'000'000'000'000;

RawProfile Raw(const std::string& format, const std::string& name, const std::string& data) {
  RawProfile raw;
  raw.params.format = format;
  raw.params.name = name;
  raw.params.from_ns = kFromNs;
  raw.params.until_ns = kFromNs + 10;
  raw.data = data;
  return raw;
}

std::string Gzip(const std::string& raw) {
  libdeflate_compressor* c = libdeflate_alloc_compressor(6);
  std::string out(libdeflate_gzip_compress_bound(c, raw.size()), '\0');
  out.resize(libdeflate_gzip_compress(c, raw.data(), raw.size(), out.data(), out.size()));
  libdeflate_free_compressor(c);
  return out;
}

std::string Pprof(int64_t time_ns = kFromNs + 5) {
  PprofBuilder b;
  b.Type("samples", "count").Type("cpu", "nanoseconds").Time(time_ns, 7);
  b.Function(1, "main", "app.py").Function(2, "work", "/abs/lib.py").Location(1, {{1, 1}}).Location(2, {{2, 2}});
  b.Sample({2, 1}, {3, 30});
  return b.Build();
}

std::vector<std::string> FunctionNames(const IngestedProfile& p) {
  std::vector<std::string> names;
  for (const Function& f : p.profile.symbols.functions) names.emplace_back(p.profile.symbols.strings.Get(f.name));
  std::sort(names.begin(), names.end());
  return names;
}

TEST(IngestFormats, FoldedWithAName) {
  for (const char* format : {"folded", "groups", "collapsed", ""}) {
    const auto p = DecodeIngest(Raw(format, "ing.groups.wall{env=a}", "main;f 3\n"), {});
    ASSERT_TRUE(p.ok()) << p.status().ToString();
    EXPECT_EQ(p->labels, Labels({{"service_name", "ing.groups"}, {"env", "a"}, {"__name__", "wall"}, {"pyroscope_spy", "unknown"}}));
    EXPECT_EQ(p->profile.sample_types, (std::vector<ValueType>{{"wall", "nanoseconds"}}));
    EXPECT_EQ(p->profile.period_type, (ValueType{"cpu", "nanoseconds"}));
    EXPECT_EQ(p->profile.values, (std::vector<int64_t>{30'000'000})) << "100 Hz when no rate is given";
    EXPECT_EQ(p->profile.period, 10'000'000);
    EXPECT_EQ(p->profile.time_ns, kFromNs);
    EXPECT_EQ(p->profile.duration_ns, 10);
    EXPECT_EQ(p->bytes, 9u);
  }
}

TEST(IngestFormats, TheSampleRateScalesText) {
  RawProfile raw = Raw("lines", "app", "main;f\nmain;f\n");
  raw.params.sample_rate_hz = 1000;
  raw.params.sample_rate_given = true;
  EXPECT_EQ(DecodeIngest(raw, {})->profile.values, (std::vector<int64_t>{2'000'000}));
  raw.params.sample_rate_hz = 0;
  const auto counts = DecodeIngest(raw, {});
  EXPECT_EQ(counts->profile.values, (std::vector<int64_t>{2}));
  EXPECT_EQ(counts->profile.sample_types[0], (ValueType{"samples", "count"}));
  RawProfile large = Raw("folded", "app", "a 9223372036854775807\n");
  EXPECT_EQ(DecodeIngest(large, {})->profile.values, (std::vector<int64_t>{INT64_MAX})) << "no overflow";
}

TEST(IngestFormats, TagsBecomeLabels) {
  RawProfile raw = Raw("folded", "app.cpu{service_name=svc,__private=x,__session_id__=s,b=2}", "a 1");
  raw.params.spy_name = "gospy";
  EXPECT_EQ(DecodeIngest(raw, {})->labels,
            Labels({{"service_name", "svc"}, {"app_name", "app"}, {"__session_id__", "s"}, {"b", "2"}, {"__name__", "process_cpu"}, {"pyroscope_spy", "gospy"}}));
  RawProfile own_app = Raw("folded", "app.cpu{service_name=svc,app_name=mine}", "a 1");
  EXPECT_EQ(DecodeIngest(own_app, {})->labels.Get("app_name"), "mine");
}

TEST(IngestFormats, PprofUsesTheWholeNameAsService) {
  const auto p = DecodeIngest(Raw("pprof", "ing.pprof{env=a}", Pprof()), {});
  ASSERT_TRUE(p.ok()) << p.status().ToString();
  EXPECT_EQ(p->labels, Labels({{"service_name", "ing.pprof"}, {"env", "a"}, {"__name__", "process_cpu"}, {"pyroscope_spy", "unknown"}}));
  EXPECT_EQ(p->profile.time_ns, kFromNs + 5);
  EXPECT_EQ(p->profile.values, (std::vector<int64_t>{3, 30}));
  EXPECT_EQ(DecodeIngest(Raw("pprof", "a", Pprof(3'600'000'000'000)), {})->profile.time_ns, kFromNs) << "a profile of 1970 has no time";
  EXPECT_EQ(DecodeIngest(Raw("pprof", "a", Pprof(0)), {})->profile.time_ns, kFromNs);
}

TEST(IngestFormats, WithoutANameTheLabelsAreTaken) {
  RawProfile raw = Raw("pprof", "", Pprof());
  raw.labels = Labels({{"service_name", "api"}, {"__name__", "custom"}});
  EXPECT_EQ(DecodeIngest(raw, {})->labels, raw.labels);
  RawProfile folded = Raw("folded", "", "a 1");
  folded.labels = Labels(std::vector<Label>{{"service_name", "api"}});
  EXPECT_EQ(DecodeIngest(folded, {})->labels, Labels({{"service_name", "api"}, {"__name__", "process_cpu"}}));
}

TEST(IngestFormats, ScriptingNamesCarryTheirFiles) {
  RawProfile raw = Raw("pprof", "app", Pprof());
  EXPECT_EQ(FunctionNames(*DecodeIngest(raw, {})), (std::vector<std::string>{"main", "work"}));
  raw.params.spy_name = "pyspy";
  EXPECT_EQ(FunctionNames(*DecodeIngest(raw, {})), (std::vector<std::string>{"app.py main", "work"})) << "absolute files are left out";
  raw.params.spy_name = "rbspy";
  EXPECT_EQ(FunctionNames(*DecodeIngest(raw, {})), (std::vector<std::string>{"/abs/lib.py work", "app.py main"}));
}

TEST(IngestFormats, DotnetTypesMayHaveDashes) {
  PprofBuilder b;
  b.Type("alloc-size", "bytes");
  RawProfile raw = Raw("pprof", "app", b.Build());
  EXPECT_EQ(DecodeIngest(raw, {}).status().reason(), "malformed_profile");
  raw.params.spy_name = "dotnetspy";
  EXPECT_EQ(DecodeIngest(raw, {})->profile.sample_types[0].type, "alloc_size");
}

TEST(IngestFormats, GzipChangesNothing) {
  const auto plain = DecodeIngest(Raw("pprof", "app", Pprof()), {});
  const auto packed = DecodeIngest(Raw("pprof", "app", Gzip(Pprof())), {});
  ASSERT_TRUE(plain.ok() && packed.ok());
  EXPECT_EQ(plain->content_hash, packed->content_hash);
  EXPECT_EQ(plain->bytes, packed->bytes);
  EXPECT_EQ(plain->profile.values, packed->profile.values);
  EXPECT_NE(DecodeIngest(Raw("pprof", "app", Pprof(kFromNs)), {})->content_hash, plain->content_hash);
  EXPECT_TRUE(DecodeIngest(Raw("folded", "app", Gzip("a 1")), {}).ok());
}

TEST(IngestFormats, SizeLimitHoldsInflated) {
  IngestLimits limits;
  limits.profile_bytes_max = 1000;
  std::string text;
  while (text.size() < 1200) text += "main;function 1\n";
  for (const std::string& data : {text, Gzip(text)}) {
    const auto p = DecodeIngest(Raw("folded", "app", data), limits);
    ASSERT_FALSE(p.ok());
    EXPECT_EQ(p.status().code(), Code::kResourceExhausted);
    EXPECT_EQ(p.status().reason(), "profile_size_limit");
    EXPECT_NE(p.status().message().find("1000"), std::string::npos);
  }
  limits.profile_bytes_max = text.size();
  EXPECT_TRUE(DecodeIngest(Raw("folded", "app", text), limits).ok());
  EXPECT_TRUE(DecodeIngest(Raw("folded", "app", Gzip(text)), limits).ok());
}

TEST(IngestFormats, Refusals) {
  EXPECT_EQ(DecodeIngest(Raw("nope", "app", "a 1"), {}).status().reason(), "unknown_format");
  EXPECT_NE(DecodeIngest(Raw("nope", "app", "a 1"), {}).status().message().find("\"nope\""), std::string::npos);
  EXPECT_EQ(DecodeIngest(Raw("folded", "a b", "a 1"), {}).status().reason(), "invalid_name");
  EXPECT_EQ(DecodeIngest(Raw("folded", "a.xyz", "a 1"), {}).status().reason(), "invalid_name");
  EXPECT_EQ(DecodeIngest(Raw("pprof", "app", "no pprof"), {}).status().reason(), "malformed_profile");
  EXPECT_EQ(DecodeIngest(Raw("pprof", "app", ""), {}).status().reason(), "malformed_profile");
  EXPECT_EQ(DecodeIngest(Raw("pprof", "app", Gzip(Pprof()).substr(0, 30)), {}).status().reason(), "malformed_profile");
  RawProfile config = Raw("pprof", "app", Pprof());
  config.params.sample_type_config = "{";
  EXPECT_EQ(DecodeIngest(config, {}).status().reason(), "malformed_profile");
}

TEST(IngestFormats, EveryListedNameIsRead) {
  const auto names = IngestFormatNames();
  EXPECT_FALSE(names.empty());
  for (const std::string_view name : names) {
    const auto p = DecodeIngest(Raw(std::string(name), "app", name == "pprof" ? Pprof() : "a 1"), {});
    EXPECT_TRUE(p.ok()) << name << p.status().ToString();
  }
}

}  // namespace
}  // namespace brazier::codec
