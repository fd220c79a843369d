// Settings of the query-frontend; the settings table (common/config) documents them for users.
#pragma once

#include <cstddef>
#include <cstdint>

namespace brazier::query_frontend {

struct QueryFrontendOptions {
  // Unless a tenant has its own (query_limits.h).
  int64_t query_length_max_ns = int64_t{30} * 24 * 3600 * 1'000'000'000;  // 0: no limit
  int64_t query_lookback_ns = int64_t{31} * 24 * 3600 * 1'000'000'000;    // 0: no limit
  uint64_t query_bytes_max = 0;   // that one plan reads; 0: no limit
  size_t tenant_concurrency = 16; // queries of one tenant that run at once; 0: no limit
  uint32_t tenant_weight = 1;     // share of what is read while queries wait
  // Of all tenants.
  size_t concurrency = 16;   // queries that run at once; at least 1
  size_t queue_max = 1'000;  // queries that wait, of one tenant at most half of it
  int64_t slow_query_ns = 0;  // a query that takes longer is logged with what was executed where; 0: none
  int64_t memory_bytes_max = 0;        // of partial results on a backend; 0: the backend's default
  uint64_t read_node_bytes_max = 64 << 20;  // one read node reads about this much
  uint64_t read_node_bytes_min = 8 << 20;   // with several backends, one reads at least this much
  int attempts_max = 3;                // backends tried for one query
};

}  // namespace brazier::query_frontend
