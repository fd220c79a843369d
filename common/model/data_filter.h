// DataFilter: which profiles of which series something is about, here: what an operator deletes. Value; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>

namespace brazier {

struct DataFilter {
  std::string tenant;    // exact, never empty
  std::string service;   // exact; empty: all of the tenant's
  std::string selector;  // text as of queries; empty: every series
  int64_t start_ns = 0;  // of profiles' times, inclusive
  int64_t end_ns = 0;    // inclusive
  friend bool operator==(const DataFilter&, const DataFilter&) = default;
};

}  // namespace brazier
