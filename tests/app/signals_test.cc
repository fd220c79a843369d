#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include <unistd.h>

#include "app/signals.h"

namespace brazier::app {
namespace {

// Each runs in a child of its own (EXPECT_EXIT forks): signals and exits are the process's.

TEST(Signals, AreValuesThatMainWaitsFor) {
  EXPECT_EXIT(
      {
        BlockShutdownSignals();
        kill(getpid(), SIGTERM);
        _exit(WaitForShutdownSignal() == SIGTERM ? 42 : 1);
      },
      testing::ExitedWithCode(42), "");
}

TEST(Signals, ASecondOneEndsTheDrainAtOnce) {
  EXPECT_EXIT(
      {
        BlockShutdownSignals();
        GuardDrain(60'000'000'000);
        kill(getpid(), SIGINT);
        for (;;) pause();
      },
      testing::ExitedWithCode(128 + SIGINT), "second signal");
}

TEST(Signals, ADrainThatTakesTooLongEnds) {
  EXPECT_EXIT(
      {
        BlockShutdownSignals();
        GuardDrain(1'000'000);
        for (;;) pause();
      },
      testing::ExitedWithCode(kExitDrainTimedOut), "shutdown.timeout");
}

TEST(Signals, ABrokenPipeIsAnErrorCode) {
  EXPECT_EXIT(
      {
        BlockShutdownSignals();
        int ends[2];
        if (pipe(ends) != 0) _exit(1);
        close(ends[0]);
        _exit(write(ends[1], "x", 1) == -1 ? 42 : 1);
      },
      testing::ExitedWithCode(42), "");
}

}  // namespace
}  // namespace brazier::app
