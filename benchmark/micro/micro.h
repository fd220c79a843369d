// What the micro benchmarks share.
#pragma once

#include <sys/resource.h>

#include "common/base/random.h"

namespace brazier::benchmark {

// User and system time of this process.
inline double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// Ids that are the same in every run.
class CountingRandom final : public Random {
 public:
  uint64_t Next() override { return ++state_; }

 private:
  uint64_t state_ = 0;
};

}  // namespace brazier::benchmark
