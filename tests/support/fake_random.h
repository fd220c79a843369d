// FakeRandom: a sequence that a seed replays. Thread-safe.
#pragma once

#include <atomic>

#include "common/base/random.h"

namespace brazier::testing {

class FakeRandom final : public Random {
 public:
  explicit FakeRandom(uint64_t seed = 1) : state_(seed) {}
  // SplitMix64 (Steele, Lea and Flood, 2014).
  uint64_t Next() override {
    uint64_t z = state_.fetch_add(0x9E3779B97F4A7C15ull) + 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t n) { return Next() % n; }

 private:
  std::atomic<uint64_t> state_;
};

}  // namespace brazier::testing
