// Settings of the query-backend; the settings table (common/config) documents them for users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "worker/query_backend/fan_out.h"

namespace brazier::query_backend {

struct QueryBackendOptions {
  int threads = 0;                          // datasets that are read at a time, over all queries (work_gate.h); 0: one per processor
  size_t memory_bytes_max = 1ull << 30;     // of one query's partial results; over it: kResourceExhausted
  size_t memory_bytes_max_of_all = 2ull << 30;  // of what all queries hold at a time (memory_budget.h); 0: any
  size_t cache_bytes_max = 256 << 20;       // of decoded samples, all queries (dataset_cache.h); 0: none
  uint64_t batch_bytes_max = 32 << 20;      // stored bytes of blocks that one query holds at a time; at least one block
  std::string name = {};                    // ours, among the backends; explains who did what
  FanOutLimits fan_out = {};
};

}  // namespace brazier::query_backend
