#include "benchmark/load/profile_generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace brazier::benchmark {
namespace {

constexpr int64_t kTimeNs = 1'795'207'895'000'000'000;

// The contents of every length-delimited top-level field `field`; fails the test on bytes that are no message.
std::vector<std::string_view> Fields(std::string_view message, uint32_t field) {
  std::vector<std::string_view> found;
  size_t at = 0;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0; at < message.size() && shift < 64; shift += 7) {
      const uint8_t byte = static_cast<uint8_t>(message[at++]);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < message.size()) {
    const uint64_t tag = varint();
    if ((tag & 7) == 0) {
      varint();
    } else if (const uint64_t size = varint(); (tag & 7) == 2 && size <= message.size() - at) {
      if (tag >> 3 == field) found.push_back(message.substr(at, size));
      at += size;
    } else {
      ADD_FAILURE() << "bad tag " << tag << " or length " << size;
      return found;
    }
  }
  return found;
}

TEST(ProfileGeneratorTest, SameArgumentsGiveTheSameBytes) {
  const ProfileGenerator a({.seed = 7, .services = 3});
  const ProfileGenerator b({.seed = 7, .services = 3});
  for (ProfileKind kind : kProfileKinds) {
    EXPECT_EQ(a.Generate(2, kind, 11, kTimeNs), b.Generate(2, kind, 11, kTimeNs));
    EXPECT_NE(a.Generate(2, kind, 11, kTimeNs), a.Generate(2, kind, 12, kTimeNs));
    EXPECT_NE(a.Generate(2, kind, 11, kTimeNs), a.Generate(1, kind, 11, kTimeNs));
  }
}

TEST(ProfileGeneratorTest, DefaultFleetHasTheDocumentedAverages) {
  const ProfileGenerator generator({});
  size_t raw = 0, gzipped = 0, samples = 0, profiles = 0;
  for (uint32_t service = 0; service < generator.service_count(); ++service) {
    for (ProfileKind kind : kProfileKinds) {
      const std::string profile = generator.Generate(service, kind, 3, kTimeNs);
      raw += profile.size();
      gzipped += GzipProfile(profile).size();
      samples += Fields(profile, 2).size();
      ++profiles;
    }
  }
  EXPECT_NEAR(static_cast<double>(raw / profiles), 66'000, 4'000);
  EXPECT_NEAR(static_cast<double>(gzipped / profiles), 30'000, 2'000);
  EXPECT_NEAR(static_cast<double>(samples / profiles), 1'250, 30);
}

// Stacks as sequences of location addresses, which do not depend on a profile's own numbering.
std::set<std::vector<uint64_t>> Stacks(std::string_view profile) {
  const auto varints = [](std::string_view bytes) {
    std::vector<uint64_t> out;
    for (size_t at = 0; at < bytes.size();) {
      uint64_t value = 0;
      for (int shift = 0; at < bytes.size(); shift += 7) {
        const uint8_t byte = static_cast<uint8_t>(bytes[at++]);
        value |= uint64_t{byte & 0x7Fu} << shift;
        if (byte < 0x80) break;
      }
      out.push_back(value);
    }
    return out;
  };
  std::vector<uint64_t> addresses{0};
  for (std::string_view location : Fields(profile, 4)) {
    // id, mapping and address come first, each a tag and a number.
    addresses.push_back(varints(location.substr(0, std::min<size_t>(location.size(), 16))).at(5));
  }
  std::set<std::vector<uint64_t>> stacks;
  for (std::string_view sample : Fields(profile, 2)) {
    std::vector<uint64_t> stack;
    for (uint64_t id : varints(Fields(sample, 1).at(0))) stack.push_back(addresses.at(id));
    stacks.insert(std::move(stack));
  }
  return stacks;
}

TEST(ProfileGeneratorTest, SnapshotsHaveAsManyStacksInCommonAsTheirKindHasInLife) {
  const ProfileGenerator generator({.services = 2});
  const auto common = [&](uint32_t service, ProfileKind kind) {
    const auto a = Stacks(generator.Generate(service, kind, 40, kTimeNs));
    const auto b = Stacks(generator.Generate(service, kind, 41, kTimeNs));
    size_t both = 0;
    for (const auto& stack : b) both += a.contains(stack);
    return static_cast<double>(both) / static_cast<double>(b.size());
  };
  for (const uint32_t service : {0, 1}) {
    EXPECT_NEAR(common(service, ProfileKind::kCpu), 0.18, 0.08);
    EXPECT_GT(common(service, ProfileKind::kMemory), 0.97);
    EXPECT_GT(common(service, ProfileKind::kMutex), 0.97);
  }
  EXPECT_NEAR(common(0, ProfileKind::kConcurrency), 0.87, 0.05) << "goroutine";
  EXPECT_NEAR(common(1, ProfileKind::kConcurrency), 0.18, 0.08) << "wall";
}

TEST(ProfileGeneratorTest, SnapshotsOfAServiceShareMostFunctionNamesAndServicesDoNot) {
  const ProfileGenerator generator({.services = 2});
  const auto strings = [&](uint32_t service, uint64_t snapshot) {
    const std::string profile = generator.Generate(service, ProfileKind::kCpu, snapshot, kTimeNs);
    std::set<std::string> table;
    for (std::string_view name : Fields(profile, 6)) table.emplace(name);
    return table;
  };
  const auto shared = [](const std::set<std::string>& a, const std::set<std::string>& b) {
    size_t both = 0;
    for (const std::string& s : a) both += b.contains(s);
    return static_cast<double>(both) / static_cast<double>(a.size());
  };
  EXPECT_GT(shared(strings(0, 1), strings(0, 2)), 0.8);
  EXPECT_LT(shared(strings(0, 1), strings(1, 1)), 0.5);
}

TEST(ProfileGeneratorTest, ServiceNamesAreUnique) {
  const ProfileGenerator generator({.services = 1000});
  std::set<std::string_view> names;
  for (uint32_t i = 0; i < 1000; ++i) names.insert(generator.ServiceName(i));
  EXPECT_EQ(names.size(), 1000u);
}

TEST(ProfileGeneratorTest, ProfileTypeIdHasFiveParts) {
  EXPECT_EQ(ProfileGenerator::ProfileTypeId(0, ProfileKind::kCpu, 1), "process_cpu:cpu:nanoseconds:cpu:nanoseconds");
  EXPECT_EQ(ProfileGenerator::ProfileTypeId(1, ProfileKind::kConcurrency), "wall:wall:nanoseconds:wall:nanoseconds");
  EXPECT_EQ(ProfileGenerator::MetricName(0, ProfileKind::kConcurrency), "goroutine");
}

}  // namespace
}  // namespace brazier::benchmark
