// Roll-ups are derived: this recomputes those of an object from its rows and compares. For tools that hold the whole object; memory
// is the object, and the distinct (series, bucket, stack) of its largest dataset. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/status.h"

namespace brazier::ctl {

struct RollupReport {
  static constexpr size_t kDifferencesKept = 1'000;

  uint64_t objects = 0;
  uint64_t datasets = 0;        // with a roll-up
  uint64_t rows = 0;            // raw ones of these
  uint64_t hour_rows = 0;
  uint64_t day_rows = 0;
  uint64_t different = 0;       // buckets of series that differ
  std::vector<std::string> differences;  // the first of them, one line each
};

// Adds to the report. An error when the object cannot be read.
Status VerifyRollups(Bytes object, const std::string& name, RollupReport* report);

}  // namespace brazier::ctl
