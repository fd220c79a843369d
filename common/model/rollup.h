// The buckets of roll-ups: exact totals by stack of one series over an hour or a day (UTC). A bucket at e holds the profiles with a
// time in (e - length, e], as the buckets of time series do, so that a day is exactly its 24 hours. Pure functions.
#pragma once

#include <cstdint>

namespace brazier {

inline constexpr int64_t kRollupHourNs = int64_t{3600} * 1'000'000'000;
inline constexpr int64_t kRollupDayNs = 24 * kRollupHourNs;

// The end of the bucket of this length that holds the time. REQUIRES: 0 <= time_ns <= INT64_MAX - bucket_ns
constexpr int64_t RollupBucketEnd(int64_t time_ns, int64_t bucket_ns) {
  return (time_ns + bucket_ns - 1) / bucket_ns * bucket_ns;
}

}  // namespace brazier
