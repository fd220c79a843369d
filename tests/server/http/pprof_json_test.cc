// A pprof as JSON: the same text as protobuf's own, for random profiles, and no crash on what is none.
#include "server/http/pprof_json.h"

#include <gtest/gtest.h>

#include "profile.pb.h"
#include "server/http/connect.h"
#include "tests/support/fake_random.h"

namespace brazier::http {
namespace {

std::string Expected(const google::v1::Profile& profile) { return EncodeMessage(ConnectCodec::kJson, profile); }

// As a client reads it: protobuf's own text may escape more.
google::v1::Profile Parsed(const std::string& json) {
  google::v1::Profile profile;
  EXPECT_TRUE(ParseMessage(ConnectCodec::kJson, json, &profile).ok()) << json;
  return profile;
}

google::v1::Profile RandomProfile(uint64_t seed) {
  testing::FakeRandom random(seed);
  const auto number = [&]() -> int64_t {
    switch (random.Below(5)) {
      case 0: return 0;
      case 1: return -static_cast<int64_t>(random.Below(1000));
      case 2: return static_cast<int64_t>(random.Next());
      default: return static_cast<int64_t>(random.Below(100));
    }
  };
  google::v1::Profile p;
  for (uint64_t n = random.Below(3); n > 0; --n) p.add_sample_type()->set_type(number());
  for (uint64_t n = random.Below(6); n > 0; --n) {
    auto* sample = p.add_sample();
    for (uint64_t k = random.Below(4); k > 0; --k) sample->add_location_id(static_cast<uint64_t>(number()));
    for (uint64_t k = random.Below(3); k > 0; --k) sample->add_value(number());
    for (uint64_t k = random.Below(2); k > 0; --k) {
      sample->add_label()->set_key(number());
      sample->mutable_label(0)->set_num_unit(number());
    }
  }
  for (uint64_t n = random.Below(3); n > 0; --n) {
    auto* mapping = p.add_mapping();
    mapping->set_id(static_cast<uint64_t>(number()));
    mapping->set_has_filenames(random.Below(2) == 0);
    mapping->set_has_inline_frames(random.Below(2) == 0);
  }
  for (uint64_t n = random.Below(4); n > 0; --n) {
    auto* location = p.add_location();
    location->set_address(static_cast<uint64_t>(number()));
    for (uint64_t k = random.Below(3); k > 0; --k) location->add_line()->set_line(number());
  }
  for (uint64_t n = random.Below(3); n > 0; --n) p.add_function()->set_start_line(number());
  for (const char* text : {"", "main", "quo\"te\\", "tab\t\x01", "\xC3\xA9", "<a&b>"}) {
    if (random.Below(2) == 0) p.add_string_table(text);
  }
  p.set_time_nanos(number());
  if (random.Below(2) == 0) p.mutable_period_type()->set_unit(number());
  p.set_period(number());
  for (uint64_t n = random.Below(3); n > 0; --n) p.add_comment(number());
  p.set_default_sample_type(number());
  return p;
}

TEST(PprofJson, SaysWhatProtobufSays) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    const google::v1::Profile profile = RandomProfile(seed);
    const auto json = PprofToJson(profile.SerializeAsString());
    ASSERT_TRUE(json.ok()) << json.status().ToString();
    EXPECT_EQ(Parsed(*json).SerializeAsString(), profile.SerializeAsString()) << *json;
    if (profile.string_table_size() == 0) {
      EXPECT_EQ(*json, Expected(profile)) << seed;
    }
  }
  EXPECT_EQ(*PprofToJson(""), "{}");
}

TEST(PprofJson, FieldsInAnyOrderAndUnknownOnes) {
  // period 5 (12), sample_type {type 1} (1), an unknown varint (50), an unknown fixed64 (51), period 6 once more.
  const std::string bytes("\x60\x05\x0a\x02\x08\x01\x90\x03\x07\x99\x03" "12345678" "\x60\x06", 21);
  EXPECT_EQ(*PprofToJson(bytes), R"({"sampleType":[{"type":"1"}],"period":"6"})");
  // Numbers one by one instead of packed.
  const std::string unpacked("\x12\x04\x08\x01\x08\x02", 6);
  EXPECT_EQ(*PprofToJson(unpacked), R"({"sample":[{"locationId":["1","2"]}]})");
}

TEST(PprofJson, WhatIsNoneIsAnError) {
  const std::string good = RandomProfile(7).SerializeAsString();
  int refused = 0;
  for (size_t cut = 0; cut < good.size(); ++cut) refused += !PprofToJson(std::string_view(good).substr(0, cut)).ok();
  EXPECT_GT(refused, 0);
  testing::FakeRandom random(3);
  for (int i = 0; i < 3'000; ++i) {
    std::string bad = good;
    bad[random.Below(bad.size())] = static_cast<char>(random.Below(256));
    (void)PprofToJson(bad);
  }
  EXPECT_FALSE(PprofToJson(std::string("\x12\x05\x08", 3)).ok()) << "longer than there is";
  EXPECT_FALSE(PprofToJson(std::string("\x60", 1)).ok());
  EXPECT_FALSE(PprofToJson(std::string("\x0b\x0c", 2)).ok()) << "groups are of another time";
}

}  // namespace
}  // namespace brazier::http
