#include "common/model/profile.h"

#include <gtest/gtest.h>

namespace brazier {
namespace {

ProfileBatch Small() {
  ProfileBatch b;
  b.tenant = "t";
  b.service = "s";
  b.symbols.locations.push_back({1, 0, 0, 0, false});
  b.symbols.stacks.push_back({0, 0});
  b.series = {Labels(std::vector<Label>{{"a", "b"}})};
  b.profiles = {{{1, 2}, 10, 0, 0}};
  b.rows = {{0, 0, 0, 2, 7}};
  b.stacks = {0, 1};
  b.values = {3, 4};
  return b;
}

TEST(ProfileBatch, ValidateAcceptsGoodBatches) {
  EXPECT_TRUE(ProfileBatch().Validate().ok());
  EXPECT_TRUE(Small().Validate().ok());
  ProfileBatch b = Small();
  b.span_ids = {0, 9};
  b.trace_ids = {{}, {1, 2}};
  b.rows.push_back({0, 0, 2, 2, 0});
  EXPECT_TRUE(b.Validate().ok()) << "an empty row at the end";
  EXPECT_GT(b.MemoryBytes(), Small().MemoryBytes());
}

TEST(ProfileBatch, ValidateRefusesEveryBadReference) {
  struct Case {
    const char* what;
    void (*damage)(ProfileBatch&);
  };
  const Case kCases[] = {
      {"different lengths", [](ProfileBatch& b) { b.values.pop_back(); }},
      {"different lengths", [](ProfileBatch& b) { b.span_ids = {1}; }},
      {"different lengths", [](ProfileBatch& b) { b.trace_ids.resize(3); }},
      {"stack that does not exist", [](ProfileBatch& b) { b.stacks[1] = 2; }},
      {"series that does not exist", [](ProfileBatch& b) { b.rows[0].series = 1; }},
      {"profile that does not exist", [](ProfileBatch& b) { b.rows[0].profile = 1; }},
      {"samples that do not exist", [](ProfileBatch& b) { b.rows[0].sample_end = 3; }},
      {"samples that do not exist", [](ProfileBatch& b) { b.rows[0].sample_begin = 3; }},
      {"location that does not exist", [](ProfileBatch& b) { b.symbols.locations.clear(); }},
  };
  for (const Case& c : kCases) {
    ProfileBatch b = Small();
    c.damage(b);
    const Status status = b.Validate();
    ASSERT_FALSE(status.ok()) << c.what;
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_NE(status.message().find(c.what), std::string::npos) << status.message();
  }
}

}  // namespace
}  // namespace brazier
