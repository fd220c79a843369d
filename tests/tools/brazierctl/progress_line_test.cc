#include "tools/brazierctl/progress_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/support/fake_clock.h"

namespace brazier::ctl {
namespace {

TEST(ProgressText, NamesWhatIsDoneAndWhatIsLeft) {
  const metastore::WalkProgress progress{
      .objects_done = 100, .objects_found = 1000, .bytes_done = 1 << 20, .bytes_found = 10 << 20};
  EXPECT_EQ(ProgressText(progress, 10 * kNsPerSecond),
            "100 of 1000 objects, 1.00MiB of 10.00MiB, 10/s, 1m30s left");
  EXPECT_EQ(ProgressText({.objects_found = 3, .bytes_found = 3072}, kNsPerSecond),
            "0 of 3 objects, 0B of 3.00KiB");
}

TEST(ProgressLine, IsWrittenAnewOnATerminalAndNowAndThenElsewhere) {
  brazier::testing::FakeClock clock;
  std::ostringstream terminal, plain;
  ProgressLine on_terminal(terminal, true, clock), elsewhere(plain, false, clock);
  metastore::WalkProgress progress{.objects_found = 210, .bytes_found = 210};
  for (; progress.objects_done < 210; ++progress.objects_done) {
    clock.Advance(kNsPerSecond / 10);
    on_terminal.Update(progress);
    elsewhere.Update(progress);
  }
  on_terminal.Finish();
  elsewhere.Finish();
  EXPECT_EQ(std::ranges::count(terminal.str(), '\n'), 0);
  EXPECT_EQ(std::ranges::count(terminal.str(), '\r'), 105 + 2);
  EXPECT_EQ(std::ranges::count(plain.str(), '\n'), 2);
  EXPECT_TRUE(terminal.str().ends_with(" \r"));
}

}  // namespace
}  // namespace brazier::ctl
