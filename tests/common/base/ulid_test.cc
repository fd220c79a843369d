#include "common/base/ulid.h"

#include <gtest/gtest.h>

namespace brazier {
namespace {

class CountingRandom final : public Random {
 public:
  uint64_t Next() override { return ++state_ * 0x9E3779B97F4A7C15ull; }

 private:
  uint64_t state_ = 0;
};

TEST(UlidTest, RoundTripsThroughText) {
  CountingRandom random;
  for (int64_t time_ms : {int64_t{0}, int64_t{1}, int64_t{1795207895328}, (int64_t{1} << 48) - 1}) {
    const Ulid id = Ulid::Make(time_ms, random);
    EXPECT_EQ(id.TimeMs(), time_ms);
    const Result<Ulid> parsed = Ulid::Parse(id.ToString());
    ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
    EXPECT_EQ(*parsed, id);
  }
}

TEST(UlidTest, TextSortsByTime) {
  CountingRandom random;
  std::string previous;
  for (int64_t time_ms = 1; time_ms < 1'000'000'000; time_ms *= 3) {
    const std::string text = Ulid::Make(time_ms, random).ToString();
    EXPECT_LT(previous, text);
    previous = text;
  }
}

TEST(UlidTest, RefusesWhatIsNoUlid) {
  for (const char* text : {"", "0", "01M7XCAC7B0000000000000000X", "81M7XCAC7B0000000000000000",
                           "01M7XCAC7B00000000000000U0", "01m7xcac7b0000000000000000"}) {
    EXPECT_EQ(Ulid::Parse(text).status().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace brazier
