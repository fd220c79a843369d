// Sums that stay at the largest (or smallest) number instead of turning over: values come from outside.
#pragma once

#include <cstdint>

namespace brazier {

inline void AddSaturating(int64_t* sum, int64_t value) {
  if (__builtin_add_overflow(*sum, value, sum)) *sum = value < 0 ? INT64_MIN : INT64_MAX;
}

}  // namespace brazier
