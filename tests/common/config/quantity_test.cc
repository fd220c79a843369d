#include <gtest/gtest.h>

#include <limits>

#include "common/config/quantity.h"

namespace brazier::config {
namespace {

TEST(Bytes, UnitsOfBothKindsInAnyCase) {
  EXPECT_EQ(ParseBytes("0"), 0);
  EXPECT_EQ(ParseBytes("123"), 123);
  EXPECT_EQ(ParseBytes("7B"), 7);
  EXPECT_EQ(ParseBytes("4MiB"), 4 << 20);
  EXPECT_EQ(ParseBytes("4mib"), 4 << 20);
  EXPECT_EQ(ParseBytes("4MB"), 4'000'000);
  EXPECT_EQ(ParseBytes("4 MiB"), 4 << 20);
  EXPECT_EQ(ParseBytes("1.5KiB"), 1536);
  EXPECT_EQ(ParseBytes("2TiB"), int64_t{2} << 40);
}

TEST(Bytes, RefusesWhatIsNotExactlyOneNumber) {
  for (const char* text : {"", "MiB", "-1", "1.", ".5MiB", "1..5KiB", "4 MiB ", "4MiBx", "4Mi",
                           "1.5B", "0x10", "1e3", "1KiB1B", "9999999TiB", "99999999999999999999"}) {
    EXPECT_EQ(ParseBytes(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseBytes("9223372036854775807"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ParseBytes("9223372036854775808"), std::nullopt);
}

TEST(Duration, CompoundAndFractions) {
  EXPECT_EQ(ParseDuration("0"), 0);
  EXPECT_EQ(ParseDuration("50ms"), 50'000'000);
  EXPECT_EQ(ParseDuration("1h30m"), 5'400'000'000'000);
  EXPECT_EQ(ParseDuration("1.5s"), 1'500'000'000);
  EXPECT_EQ(ParseDuration("2w"), ParseDuration("14d"));
  EXPECT_EQ(ParseDuration("250us"), 250'000);
}

TEST(Duration, RefusesMissingAndUnknownUnits) {
  for (const char* text : {"", "10", "s", "1h30", "-1s", "1 h", "1y", "0.5ns", "300000000000d"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(Quantities, FormatReadsBackAsTheSameNumber) {
  for (const int64_t n : {int64_t{0}, int64_t{1}, int64_t{999}, int64_t{1024}, int64_t{1025},
                          int64_t{4} << 20, (int64_t{3} << 30) + 1, int64_t{90} * 60'000'000'000,
                          int64_t{86'400'000'000'000} * 30, int64_t{1'000'000'001},
                          std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(ParseBytes(FormatBytes(n)), n) << FormatBytes(n);
    EXPECT_EQ(ParseDuration(FormatDuration(n)), n) << FormatDuration(n);
  }
  EXPECT_EQ(FormatBytes(4 << 20), "4MiB");
  EXPECT_EQ(FormatBytes(1500), "1500B");
  EXPECT_EQ(FormatDuration(5'400'000'000'000), "1h30m");
  EXPECT_EQ(FormatDuration(int64_t{86'400'000'000'000} * 30), "30d");
}

}  // namespace
}  // namespace brazier::config
