// The driver without libFuzzer: seeded, replayable, part of the tests.
//
//   brazier_fuzzers list
//   brazier_fuzzers smoke [SEED]              every fuzzer for a few thousand inputs
//   brazier_fuzzers run NAME SEED [SECONDS]   one of them
//   brazier_fuzzers canary [SEED]             must end with a crash
//   brazier_fuzzers replay NAME FILE          one input
//
// The seed is printed first; with the commit it replays the run. The input at work is named when the process dies of it.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "tests/fuzz/fuzzers.h"
#include "tests/fuzz/mutator.h"

namespace brazier::fuzz {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr int kSmokeInputs = 30'000;
constexpr double kSmokeSeconds = 5;
constexpr double kInputSecondsMax = 5;
constexpr long kRssKilobytesMax = 1'500'000;  // AddressSanitizer's shadow and quarantine included

char g_at_work[256];

void OnAbort(int signal) {
  // Only async-signal-safe calls from here on.
  const ssize_t ignored = write(2, g_at_work, std::strlen(g_at_work));
  (void)ignored;
  std::signal(signal, SIG_DFL);
  raise(signal);
}

double SecondsSince(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

long PeakRssKilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// Feeds the corpus as it is, then mutations. False, with a line on stdout, when an input took too much time or memory.
bool RunFuzzer(const Fuzzer& fuzzer, uint64_t seed, int inputs, double seconds) {
  const std::vector<std::string> corpus = fuzzer.corpus();
  Mutator mutator(seed);
  const auto begin = SteadyClock::now();
  int done = 0;
  for (; done < inputs && SecondsSince(begin) < seconds; ++done) {
    const std::string input = static_cast<size_t>(done) < corpus.size() ? corpus[static_cast<size_t>(done)] : mutator.Next(corpus);
    std::snprintf(g_at_work, sizeof g_at_work, "\nfuzzer %s, seed %lu, input %d, %zu bytes\n", std::string(fuzzer.name).c_str(),
                  seed, done, input.size());
    const auto started = SteadyClock::now();
    fuzzer.run(AsBytes(input));
    if (SecondsSince(started) > kInputSecondsMax || PeakRssKilobytes() > kRssKilobytesMax) {
      std::printf("%s: seed %lu, input %d: %.1f s, peak %ld KB\n", std::string(fuzzer.name).c_str(), seed, done,
                  SecondsSince(started), PeakRssKilobytes());
      return false;
    }
  }
  std::printf("%-16s %d inputs in %.1f s\n", std::string(fuzzer.name).c_str(), done, SecondsSince(begin));
  std::fflush(stdout);
  return true;
}

int Smoke(uint64_t seed) {
  int passed = 0, failed = 0;
  for (const Fuzzer& fuzzer : AllFuzzers()) ++(RunFuzzer(fuzzer, seed, kSmokeInputs, kSmokeSeconds) ? passed : failed);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

int Replay(const Fuzzer& fuzzer, const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string input((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  fuzzer.run(AsBytes(input));
  std::printf("%zu bytes: no finding\n", input.size());
  return 0;
}

int Main(int argc, char** argv) {
  for (int signal : {SIGABRT, SIGSEGV, SIGILL, SIGFPE, SIGBUS}) {
#if defined(__SANITIZE_ADDRESS__)
    if (signal != SIGABRT) continue;  // the sanitizer's own report says more
#endif
    std::signal(signal, OnAbort);
  }
  const std::string_view command = argc > 1 ? argv[1] : "";
  const auto seed_at = [&](int index) {
    return argc > index ? std::strtoull(argv[index], nullptr, 10)
                        : static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  };
  if (command == "list") {
    for (const Fuzzer& f : AllFuzzers()) std::printf("%-16s %s\n", std::string(f.name).c_str(), std::string(f.what).c_str());
    return 0;
  }
  if (command == "smoke" || command == "canary") {
    const uint64_t seed = seed_at(2);
    std::printf("%s: seed %lu\n", argv[1], seed);
    std::fflush(stdout);
    if (command == "smoke") return Smoke(seed);
    RunFuzzer(Canary(), seed, 100'000, 30);
    std::printf("the canary survived: this driver finds nothing\n");
    return 0;
  }
  const Fuzzer* fuzzer = argc > 2 ? FindFuzzer(argv[2]) : nullptr;
  if (fuzzer != nullptr && command == "replay" && argc > 3) return Replay(*fuzzer, argv[3]);
  if (fuzzer != nullptr && command == "run") {
    const uint64_t seed = seed_at(3);
    std::printf("run: seed %lu\n", seed);
    std::fflush(stdout);
    return RunFuzzer(*fuzzer, seed, INT32_MAX, argc > 4 ? std::atof(argv[4]) : 60) ? 0 : 1;
  }
  std::fprintf(stderr, "usage: brazier_fuzzers list | smoke [SEED] | run NAME SEED [SECONDS] | canary [SEED] | replay NAME FILE\n");
  return 2;
}

}  // namespace
}  // namespace brazier::fuzz

int main(int argc, char** argv) { return brazier::fuzz::Main(argc, argv); }
