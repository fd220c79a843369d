// The table of fuzzers: what is fed with hostile bytes, and the valid inputs that mutations start from.
//
// A fuzzer must return for every input; a crash, a sanitizer's report, a FUZZ_CHECK or too much time or memory is a finding.
// Corpora are built in code, so that they follow the formats. Both are pure; Thread-compatible.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"

namespace brazier::fuzz {

struct Fuzzer {
  std::string_view name;
  std::string_view what;
  void (*run)(Bytes input);
  std::vector<std::string> (*corpus)();
};

std::span<const Fuzzer> AllFuzzers();
const Fuzzer* FindFuzzer(std::string_view name);

// Has a planted bug that one mutated byte reaches; a driver that does not find it finds nothing. Not in AllFuzzers().
const Fuzzer& Canary();

}  // namespace brazier::fuzz

// What must hold for every input; ends the process so that both drivers see it.
#define FUZZ_CHECK(condition)                                                            \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "FUZZ_CHECK failed: %s (%s:%d)\n", #condition, __FILE__, __LINE__); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
