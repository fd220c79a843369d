#include "common/codec/pprof.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

#include "common/codec/compression.h"
#include "tests/support/pprof_builder.h"

namespace brazier::codec {
namespace {

using testing::PprofBuilder;
using testing::WireMessage;

Result<DecodedProfile> Decode(const std::string& bytes, const PprofLimits& limits = {}) {
  return DecodePprof(AsBytes(bytes), limits);
}

// Frames of a stack, root first, "name:line" per line, inlined callers first; "!address" where there are no lines.
std::string StackText(const DecodedProfile& p, uint32_t node) {
  const SymbolTable& t = p.symbols;
  std::string text;
  for (; node != 0; node = t.stacks[node].parent) {
    const Location& l = t.locations[t.stacks[node].location];
    std::string frame;
    for (uint32_t i = 0; i < l.line_count; ++i) {
      const Line& line = t.lines[l.line_begin + i];
      const std::string name(t.strings.Get(t.functions[line.function].name));
      frame = name + ":" + std::to_string(line.line) + (frame.empty() ? "" : ">" + frame);
    }
    if (l.line_count == 0) frame = "!" + std::to_string(l.address);
    text = text.empty() ? frame : frame + ";" + text;
  }
  return text;
}

// What a decoder must guarantee whatever it was given.
void ExpectConsistent(const DecodedProfile& p) {
  ASSERT_TRUE(p.symbols.Validate().ok()) << p.symbols.Validate().ToString();
  ASSERT_EQ(p.values.size(), p.stacks.size() * p.sample_types.size());
  ASSERT_TRUE(p.label_set.empty() || p.label_set.size() == p.stacks.size());
  ASSERT_TRUE(p.span_ids.empty() || p.span_ids.size() == p.stacks.size());
  ASSERT_TRUE(p.trace_ids.empty() || p.trace_ids.size() == p.stacks.size());
  for (uint32_t stack : p.stacks) ASSERT_LT(stack, p.symbols.stacks.size());
  for (uint32_t set : p.label_set) ASSERT_LT(set, p.label_sets.size());
  ASSERT_FALSE(p.label_sets.empty());
  ASSERT_TRUE(p.label_sets[0].empty());
}

std::string ErrorOf(const std::string& bytes, const PprofLimits& limits = {}) {
  const auto p = Decode(bytes, limits);
  EXPECT_FALSE(p.ok());
  if (p.ok()) return "";
  EXPECT_EQ(p.status().code(), Code::kInvalidArgument);
  return p.status().reason() + ": " + p.status().message();
}

PprofBuilder Full(bool packed = true) {
  PprofBuilder b;
  b.packed = packed;
  b.Type("samples", "count").Type("cpu", "nanoseconds").Period("cpu", "nanoseconds", 10'000'000);
  b.Time(1'700'000'000'000'000'000, 15'000'000'000);
  b.Mapping(1, 0x400000, 0x500000, "/bin/app", "build", true);
  b.Mapping(7, 0x7000, 0x8000, "/lib/native.so", "", false);
  b.Function(1, "main", "main.go", 10).Function(2, "work", "work.go", 20).Function(3, "inlined", "work.go", 30);
  b.Location(1, {{1, 11}}, 0x400010, 1);
  b.Location(2, {{3, 31}, {2, 22}}, 0x400020, 1);  // inlined is called by work
  b.Location(3, {}, 0x7010, 7);
  b.Sample({2, 1}, {1, 10});
  b.Sample({3, 2, 1}, {2, 20}, {{"thread", "t1", 0}, {"bytes", "", 512}});
  b.Sample({1}, {3, 30}, {{"span_id", "0102030405060708", 0}, {"trace_id", "000102030405060708090a0b0c0d0e0f", 0}});
  b.Sample({3, 2, 1}, {4, 40}, {{"thread", "t1", 0}});
  b.Sample({}, {5, 50}, {{"b", "2", 0}, {"a", "1", 0}});
  b.Sample({2, 1}, {6, 60}, {{"a", "1", 0}, {"b", "2", 0}});
  return b;
}

// Location ids and values are read several bytes at a time where they are short: every length, at every place of a list,
// in the middle of the message and at its very end.
TEST(Pprof, NumbersOfEveryLength) {
  constexpr uint64_t kIds[] = {1, 127, 128, 16'383, 16'384, 2'097'152, uint64_t{1} << 62};
  std::mt19937_64 engine(7);
  for (int round = 0; round < 200; ++round) {
    for (const bool strings_first : {true, false}) {
      PprofBuilder b;
      b.strings_first = strings_first;
      b.Type("samples", "count").Type("cpu", "nanoseconds");
      b.Function(1, "f", "f.go", 1);
      // Without the largest id they are dense enough for a table.
      const size_t ids = round % 2 == 0 ? std::size(kIds) : 4;
      for (size_t i = 0; i < ids; ++i) b.Location(kIds[i], {{1, static_cast<int64_t>(i)}}, 0, 0);
      std::vector<std::string> stacks;
      std::vector<int64_t> values;
      for (int s = 0; s < 4; ++s) {
        std::vector<uint64_t> leaf_first;
        std::string text;
        for (size_t n = engine() % 12; n > 0; --n) {
          const size_t i = engine() % ids;
          leaf_first.push_back(kIds[i]);
          text = "f:" + std::to_string(i) + (text.empty() ? "" : ";") + text;
        }
        stacks.push_back(text);
        for (int t = 0; t < 2; ++t) values.push_back(static_cast<int64_t>(engine() >> engine() % 64));
        b.Sample(leaf_first, {values.end()[-2], values.end()[-1]});
      }
      const auto p = Decode(b.Build());
      ASSERT_TRUE(p.ok()) << p.status().ToString();
      ExpectConsistent(*p);
      EXPECT_EQ(p->values, values);
      for (size_t s = 0; s < stacks.size(); ++s) EXPECT_EQ(StackText(*p, p->stacks[s]), stacks[s]);
    }
  }
}

// Locations in the form in which writers write them are read in another way than all others: the form must not matter.
TEST(Pprof, FieldsOfALocationInAnyOrderAndForm) {
  const auto line = [](uint64_t function, uint64_t number) { return WireMessage().Number(1, function).Number(2, number).bytes(); };
  const std::string reversed_line = WireMessage().Number(2, 300).Number(1, 1).bytes();
  const std::string line_with_column = WireMessage().Number(1, 1).Number(2, 300).Number(3, 7).bytes();
  const std::vector<std::pair<const char*, WireMessage>> forms = {
      {"plain", WireMessage().Number(1, 9).Number(2, 1).Number(3, 1ull << 60).Text(4, line(1, 300)).Text(4, line(2, 5))},
      {"without a mapping first", WireMessage().Number(1, 9).Number(3, 1ull << 60).Number(2, 1).Text(4, line(1, 300)).Text(4, line(2, 5))},
      {"lines first", WireMessage().Text(4, line(1, 300)).Text(4, line(2, 5)).Number(3, 1ull << 60).Number(2, 1).Number(1, 9)},
      {"a line reversed", WireMessage().Number(1, 9).Number(2, 1).Text(4, reversed_line).Text(4, line(2, 5))},
      {"a line with a column", WireMessage().Number(1, 9).Number(2, 1).Text(4, line_with_column).Text(4, line(2, 5))},
      {"the id twice", WireMessage().Number(1, 8).Number(1, 9).Number(2, 1).Text(4, line(1, 300)).Text(4, line(2, 5))},
      {"an unknown field", WireMessage().Number(1, 9).Text(77, "x").Number(2, 1).Text(4, line(1, 300)).Text(4, line(2, 5))},
  };
  for (const auto& [what, location] : forms) {
    for (const bool at_the_end : {false, true}) {
      PprofBuilder b;
      b.strings_first = true;
      b.Type("cpu", "nanoseconds").Mapping(1, 0, 1, "/bin/app", "", true);
      b.Function(1, "callee", "f.go", 1).Function(2, "caller", "f.go", 1).Sample({9}, {1});
      const std::string field = WireMessage().Text(4, location.bytes()).bytes();
      const auto p = Decode(at_the_end ? b.Build() + field : field + b.Build());
      ASSERT_TRUE(p.ok()) << what << ": " << p.status().ToString();
      ASSERT_EQ(p->sample_count(), 1u);
      EXPECT_EQ(StackText(*p, p->stacks[0]), "caller:5>callee:300") << what;
      EXPECT_EQ(p->symbols.strings.Get(p->symbols.mappings[p->symbols.locations[0].mapping].filename), "/bin/app") << what;
    }
  }
}

// A list that ends inside a number is truncated even when the bytes after it would complete the number.
TEST(Pprof, NumbersDoNotReachBeyondTheirList) {
  for (const uint32_t field : {1u, 2u}) {
    WireMessage sample;
    sample.Packed(field == 1 ? 2 : 1, {1}).Text(field, field == 1 ? "\x01\x01\x81" : "\x81").Number(7, 1);
    PprofBuilder b;
    b.Type("samples", "count").Function(1, "f", "f.go", 1).Location(1, {{1, 1}}, 0, 0);
    b.strings_first = true;
    const std::string small = b.Build();
    const std::string bytes = small + WireMessage().Text(2, sample.bytes()).Raw("\x48\x01\x48\x01\x48\x01\x48\x01").bytes();
    EXPECT_NE(ErrorOf(bytes).find(field == 1 ? "sample 0 is truncated" : "the values of sample 0 are truncated"), std::string::npos)
        << ErrorOf(bytes);
  }
}

TEST(Pprof, DecodesExactly) {
  for (const bool packed : {true, false}) {
    for (const bool strings_first : {true, false}) {
      PprofBuilder b = Full(packed);
      b.strings_first = strings_first;
      const auto p = Decode(b.Build());
      ASSERT_TRUE(p.ok()) << p.status().ToString();
      ExpectConsistent(*p);
      EXPECT_EQ(p->sample_types, (std::vector<ValueType>{{"samples", "count"}, {"cpu", "nanoseconds"}}));
      EXPECT_EQ(p->period_type, (ValueType{"cpu", "nanoseconds"}));
      EXPECT_EQ(p->period, 10'000'000);
      EXPECT_EQ(p->time_ns, 1'700'000'000'000'000'000);
      EXPECT_EQ(p->duration_ns, 15'000'000'000);
      ASSERT_EQ(p->sample_count(), 6u);
      EXPECT_EQ(p->values, (std::vector<int64_t>{1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60}));
      EXPECT_EQ(StackText(*p, p->stacks[0]), "main:11;work:22>inlined:31");
      EXPECT_EQ(StackText(*p, p->stacks[1]), "main:11;work:22>inlined:31;!28688");
      EXPECT_EQ(StackText(*p, p->stacks[2]), "main:11");
      EXPECT_EQ(p->stacks[3], p->stacks[1]) << "equal stacks are one node";
      EXPECT_EQ(p->stacks[4], 0u) << "the empty stack is the root";
      EXPECT_EQ(p->symbols.stacks.size(), 4u);
      // Labels.
      ASSERT_EQ(p->label_set.size(), 6u);
      EXPECT_EQ(p->label_set[0], 0u);
      EXPECT_EQ(p->label_sets[p->label_set[1]], Labels(std::vector<Label>{{"thread", "t1"}})) << "numbers are dropped";
      EXPECT_EQ(p->label_set[2], 0u) << "spans and traces are no labels";
      EXPECT_EQ(p->label_set[3], p->label_set[1]);
      EXPECT_EQ(p->label_sets[p->label_set[4]], Labels({{"a", "1"}, {"b", "2"}}));
      EXPECT_EQ(p->label_set[5], p->label_set[4]) << "the order of labels does not matter";
      EXPECT_EQ(p->label_sets.size(), 3u);
      EXPECT_EQ(p->span_ids, (std::vector<uint64_t>{0, 0, 0x0807060504030201, 0, 0, 0}));
      ASSERT_EQ(p->trace_ids.size(), 6u);
      EXPECT_EQ(p->trace_ids[2], (Hash128{0x0001020304050607, 0x08090A0B0C0D0E0F}));
      // Mappings: addresses stay only where they are needed to symbolise.
      ASSERT_EQ(p->symbols.mappings.size(), 3u);
      for (const Mapping& m : p->symbols.mappings) {
        if (p->symbols.strings.Get(m.filename) == "/bin/app") {
          EXPECT_EQ(m.memory_start, 0u);
          EXPECT_EQ(p->symbols.strings.Get(m.build_id), "build");
          EXPECT_EQ(m.flags, 1);
        } else if (p->symbols.strings.Get(m.filename) == "/lib/native.so") {
          EXPECT_EQ(m, (brazier::Mapping{0x7000, 0x8000, 0x40, m.filename, 0, 0}));
        }
      }
      for (const brazier::Function& f : p->symbols.functions) {
        if (p->symbols.strings.Get(f.name) != "work") continue;
        EXPECT_EQ(p->symbols.strings.Get(f.filename), "work.go");
        EXPECT_EQ(f.start_line, 20);
      }
    }
  }
}

PprofBuilder Small() {
  PprofBuilder b;
  b.Type("cpu", "ns").Function(1, "main").Location(1, {{1, 5}});
  return b;
}

TEST(Pprof, UnpackedNumbersAreReadLikePackedOnes) {
  PprofBuilder packed = Small();
  PprofBuilder single = Small();
  single.packed = false;
  packed.Sample({1, 1, 1}, {-7});
  single.Sample({1, 1, 1}, {-7});
  EXPECT_NE(packed.Build(), single.Build());
  const auto a = Decode(packed.Build());
  const auto b = Decode(single.Build());
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->stacks, b->stacks);
  EXPECT_EQ(a->values, (std::vector<int64_t>{-7}));
  EXPECT_EQ(b->values, a->values);
  EXPECT_EQ(StackText(*a, a->stacks[0]), "main:5;main:5;main:5");
}

TEST(Pprof, SparseIdsAndAnyOrder) {
  PprofBuilder b;
  b.Sample({UINT64_MAX, 1ull << 60}, {4});
  b.Location(UINT64_MAX, {{1ull << 50, 2}}).Location(1ull << 60, {{3, 1}});
  b.Function(1ull << 50, "leaf").Function(3, "root").Type("cpu", "ns");
  const auto p = Decode(b.Build());
  ASSERT_TRUE(p.ok()) << p.status().ToString();
  EXPECT_EQ(StackText(*p, p->stacks[0]), "root:1;leaf:2");
}

TEST(Pprof, RepairsWhatCanBeRepaired) {
  PprofBuilder b = Small();
  b.Location(2, {}, 0x99, 55);  // no such mapping
  b.Location(3, {}, 0);         // says nothing
  b.Sample({2, 3, 1}, {1});
  const auto p = Decode(b.Build());
  ASSERT_TRUE(p.ok()) << p.status().ToString();
  EXPECT_EQ(StackText(*p, p->stacks[0]), "main:5;!153");
  EXPECT_EQ(p->symbols.locations[p->symbols.stacks[p->stacks[0]].location].mapping, 0u);
}

TEST(Pprof, ErrorsSayWhatIsWrong) {
  const auto message = [](const WireMessage& m) { return m.bytes(); };
  struct Case {
    std::string bytes;
    std::string error;
  };
  const uint64_t kMinusOne = UINT64_MAX;
  const Case kCases[] = {
      {"", "it has no sample types"},
      {"garbage that is no protobuf", "truncated or corrupt"},
      {PprofBuilder().Build(), "it has no sample types"},
      {Small().Sample({9}, {1}).Build(), "sample 0 refers to location 9, which does not exist"},
      {Small().Sample({0}, {1}).Build(), "sample 0 refers to location 0, which does not exist"},
      {Small().Sample({1}, {1}).Sample({1}, {}).Build(), "sample 1 does not have one value for each of the 1"},
      {Small().Sample({1}, {1, 2}).Build(), "sample 0 does not have one value for each of the 1"},
      {Small().Sample({1}, std::vector<int64_t>(1000, 1)).Build(), "sample 0 does not have one value"},
      {Small().Location(2, {{8, 1}}).Sample({2}, {1}).Build(), "location 2 refers to function 8, which does not exist"},
      {Small().Location(0, {{1, 1}}).Sample({1}, {1}).Build(), "has id 0"},
      {Small().Field(5, message(WireMessage().Number(1, 2).Number(2, 99))).Build(), "function 1: string index 99 is out of range"},
      {Small().Field(5, message(WireMessage().Number(1, 2).Number(3, kMinusOne))).Build(), "function 1: string index -1 is out of range"},
      {Small().Field(5, message(WireMessage().Number(1, 2).Number(4, 1ull << 40))).Build(), "string index 1099511627776 is out of range"},
      {Small().Field(3, message(WireMessage().Number(1, 1).Number(5, 99))).Build(), "mapping 0: string index 99"},
      {Small().Field(3, message(WireMessage().Number(1, 1).Number(6, kMinusOne))).Build(), "mapping 0: string index -1"},
      {Small().Field(1, message(WireMessage().Number(1, 99))).Build(), "string index 99"},
      {Small().Field(1, message(WireMessage().Number(2, kMinusOne))).Build(), "string index -1"},
      {Small().Field(11, message(WireMessage().Number(1, 99))).Build(), "period type 0: string index 99"},
      {Small().Field(2, message(WireMessage().Packed(1, {1}).Packed(2, {1}).Text(3, message(WireMessage().Number(1, 99))))).Build(),
       "label key of sample 0: string index 99"},
      {Small().Field(2, message(WireMessage().Packed(1, {1}).Packed(2, {1}).Text(3, message(WireMessage().Number(2, kMinusOne))))).Build(),
       "label value of sample 0: string index -1"},
      {Small().Field(2, message(WireMessage().Text(1, "\x80").Packed(2, {1}))).Build(), "sample 0 is truncated"},
      {Small().Field(2, message(WireMessage().Raw("\x0A\x7F"))).Build(), "sample 0 is truncated"},
      {Small().Field(4, message(WireMessage().Number(1, 2).Raw("\x22\x05\x08"))).Build(), "location 1 is truncated"},
      {Small().Field(4, message(WireMessage().Number(1, 2).Text(4, "\x08"))).Build(), "a line is truncated"},
      {Small().Function(2, "caf\xE9").Build(), "is not valid UTF-8"},
      {WireMessage().Text(6, "not empty").Text(1, "").bytes(), "string 0 is not empty"},
      {WireMessage().Text(1, "").bytes(), "the string table is empty"},
      {WireMessage().Number(2, 1).bytes(), "sample has the wrong wire type"},
      {WireMessage().Number(6, 1).bytes(), "string table has the wrong wire type"},
  };
  for (const Case& c : kCases) {
    const std::string error = ErrorOf(c.bytes);
    EXPECT_EQ(error.substr(0, 19), "malformed_profile: ") << error;
    EXPECT_NE(error.find(c.error), std::string::npos) << c.error << "\nbut got " << error;
  }
}

// A packed list that ends inside a number has no value there; reading it as zero would make up data.
TEST(Pprof, ATruncatedPackedValueIsNoValue) {
  PprofBuilder b;
  b.Type("a", "x").Type("b", "y").Type("c", "z");
  for (const std::string& values : {std::string("\x80"), std::string("\x05\x80"), std::string("\x05\x06\x80")}) {
    PprofBuilder broken = b;
    broken.Field(2, WireMessage().Text(2, values).bytes());
    EXPECT_FALSE(Decode(broken.Build()).ok()) << values.size() << " bytes of values were taken for three values";
  }
}

TEST(Pprof, Limits) {
  PprofLimits limits;
  limits.samples_max = 2;
  PprofBuilder b = Small();
  b.Sample({1}, {1}).Sample({1}, {2});
  EXPECT_TRUE(Decode(b.Build(), limits).ok());
  b.Sample({1}, {3});
  EXPECT_EQ(ErrorOf(b.Build(), limits), "samples_limit: profile has 3 samples, the limit is 2");
  limits.samples_max = 0;
  EXPECT_TRUE(Decode(b.Build(), limits).ok());

  limits.sample_labels_max = 2;
  PprofBuilder labels = Small();
  labels.Sample({1}, {1}, {{"a", "1", 0}, {"b", "2", 0}});
  EXPECT_TRUE(Decode(labels.Build(), limits).ok());
  labels.Sample({1}, {1}, {{"a", "1", 0}, {"b", "", 2}, {"c", "3", 0}});
  EXPECT_EQ(ErrorOf(labels.Build(), limits), "sample_labels_limit: sample 1 has more than 2 labels");

  PprofBuilder names = Small();
  names.Function(2, "abc\xC3\xA4xyz").Location(2, {{2, 0}}).Sample({2}, {1});
  limits.symbol_value_bytes_max = 4;
  const auto cut = Decode(names.Build(), limits);
  ASSERT_TRUE(cut.ok());
  EXPECT_EQ(StackText(*cut, cut->stacks[0]), "xyz:0") << "the end stays, whole characters only";

  limits.stack_depth_max = 2;
  PprofBuilder deep = Small();
  deep.Location(2, {{1, 6}}).Location(3, {{1, 7}}).Sample({3, 2, 1}, {1});
  const auto leafs = Decode(deep.Build(), limits);
  ASSERT_TRUE(leafs.ok());
  EXPECT_EQ(StackText(*leafs, leafs->stacks[0]), "main:6;main:7") << "cut at the root side";
}

TEST(Pprof, AMillionLabelsAreRefused) {
  WireMessage sample;
  sample.Packed(1, {1}).Packed(2, {1});
  std::string label;
  label += '\x1A';
  label += '\x04';
  label += WireMessage().Number(1, 1).Number(2, 1).bytes();
  std::string labels;
  for (int i = 0; i < 1'000'000; ++i) labels += label;
  sample.Raw(labels);
  const std::string error = ErrorOf(Small().Field(2, sample.bytes()).Build());
  EXPECT_EQ(error, "sample_labels_limit: sample 0 has more than 100 labels");
}

TEST(Pprof, SpanAndTraceIds) {
  PprofBuilder b = Small();
  b.Sample({1}, {1}, {{"profile_id", "00000000000000ff", 0}});          // an older name of span_id
  b.Sample({1}, {2}, {{"span_id", "xyz", 0}, {"trace_id", "00", 0}});   // no ids: no columns, no labels
  b.Sample({1}, {3});
  const auto p = Decode(b.Build());
  ASSERT_TRUE(p.ok());
  EXPECT_EQ(p->span_ids, (std::vector<uint64_t>{0xFF00000000000000, 0, 0}));
  EXPECT_TRUE(p->trace_ids.empty());
  EXPECT_TRUE(p->label_set.empty());
  EXPECT_EQ(p->label_sets.size(), 1u);
}

TEST(Pprof, ZeroFunctionIdsOfDotnetMeanPositions) {
  PprofBuilder b;
  b.Type("cpu", "ns");
  b.Function(0, "first").Function(0, "second");
  b.Location(10, {{0, 1}}).Location(20, {{0, 2}});
  b.Sample({20, 10}, {1});
  const auto p = Decode(b.Build());
  ASSERT_TRUE(p.ok()) << p.status().ToString();
  EXPECT_EQ(StackText(*p, p->stacks[0]), "first:1;second:2");
}

TEST(Pprof, DashesInTypesOnlyWhereTheSenderIsKnown) {
  PprofBuilder b;
  b.Type("alloc-samples", "count");
  EXPECT_NE(ErrorOf(b.Build()).find("alloc-samples"), std::string::npos);
  PprofLimits limits;
  limits.replace_dash_in_types = true;
  const auto p = Decode(b.Build(), limits);
  ASSERT_TRUE(p.ok());
  EXPECT_EQ(p->sample_types[0].type, "alloc_samples");
}

// The strings come last and the last one is used: no prefix of the message is a whole profile.
TEST(Pprof, EveryTruncationIsRefused) {
  const std::string good = Full().Sample({1}, {1, 1}, {{"last", "string", 0}}).Build();
  ASSERT_TRUE(Decode(good).ok());
  for (size_t size = 0; size < good.size(); ++size) {
    const std::string cut(good.data(), size);  // exact, for sanitizers
    ASSERT_FALSE(Decode(cut).ok()) << "cut to " << size << " of " << good.size();
  }
}

TEST(Pprof, HostileBytesNeverBreakTheResult) {
  std::mt19937_64 engine(41);
  int accepted = 0;
  for (const bool strings_first : {false, true}) {
    PprofBuilder b = Full();
    b.strings_first = strings_first;
    const std::string good = b.Build();
    for (size_t size = 0; size < good.size(); ++size) {
      const std::string cut(good.data(), size);
      if (const auto p = Decode(cut); p.ok()) ExpectConsistent(*p);
    }
    for (int i = 0; i < 20'000; ++i) {
      std::string bytes = good;
      for (uint64_t k = 1 + engine() % 3; k > 0; --k) {
        bytes[engine() % bytes.size()] ^= static_cast<char>(1u << (engine() % 8));
      }
      if (const auto p = Decode(bytes); p.ok()) {
        ++accepted;
        ExpectConsistent(*p);
      }
    }
  }
  EXPECT_GT(accepted, 100);
}

// One giant or broken profile must not change what the next one on the thread gives.
TEST(Pprof, DecodingKeepsNoState) {
  const auto first = Decode(Full().Build());
  ErrorOf(Small().Sample({9}, {1}).Build());
  PprofBuilder other = Small();
  other.Sample({1}, {1}, {{"x", "y", 0}});
  ASSERT_TRUE(Decode(other.Build()).ok());
  const auto second = Decode(Full().Build());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->stacks, second->stacks);
  EXPECT_EQ(first->values, second->values);
  EXPECT_EQ(first->label_set, second->label_set);
  EXPECT_EQ(first->label_sets, second->label_sets);
  EXPECT_EQ(first->symbols.stacks, second->symbols.stacks);
}

// --- Real files. ---

// The sums per value position, read from the wire by a reader of ten lines that knows nothing of the decoder.
struct WireSums {
  std::vector<int64_t> sums;
  size_t samples = 0;
};

uint64_t TakeVarint(std::string_view& s) {
  uint64_t v = 0;
  for (int shift = 0; !s.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(s[0]);
    s.remove_prefix(1);
    v |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) break;
  }
  return v;
}
std::string_view TakeText(std::string_view& s) {
  const uint64_t size = TakeVarint(s);
  const std::string_view text = s.substr(0, size);
  s.remove_prefix(size);
  return text;
}

WireSums SumsOnTheWire(std::string_view profile) {
  WireSums out;
  while (!profile.empty()) {
    const uint64_t tag = TakeVarint(profile);
    if ((tag & 7) == 0) {
      TakeVarint(profile);
      continue;
    }
    std::string_view body = TakeText(profile);
    if (tag != (2 << 3 | 2)) continue;
    ++out.samples;
    size_t position = 0;
    const auto add = [&](uint64_t v) {
      if (position >= out.sums.size()) out.sums.resize(position + 1);
      out.sums[position++] += static_cast<int64_t>(v);
    };
    while (!body.empty()) {
      const uint64_t field = TakeVarint(body);
      if ((field & 7) == 0) {
        const uint64_t v = TakeVarint(body);
        if (field == (2 << 3)) add(v);
        continue;
      }
      std::string_view packed = TakeText(body);
      while (field == (2 << 3 | 2) && !packed.empty()) add(TakeVarint(packed));
    }
  }
  return out;
}

std::filesystem::path DataFolder() {
  if (const char* folder = std::getenv("BRAZIER_DATA")) return folder;
  return std::filesystem::path(__FILE__).parent_path() / "../../../../shared/data/pprof";
}

TEST(PprofRealFiles, TotalsEqualThoseOnTheWire) {
  std::error_code error;
  if (!std::filesystem::is_directory(DataFolder(), error)) GTEST_SKIP() << "no folder of real profiles (BRAZIER_DATA)";
  PprofLimits limits;
  limits.samples_max = 0;
  size_t decoded = 0;
  for (const auto& entry : std::filesystem::directory_iterator(DataFolder())) {
    if (!entry.is_regular_file()) continue;
    const std::string name = entry.path().filename().string();
    SCOPED_TRACE(name);
    std::ifstream in(entry.path(), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (IsGzip(AsBytes(bytes))) {
      std::string inflated;
      ASSERT_TRUE(Gunzip(AsBytes(bytes), 64 << 20, &inflated).ok());
      bytes = inflated;
    }
    limits.replace_dash_in_types = name.starts_with("dotnet");
    const auto p = Decode(bytes, limits);
    if (name.find("invalid_utf8") != std::string::npos) {
      ASSERT_FALSE(p.ok());
      EXPECT_NE(p.status().message().find("UTF-8"), std::string::npos);
      continue;
    }
    ASSERT_TRUE(p.ok()) << p.status().ToString();
    ExpectConsistent(*p);
    const WireSums wire = SumsOnTheWire(bytes);
    ASSERT_GT(wire.samples, 0u);
    EXPECT_EQ(p->sample_count(), wire.samples);
    std::vector<int64_t> sums(p->sample_types.size());
    for (size_t i = 0; i < p->values.size(); ++i) sums[i % sums.size()] += p->values[i];
    EXPECT_EQ(sums, wire.sums);
    ++decoded;
    // Truncated anywhere: an error or a consistent profile.
    for (size_t i = 0; i < 50; ++i) {
      const std::string cut(bytes.data(), bytes.size() * i / 50);
      if (const auto part = Decode(cut, limits); part.ok()) ExpectConsistent(*part);
    }
  }
  EXPECT_GT(decoded, 0u);
}

}  // namespace
}  // namespace brazier::codec
