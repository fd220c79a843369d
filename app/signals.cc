#include "app/signals.h"

#include <algorithm>
#include <csignal>
#include <string_view>

#include <pthread.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"

namespace brazier::app {
namespace {

sigset_t ShutdownSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

[[noreturn]] void ExitNow(std::string_view message, int code) {
  (void)!write(STDERR_FILENO, message.data(), message.size());
  _exit(code);
}

// Waits until the deadline in steps of what one sigtimedwait call may report early (EINTR).
void* GuardThread(void* timeout_ns) {
  const sigset_t set = ShutdownSignals();
  const int64_t deadline_ns = SystemClock().MonotonicNs() + *static_cast<int64_t*>(timeout_ns);
  for (;;) {
    const int64_t left_ns = std::max<int64_t>(0, deadline_ns - SystemClock().MonotonicNs());
    const timespec left{.tv_sec = left_ns / kNsPerSecond, .tv_nsec = left_ns % kNsPerSecond};
    const int number = sigtimedwait(&set, nullptr, &left);
    if (number > 0) ExitNow("second signal: exit without draining\n", 128 + number);
    if (left_ns == 0) ExitNow("shutdown.timeout is over: exit before all was drained\n", kExitDrainTimedOut);
  }
}

}  // namespace

void BlockShutdownSignals() {
  const sigset_t set = ShutdownSignals();
  CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  std::signal(SIGPIPE, SIG_IGN);
}

int WaitForShutdownSignal() {
  const sigset_t set = ShutdownSignals();
  int number = 0;
  while (sigwait(&set, &number) != 0) {
  }
  return number;
}

void GuardDrain(int64_t timeout_ns) {
  // Not a std::thread: nobody joins it, it ends with the process. It touches nothing but the signals.
  static int64_t guard_timeout_ns;
  guard_timeout_ns = timeout_ns;
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const int error = pthread_create(&thread, &attributes, GuardThread, &guard_timeout_ns);
  pthread_attr_destroy(&attributes);
  if (error == 0) pthread_setname_np(thread, "drain-guard");
}

}  // namespace brazier::app
