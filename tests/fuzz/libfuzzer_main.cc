// The same fuzzers under libFuzzer: coverage-guided, run by ./dev fuzz. BRAZIER_FUZZER names the one to run;
// BRAZIER_FUZZ_CORPUS, when set, is a folder that the built-in corpus is written to first.
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/fuzz/fuzzers.h"

namespace {
const brazier::fuzz::Fuzzer* g_fuzzer = nullptr;
}

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* name = std::getenv("BRAZIER_FUZZER");
  g_fuzzer = name == nullptr ? nullptr : brazier::fuzz::FindFuzzer(name);
  if (g_fuzzer == nullptr) {
    std::fprintf(stderr, "set BRAZIER_FUZZER to one of:\n");
    for (const auto& f : brazier::fuzz::AllFuzzers()) std::fprintf(stderr, "  %s\n", std::string(f.name).c_str());
    std::exit(2);
  }
  if (const char* folder = std::getenv("BRAZIER_FUZZ_CORPUS")) {
    int number = 0;
    for (const std::string& input : g_fuzzer->corpus()) {
      std::ofstream(std::string(folder) + "/built-in-" + std::to_string(number++), std::ios::binary) << input;
    }
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  g_fuzzer->run({data, size});
  return 0;
}
