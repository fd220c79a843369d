#include "common/codec/pprof_encode.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/codec/wire_reader.h"

namespace brazier::codec {
namespace {

// A pprof read back with nothing but the wire format, so that the encoder is not tested against our own decoder.
struct Read {
  std::vector<std::string> strings;
  std::map<uint64_t, std::map<uint32_t, uint64_t>> functions, mappings, locations;
  std::map<uint64_t, std::vector<std::pair<uint64_t, uint64_t>>> lines;  // of a location: function, line
  std::vector<std::pair<std::vector<uint64_t>, int64_t>> samples;
  std::map<uint32_t, uint64_t> numbers;  // of the profile itself
  std::pair<uint64_t, uint64_t> sample_type, period_type;

  // Root first, by name.
  std::map<std::string, int64_t> Stacks() const {
    std::map<std::string, int64_t> stacks;
    for (const auto& [ids, value] : samples) {
      std::string text;
      for (const uint64_t id : ids) {
        for (const auto& [function, line] : lines.at(id)) {
          const std::string& name = strings[functions.at(function).at(2)];
          text = text.empty() ? name : name + ";" + text;
        }
        if (lines.at(id).empty()) text = "0x" + std::to_string(locations.at(id).at(3)) + ";" + text;
      }
      stacks[text] += value;
    }
    return stacks;
  }
};

std::map<uint32_t, uint64_t> Numbers(Bytes bytes) {
  std::map<uint32_t, uint64_t> numbers;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.is_varint()) numbers[reader.field()] = reader.value();
  }
  EXPECT_TRUE(reader.ok());
  return numbers;
}

Read ReadPprof(const std::string& bytes) {
  Read read;
  WireReader reader(AsBytes(bytes));
  while (reader.Next()) {
    if (reader.is_varint()) read.numbers[reader.field()] = reader.value();
    if (!reader.is_bytes()) continue;
    const Bytes body = reader.bytes();
    if (reader.field() == 6) {
      read.strings.emplace_back(AsString(body));
      continue;
    }
    std::map<uint32_t, uint64_t> numbers = Numbers(body);
    if (reader.field() == 1) read.sample_type = {numbers[1], numbers[2]};
    if (reader.field() == 11) read.period_type = {numbers[1], numbers[2]};
    if (reader.field() == 3) read.mappings[numbers[1]] = numbers;
    if (reader.field() == 5) read.functions[numbers[1]] = numbers;
    if (reader.field() == 4) {
      read.locations[numbers[1]] = numbers;
      auto& lines = read.lines[numbers[1]];
      WireReader parts(body);
      while (parts.Next()) {
        if (parts.field() != 4) continue;
        std::map<uint32_t, uint64_t> line = Numbers(parts.bytes());
        lines.emplace_back(line[1], line[2]);
      }
    }
    if (reader.field() == 2) {
      auto& sample = read.samples.emplace_back();
      WireReader parts(body);
      while (parts.Next()) {
        WireReader packed(parts.bytes());
        while (!packed.AtEnd()) {
          const uint64_t value = packed.ReadVarint();
          if (parts.field() == 1) sample.first.push_back(value);
          if (parts.field() == 2) sample.second = static_cast<int64_t>(value);
        }
      }
    }
  }
  EXPECT_TRUE(reader.ok());
  return read;
}

// Functions f0.., one location each, in mapping 1; stacks are given root first.
class Builder {
 public:
  Builder() {
    Mapping mapping;
    mapping.memory_start = 0x1000;
    mapping.memory_limit = 0x9000;
    mapping.filename = profile_.symbols.strings.Add("/bin/app");
    mapping.build_id = profile_.symbols.strings.Add("abc");
    mapping.flags = 0b0111;
    profile_.symbols.mappings.push_back(mapping);
  }
  uint32_t Location(std::vector<std::string> innermost_first, uint64_t address = 0) {
    brazier::Location location;
    location.mapping = 1;
    location.address = address;
    location.line_begin = static_cast<uint32_t>(profile_.symbols.lines.size());
    location.line_count = static_cast<uint32_t>(innermost_first.size());
    for (const std::string& name : innermost_first) {
      Function function;
      function.name = profile_.symbols.strings.Add(name);
      function.system_name = function.name;
      function.filename = profile_.symbols.strings.Add(name + ".cc");
      function.start_line = 7;
      profile_.symbols.lines.push_back({static_cast<uint32_t>(profile_.symbols.functions.size()), 42});
      profile_.symbols.functions.push_back(function);
    }
    profile_.symbols.locations.push_back(location);
    return static_cast<uint32_t>(profile_.symbols.locations.size() - 1);
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
};

ProfileType Cpu() { return *ProfileType::Parse("process_cpu:cpu:nanoseconds:cpu:nanoseconds"); }

StackProfile SmallProfile() {
  Builder builder;
  const uint32_t main = builder.Location({"main"}, 0x1100);
  const uint32_t foo = builder.Location({"inlined", "foo"}, 0x1200);
  const uint32_t bar = builder.Location({"bar"}, 0x1300);
  builder.Location({"unused"}, 0x1400);
  const uint32_t a = builder.Node(0, main);
  const uint32_t b = builder.Node(a, foo);
  const uint32_t c = builder.Node(b, bar);
  builder.Node(c, 3);  // no sample reaches it
  builder.Sample(b, 5);
  builder.Sample(c, 70);
  return builder.Finish();
}

TEST(EncodePprof, StacksValuesAndMetadata) {
  const Read read = ReadPprof(EncodePprof(SmallProfile(), Cpu(), 123'456, 0));
  EXPECT_EQ(read.Stacks(),
            (std::map<std::string, int64_t>{{"main;foo;inlined", 5}, {"main;foo;inlined;bar", 70}}));
  ASSERT_FALSE(read.strings.empty());
  EXPECT_EQ(read.strings[0], "");
  EXPECT_EQ(read.strings[read.sample_type.first], "cpu");
  EXPECT_EQ(read.strings[read.sample_type.second], "nanoseconds");
  EXPECT_EQ(read.period_type, read.sample_type);
  EXPECT_EQ(read.numbers.at(9), 123'456u);
  EXPECT_EQ(read.numbers.at(12), 1'000'000'000u);
  EXPECT_EQ(read.numbers.at(14), read.sample_type.first);
  ASSERT_EQ(read.mappings.size(), 1u);
  const auto& mapping = read.mappings.at(1);
  EXPECT_EQ(mapping.at(2), 0x1000u);
  EXPECT_EQ(mapping.at(3), 0x9000u);
  EXPECT_EQ(read.strings[mapping.at(5)], "/bin/app");
  EXPECT_EQ(read.strings[mapping.at(6)], "abc");
  EXPECT_EQ(mapping.count(10), 0u);
  EXPECT_EQ(mapping.at(7) + mapping.at(8) + mapping.at(9), 3u);
  EXPECT_EQ(read.locations.at(1).at(3), 0x1100u);
  EXPECT_EQ(read.locations.at(1).at(2), 1u);
  EXPECT_EQ(read.lines.at(1)[0].second, 42u);
  EXPECT_EQ(read.functions.at(1).at(5), 7u);
  EXPECT_EQ(read.strings[read.functions.at(1).at(4)], "main.cc");
}

TEST(EncodePprof, OnlyWhatSamplesReachIsWritten) {
  const std::string bytes = EncodePprof(SmallProfile(), Cpu(), 1, 0);
  const Read read = ReadPprof(bytes);
  EXPECT_EQ(read.locations.size(), 3u);
  EXPECT_EQ(read.functions.size(), 4u);
  EXPECT_EQ(bytes.find("unused"), std::string::npos);
}

TEST(EncodePprof, PeriodsFollowTheType) {
  const auto period = [](const char* type) {
    return ReadPprof(EncodePprof(SmallProfile(), *ProfileType::Parse(type), 1, 0));
  };
  EXPECT_EQ(period("memory:inuse_space:bytes:space:bytes").numbers.at(12), 524'288u);
  const Read no_period = period("goroutine:goroutines:count::");
  EXPECT_EQ(no_period.numbers.at(12), 1u);
  EXPECT_EQ(no_period.period_type, (std::pair<uint64_t, uint64_t>{0, 0}));
}

TEST(EncodePprof, LocationsWithoutLinesKeepTheirAddress) {
  Builder builder;
  builder.Sample(builder.Node(0, builder.Location({}, 77)), 3);
  const Read read = ReadPprof(EncodePprof(builder.Finish(), Cpu(), 1, 0));
  EXPECT_EQ(read.Stacks(), (std::map<std::string, int64_t>{{"0x77;", 3}}));
}

TEST(EncodePprof, EmptyProfile) {
  const Read read = ReadPprof(EncodePprof(StackProfile(), Cpu(), 1, 10));
  EXPECT_TRUE(read.samples.empty());
  EXPECT_EQ(read.strings[read.sample_type.first], "cpu");
}

// r{a{f1..f5 = 1..5}, b{g1..g5 = 10..50}}, as in the flame graph tests.
StackProfile WideProfile() {
  Builder builder;
  const uint32_t r = builder.Node(0, builder.Location({"r"}));
  const uint32_t a = builder.Node(r, builder.Location({"a"}));
  const uint32_t b = builder.Node(r, builder.Location({"b"}));
  for (int i = 1; i <= 5; ++i) {
    builder.Sample(builder.Node(a, builder.Location({"f" + std::to_string(i)})), i);
    builder.Sample(builder.Node(b, builder.Location({"g" + std::to_string(i)})), 10 * i);
  }
  return builder.Finish();
}

TEST(EncodePprof, TruncationFoldsIntoOther) {
  using Stacks = std::map<std::string, int64_t>;
  const auto stacks = [](int64_t limit) {
    return ReadPprof(EncodePprof(WideProfile(), Cpu(), 1, limit)).Stacks();
  };
  EXPECT_EQ(stacks(1), (Stacks{{"r;other", 165}}));
  EXPECT_EQ(stacks(3), (Stacks{{"r;b;g5", 50}, {"r;b;other", 100}, {"r;other", 15}}));
  EXPECT_EQ(stacks(13).size(), 10u);  // nothing to fold
  const Read read = ReadPprof(EncodePprof(WideProfile(), Cpu(), 1, 3));
  EXPECT_EQ(read.samples.size(), 3u);  // equal stacks are one sample
  EXPECT_EQ(read.functions.size(), 4u);  // r, b, g5, other
}

TEST(EncodePprof, EverythingBelowTheThresholdIsOneSample) {
  Builder builder;
  builder.Sample(builder.Node(0, builder.Location({"big"})), 100);
  builder.Sample(builder.Node(0, builder.Location({"s1"})), 1);
  builder.Sample(builder.Node(0, builder.Location({"s2"})), 2);
  const Read read = ReadPprof(EncodePprof(builder.Finish(), Cpu(), 1, 1));
  EXPECT_EQ(read.Stacks(), (std::map<std::string, int64_t>{{"big", 100}, {"other", 3}}));
}

TEST(EncodePprof, DeepStacks) {
  Builder builder;
  uint32_t node = 0;
  const uint32_t location = builder.Location({"f"});
  for (int i = 0; i < 100'000; ++i) node = builder.Node(node, location);
  builder.Sample(node, 9);
  const Read read = ReadPprof(EncodePprof(builder.Finish(), Cpu(), 1, 50'000));
  ASSERT_EQ(read.samples.size(), 1u);
  EXPECT_EQ(read.samples[0].first.size(), 100'000u);  // all totals are equal: ties stay
}

}  // namespace
}  // namespace brazier::codec
