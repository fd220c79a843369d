// Random: the seam for randomness. Cores never draw numbers themselves.
#pragma once

#include <cstdint>

namespace brazier {

class Random {
 public:
  virtual ~Random() = default;
  // A uniform 64-bit number. Thread-safe.
  virtual uint64_t Next() = 0;
};

// The operating system's randomness. Lives for the whole process.
Random& SystemRandom();

}  // namespace brazier
