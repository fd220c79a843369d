#include "server/distributor/normalise.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/fake_random.h"
#include "tests/support/make_labels.h"

namespace brazier::distributor {
namespace {

using testing::MakeLabels;

constexpr Hash128 kIdentity{7, 9};

// A profile with stacks 1 = a, 2 = a;b, 3 = b and the given sample types.
codec::IngestedProfile MakeProfile(std::vector<ValueType> types, Labels labels) {
  codec::IngestedProfile out;
  out.labels = std::move(labels);
  DecodedProfile& p = out.profile;
  p.sample_types = std::move(types);
  p.period_type = {"cpu", "nanoseconds"};
  p.period = 10;
  p.time_ns = 1'000;
  p.duration_ns = 500;
  for (const char* name : {"a", "b"}) {
    const uint32_t s = p.symbols.strings.Add(name);
    p.symbols.functions.push_back({s, s, 0, 0});
    p.symbols.lines.push_back({static_cast<uint32_t>(p.symbols.functions.size() - 1), 1});
    p.symbols.locations.push_back({0, 0, static_cast<uint32_t>(p.symbols.lines.size() - 1), 1, false});
  }
  p.symbols.stacks = {{}, {0, 0}, {1, 1}, {0, 1}};
  return out;
}

Labels Base() {
  return MakeLabels({{"__name__", "process_cpu"}, {"service_name", "api"}, {"region", "eu"}});
}
const std::vector<ValueType> kCpu = {{"cpu", "nanoseconds"}};
const std::vector<ValueType> kCpuAndCount = {{"samples", "count"}, {"cpu", "nanoseconds"}};

void AddSample(codec::IngestedProfile& in, uint32_t stack, std::vector<int64_t> values,
               uint32_t label_set = 0) {
  in.profile.stacks.push_back(stack);
  in.profile.values.insert(in.profile.values.end(), values.begin(), values.end());
  in.profile.label_set.push_back(label_set);
}

std::vector<ProfileBatch> MustNormalise(codec::IngestedProfile in, const TenantLimits& limits = {}) {
  Result<std::vector<ProfileBatch>> out = Normalise("t", std::move(in), kIdentity, limits);
  EXPECT_TRUE(out.ok()) << out.status().ToString();
  if (!out.ok()) return {};
  for (const ProfileBatch& batch : *out) {
    EXPECT_TRUE(batch.Validate().ok()) << batch.Validate().ToString();
    for (const auto& row : batch.rows) {
      EXPECT_TRUE(std::is_sorted(batch.stacks.begin() + row.sample_begin,
                                 batch.stacks.begin() + row.sample_end));
    }
  }
  return std::move(out).value();
}

// series index -> stack -> value, of a batch with one row per series.
using Rows = std::map<uint32_t, std::map<uint32_t, int64_t>>;
Rows RowsOf(const ProfileBatch& batch) {
  Rows out;
  for (const auto& row : batch.rows) {
    int64_t total = 0;
    for (uint32_t i = row.sample_begin; i < row.sample_end; ++i) {
      out[row.series][batch.stacks[i]] += batch.values[i];
      total += batch.values[i];
    }
    EXPECT_EQ(row.total, total);
  }
  return out;
}

TEST(Normalise, DropsNegativeAndZeroSamplesAndMergesEqualStacks) {
  auto in = MakeProfile(kCpuAndCount, Base());
  AddSample(in, 2, {1, 10});
  AddSample(in, 1, {-1, 50});  // one negative value: the whole sample goes
  AddSample(in, 3, {0, 0});    // nothing in it
  AddSample(in, 2, {2, 20});
  AddSample(in, 3, {4, 0});    // a zero of one type leaves no trace in that type
  const auto batches = MustNormalise(std::move(in));
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(RowsOf(batches[0]), (Rows{{0, {{2, 3}, {3, 4}}}, {1, {{2, 30}}}}));
  EXPECT_EQ(batches[0].tenant, "t");
  EXPECT_EQ(batches[0].service, "api");
  ASSERT_EQ(batches[0].profiles.size(), 1u);
  EXPECT_EQ(batches[0].profiles[0].identity, kIdentity);
  EXPECT_EQ(batches[0].profiles[0].time_ns, 1'000);
  EXPECT_EQ(batches[0].profiles[0].duration_ns, 500);
  EXPECT_EQ(batches[0].profiles[0].period, 10);
}

TEST(Normalise, NothingLeftIsNoBatchAndNoError) {
  auto in = MakeProfile(kCpu, Base());
  AddSample(in, 1, {0});
  AddSample(in, 1, {-5});
  EXPECT_TRUE(MustNormalise(std::move(in)).empty());
}

TEST(Normalise, SumsSaturate) {
  auto in = MakeProfile(kCpu, Base());
  AddSample(in, 1, {INT64_MAX});
  AddSample(in, 1, {INT64_MAX});
  const auto batches = MustNormalise(std::move(in));
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].values, std::vector<int64_t>{INT64_MAX});
  EXPECT_EQ(batches[0].rows[0].total, INT64_MAX);
}

TEST(Normalise, SeriesCarryTheProfileTypeAndItsParts) {
  auto in = MakeProfile(kCpuAndCount, Base());
  AddSample(in, 1, {1, 2});
  const auto batches = MustNormalise(std::move(in));
  ASSERT_EQ(batches.size(), 1u);
  ASSERT_EQ(batches[0].series.size(), 2u);
  EXPECT_EQ(batches[0].series[1],
            MakeLabels({{"__name__", "process_cpu"},
                    {"__period_type__", "cpu"},
                    {"__period_unit__", "nanoseconds"},
                    {"__profile_type__", "process_cpu:cpu:nanoseconds:cpu:nanoseconds"},
                    {"__service_name__", "api"},
                    {"__type__", "cpu"},
                    {"__unit__", "nanoseconds"},
                    {"region", "eu"},
                    {"service_name", "api"}}));
  EXPECT_EQ(batches[0].series[0].Get("__profile_type__"),
            "process_cpu:samples:count:cpu:nanoseconds");
}

TEST(Normalise, SampleLabelsSplitIntoSeriesAndSeriesLabelsWin) {
  auto in = MakeProfile(kCpu, Base());
  in.profile.label_sets = {Labels(), MakeLabels({{"span", "x"}, {"region", "us"}}), MakeLabels({{"span", "y"}})};
  AddSample(in, 1, {1}, 0);
  AddSample(in, 1, {2}, 1);
  AddSample(in, 1, {4}, 2);
  AddSample(in, 2, {8}, 1);
  const auto batches = MustNormalise(std::move(in));
  ASSERT_EQ(batches.size(), 1u);
  ASSERT_EQ(batches[0].series.size(), 3u);
  EXPECT_EQ(batches[0].profiles.size(), 1u) << "one profile, however many series";
  EXPECT_EQ(RowsOf(batches[0]), (Rows{{0, {{1, 1}}}, {1, {{1, 2}, {2, 8}}}, {2, {{1, 4}}}}));
  EXPECT_FALSE(batches[0].series[0].Has("span"));
  EXPECT_EQ(batches[0].series[1].Get("span"), "x");
  EXPECT_EQ(batches[0].series[1].Get("region"), "eu") << "the series' label wins over the sample's";
  EXPECT_EQ(batches[0].series[2].Get("span"), "y");
}

TEST(Normalise, ServiceNameOfSamplesSplitsIntoBatches) {
  Labels labels = Base();
  labels.Erase("service_name");
  auto in = MakeProfile(kCpu, labels);
  in.profile.label_sets = {Labels(), MakeLabels({{"service_name", "web"}})};
  AddSample(in, 1, {1}, 1);
  AddSample(in, 2, {2}, 0);
  const auto batches = MustNormalise(std::move(in));
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].service, "unknown_service");
  EXPECT_EQ(batches[1].service, "web");
  EXPECT_EQ(batches[0].values, std::vector<int64_t>{2});
  EXPECT_EQ(batches[1].values, std::vector<int64_t>{1});
  EXPECT_EQ(batches[1].series[0].Get("service_name"), "web");
  EXPECT_EQ(batches[1].series[0].Get("__service_name__"), "web");
  EXPECT_EQ(batches[0].symbols.stacks, batches[1].symbols.stacks);
  EXPECT_EQ(batches[0].profiles[0].identity, kIdentity);
  EXPECT_NE(batches[1].profiles[0].identity, kIdentity) << "both halves must count";
}

TEST(Normalise, IdentitiesOfASplitDoNotDependOnTheOrderOfSamples) {
  std::map<std::string, Hash128> first;
  for (const bool reverse : {false, true}) {
    Labels labels = Base();
    labels.Erase("service_name");
    auto in = MakeProfile(kCpu, labels);
    in.profile.label_sets = {Labels(), MakeLabels({{"service_name", "web"}}), MakeLabels({{"k", "v"}})};
    if (reverse) std::swap(in.profile.label_sets[1], in.profile.label_sets[2]);
    AddSample(in, 1, {1}, 1);
    AddSample(in, 1, {1}, 2);
    std::map<std::string, Hash128> identities;
    for (const auto& batch : MustNormalise(std::move(in))) {
      identities[batch.service] = batch.profiles[0].identity;
    }
    ASSERT_EQ(identities.size(), 2u);
    EXPECT_EQ(identities["unknown_service"], kIdentity);
    if (reverse) {
      EXPECT_EQ(identities, first);
    }
    first = identities;
  }
}

TEST(Normalise, MissingOrEmptyServiceNameBecomesUnknown) {
  for (const bool is_empty : {false, true}) {
    Labels labels = Base();
    labels.Erase("service_name");
    if (is_empty) labels.Set("service_name", "");
    auto in = MakeProfile(kCpu, labels);
    AddSample(in, 1, {1});
    const auto batches = MustNormalise(std::move(in));
    ASSERT_EQ(batches.size(), 1u);
    EXPECT_EQ(batches[0].service, "unknown_service");
    EXPECT_EQ(batches[0].series[0].Get("service_name"), "unknown_service");
  }
}

TEST(Normalise, GodeltaprofNamesAreReplaced) {
  Labels labels = Base();
  labels.Set("__name__", "godeltaprof_memory");
  auto in = MakeProfile({{"alloc_space", "bytes"}}, labels);
  AddSample(in, 1, {1});
  const auto batches = MustNormalise(std::move(in));
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].series[0].Get("__name__"), "memory");
  EXPECT_EQ(batches[0].series[0].Get("__name_replaced__"), "godeltaprof_memory");
  EXPECT_TRUE(batches[0].series[0].Get("__profile_type__").starts_with("memory:alloc_space:bytes:"));
}

TEST(Normalise, CpuTimeOfAWallProfileIsProcessCpu) {
  Labels labels = Base();
  labels.Set("__name__", "wall");
  auto in = MakeProfile({{"cpu", "nanoseconds"}, {"wall", "nanoseconds"}}, labels);
  AddSample(in, 1, {1, 2});
  const auto batches = MustNormalise(std::move(in));
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].series[0].Get("__name__"), "process_cpu");
  EXPECT_EQ(batches[0].series[0].Get("__name_replaced__"), "wall");
  EXPECT_EQ(batches[0].series[1].Get("__name__"), "wall");
  EXPECT_FALSE(batches[0].series[1].Has("__name_replaced__"));
}

TEST(Normalise, LabelsOfTheTransportAreRemoved) {
  Labels labels = Base();
  labels.Set("__session_id__", "0123456789abcdef");
  labels.Set("__delta__", "false");
  labels.Set("__order__", "1");
  auto in = MakeProfile(kCpu, labels);
  AddSample(in, 1, {1});
  const auto batches = MustNormalise(std::move(in));
  ASSERT_EQ(batches.size(), 1u);
  for (const char* name : {"__session_id__", "__delta__", "__order__"}) {
    EXPECT_FALSE(batches[0].series[0].Has(name)) << name;
  }
}

TEST(Normalise, SpansAndTracesAreKept) {
  auto in = MakeProfile(kCpuAndCount, Base());
  AddSample(in, 2, {1, 10});
  AddSample(in, 1, {2, 20});
  AddSample(in, 2, {4, 0});  // same stack, other span
  AddSample(in, 2, {8, 80});  // same stack, same span as the first
  in.profile.span_ids = {5, 0, 6, 5};
  in.profile.trace_ids = {{1, 1}, {}, {1, 1}, {1, 1}};
  const auto batches = MustNormalise(std::move(in));
  ASSERT_EQ(batches.size(), 1u);
  const ProfileBatch& b = batches[0];
  EXPECT_EQ(b.stacks, (std::vector<uint32_t>{1, 2, 2, 1, 2}));
  EXPECT_EQ(b.values, (std::vector<int64_t>{2, 9, 4, 20, 90}));
  EXPECT_EQ(b.span_ids, (std::vector<uint64_t>{0, 5, 6, 0, 5}));
  EXPECT_EQ(b.trace_ids, (std::vector<Hash128>{{}, {1, 1}, {1, 1}, {}, {1, 1}}));
}

// The sum of what goes in is the sum of what comes out, per series, type and stack.
TEST(Normalise, ConservesValuesOfRandomProfiles) {
  testing::FakeRandom random(11);
  for (int round = 0; round < 400; ++round) {
    auto in = MakeProfile(kCpuAndCount, Base());
    // Many samples of few stacks and few of many are merged in different ways, and so are samples without labels.
    const uint32_t stack_count = round % 2 == 0 ? 4 : 800;
    while (in.profile.symbols.stacks.size() < stack_count) in.profile.symbols.stacks.push_back({0, 0});
    const bool has_labels = round % 4 < 2;
    in.profile.label_sets = {Labels(), MakeLabels({{"k", "1"}}), MakeLabels({{"k", "2"}})};
    std::map<std::tuple<std::string, std::string, uint32_t>, int64_t> expected;
    for (uint64_t n = random.Below(30); n > 0; --n) {
      const auto stack = static_cast<uint32_t>(random.Below(4) * (stack_count / 4));
      const auto set = has_labels ? static_cast<uint32_t>(random.Below(3)) : 0;
      const std::vector<int64_t> v = {static_cast<int64_t>(random.Below(4)) - 1,
                                      static_cast<int64_t>(random.Below(4)) - 1};
      AddSample(in, stack, v, set);
      if (v[0] < 0 || v[1] < 0) continue;
      const std::string k(in.profile.label_sets[set].Get("k"));
      if (v[0] > 0) expected[{k, "samples", stack}] += v[0];
      if (v[1] > 0) expected[{k, "cpu", stack}] += v[1];
    }
    if (!has_labels) in.profile.label_set.clear();
    std::map<std::tuple<std::string, std::string, uint32_t>, int64_t> got;
    for (const ProfileBatch& b : MustNormalise(std::move(in))) {
      for (const auto& [series, stacks] : RowsOf(b)) {
        for (const auto& [stack, value] : stacks) {
          got[{std::string(b.series[series].Get("k")), std::string(b.series[series].Get("__type__")),
               stack}] += value;
        }
      }
    }
    ASSERT_EQ(got, expected) << "round " << round;
  }
}

struct LabelCase {
  const char* what;
  Labels labels;
  const char* reason;  // null: accepted
};

TEST(ValidateLabels, LimitsAndReasons) {
  TenantLimits limits;
  limits.label_names_max = 4;
  limits.label_name_bytes_max = 12;
  limits.label_value_bytes_max = 20;
  const auto with = [](std::vector<Label> more) {
    more.push_back({"__name__", "cpu"});
    return Labels(std::move(more));
  };
  const LabelCase cases[] = {
      {"plain", with({{"a", "b"}}), nullptr},
      {"as many as allowed", with({{"a", ""}, {"b", ""}, {"c", ""}}), nullptr},
      {"one too many", with({{"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}}), "max_label_names_per_series"},
      {"longest name", with({{std::string(12, 'n'), "v"}}), nullptr},
      {"name too long", with({{std::string(13, 'n'), "v"}}), "label_name_too_long"},
      {"longest value", with({{"n", std::string(20, 'v')}}), nullptr},
      {"value too long", with({{"n", std::string(21, 'v')}}), "label_value_too_long"},
      {"empty name", with({{"", "v"}}), "invalid_labels"},
      {"bad UTF-8", with({{"n", "\xff"}}), "invalid_labels"},
      {"no profile name", MakeLabels({{"a", "b"}}), "invalid_labels"},
  };
  for (const LabelCase& c : cases) {
    const Status status = ValidateLabels(c.labels, limits);
    EXPECT_EQ(status.ok(), c.reason == nullptr) << c.what << ": " << status.ToString();
    if (c.reason == nullptr) continue;
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << c.what;
    EXPECT_EQ(status.reason(), c.reason) << c.what;
  }
}

TEST(Normalise, LabelsThatSamplesAddAreLimitedToo) {
  TenantLimits limits;
  limits.label_value_bytes_max = 20;
  auto in = MakeProfile(kCpu, Base());
  in.profile.label_sets = {Labels(), MakeLabels({{"k", std::string(21, 'v')}})};
  AddSample(in, 1, {1}, 1);
  EXPECT_EQ(Normalise("t", std::move(in), kIdentity, limits).status().reason(), "label_value_too_long");
}

codec::IngestedProfile ToIdentify() {
  codec::IngestedProfile p;
  p.labels = Base();
  p.content_hash = {1, 2};
  p.profile.time_ns = 5;
  return p;
}

TEST(IdentityOf, SameThingSameIdentity) {
  EXPECT_EQ(IdentityOf("t", ToIdentify(), ""), IdentityOf("t", ToIdentify(), ""));
  EXPECT_EQ(IdentityOf("t", ToIdentify(), "id-1"), IdentityOf("t", ToIdentify(), "id-1"));
}

TEST(IdentityOf, TheClientsIdWinsOverContentAndTime) {
  auto other = ToIdentify();
  other.content_hash = {3, 4};
  other.profile.time_ns = 6;
  EXPECT_EQ(IdentityOf("t", ToIdentify(), "id-1"), IdentityOf("t", other, "id-1"));
  EXPECT_NE(IdentityOf("t", ToIdentify(), ""), IdentityOf("t", other, ""));
  EXPECT_NE(IdentityOf("t", ToIdentify(), "id-1"), IdentityOf("t", ToIdentify(), "id-2"));
  EXPECT_NE(IdentityOf("t", ToIdentify(), "id-1"), IdentityOf("t", ToIdentify(), ""));
}

TEST(IdentityOf, EverythingElseMatters) {
  std::vector<Hash128> all;
  const auto add = [&](const std::string& tenant, codec::IngestedProfile p, const std::string& id) {
    all.push_back(IdentityOf(tenant, p, id));
  };
  for (const std::string id : {"", "id"}) {
    add("t", ToIdentify(), id);
    add("u", ToIdentify(), id);
    auto p = ToIdentify();
    p.labels.Set("region", "us");
    add("t", p, id);
    p = ToIdentify();
    p.labels.Set("__session_id__", "1");  // dropped from the series, but two processes are two profiles
    add("t", p, id);
    p.labels.Set("__session_id__", "2");
    add("t", p, id);
    p = ToIdentify();
    p.labels.Erase("region");
    p.labels.Set("regio", "neu");  // the same letters, parted elsewhere
    add("t", p, id);
  }
  auto p = ToIdentify();
  p.content_hash = {1, 3};
  add("t", p, "");
  p = ToIdentify();
  p.profile.time_ns = 6;
  add("t", p, "");
  const size_t count = all.size();
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::unique(all.begin(), all.end()) - all.begin(), static_cast<std::ptrdiff_t>(count));
}

}  // namespace
}  // namespace brazier::distributor
