#include <gtest/gtest.h>

#include "common/observe/log.h"
#include "common/observe/logfmt.h"

namespace brazier {
namespace {

constexpr int64_t kTimeMs = 1'700'000'000'007;  // 2023-11-14T22:13:20.007Z

TEST(LogLine, HasTimeLevelMessageAndFieldsInOrder) {
  EXPECT_EQ(FormatLogLine(kTimeMs, LogLevel::kInfo, "segment flushed",
                          {{"shard", 3}, {"bytes", uint64_t{18446744073709551615u}}}),
            "time=2023-11-14T22:13:20.007Z level=info msg=\"segment flushed\" shard=3 "
            "bytes=18446744073709551615");
}

TEST(LogLine, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(FormatLogLine(kTimeMs, LogLevel::kWarn, "retry",
                          {{"plain", "a-b_c/d:4041"}, {"empty", ""}, {"equals", "a=b"}}),
            "time=2023-11-14T22:13:20.007Z level=warn msg=retry plain=a-b_c/d:4041 empty=\"\" "
            "equals=\"a=b\"");
}

TEST(LogLine, OneEventIsOneLineWhateverTheValueHolds) {
  const std::string line =
      FormatLogLine(kTimeMs, LogLevel::kError, "bad",
                    {{"value", std::string("a\nb\rc\td\"e\\f\x01g\x7f")}});
  EXPECT_EQ(line,
            "time=2023-11-14T22:13:20.007Z level=error msg=bad "
            "value=\"a\\nb\\rc\\td\\\"e\\\\f\\x01g\\x7f\"");
}

TEST(LogLine, KeepsUtf8AndCutsLongValuesBetweenCharacters) {
  EXPECT_NE(FormatLogLine(kTimeMs, LogLevel::kDebug, "m", {{"v", "größe"}}).find("v=größe"),
            std::string::npos);
  // An odd start puts the limit into the middle of a two-byte character.
  std::string value = "x";
  while (value.size() <= kLogValueBytesMax) value += "é";
  const std::string line = FormatLogLine(kTimeMs, LogLevel::kDebug, "m", {{"v", value}});
  ASSERT_GE(line.size(), 6u);
  EXPECT_EQ(line.substr(line.size() - 6), "é...\"");
  EXPECT_LT(line.size(), kLogValueBytesMax + 100);
}

TEST(Log, LevelDecidesWhatReachesStderr) {
  InitLogging("warn");
  testing::internal::CaptureStderr();
  Log(LogLevel::kInfo, "not this", {{"n", 1}});
  Log(LogLevel::kWarn, "but {this}", {{"n", 2}});  // braces are text, never a format
  const std::string out = testing::internal::GetCapturedStderr();
  EXPECT_EQ(out.find("not this"), std::string::npos);
  EXPECT_NE(out.find("level=warn msg=\"but {this}\" n=2\n"), std::string::npos);
  InitLogging("info");
}

}  // namespace
}  // namespace brazier
