#include "app/signals.h"

#include <cerrno>
#include <csignal>

#include <pthread.h>
#include <unistd.h>

#include "common/base/check.h"

namespace brazier::app {
namespace {

sigset_t ShutdownSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
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

void ExitOnNextSignal() {
  // Not a std::thread: nobody joins it, it ends with the process. It touches nothing but the signal mask.
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const int error = pthread_create(
      &thread, &attributes,
      [](void*) -> void* {
        const int number = WaitForShutdownSignal();
        constexpr char kMessage[] = "second signal: exit without draining\n";
        (void)!write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
        _exit(128 + number);
      },
      nullptr);
  pthread_attr_destroy(&attributes);
  if (error == 0) pthread_setname_np(thread, "signals");
}

}  // namespace brazier::app
