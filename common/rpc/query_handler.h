// QueryHandler: the Thrift door of the query-frontend. Renders the merged reports: truncation to max_nodes, columns or
// levels, pprof. The references outlive the service.
#pragma once

#include <cstddef>
#include <memory>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/query_frontend.h"
#include "common/observe/metrics.h"
#include "common/rpc/rpc_limits.h"

namespace brazier::rpc {

struct ThriftService;

struct QueryHandlerOptions {
  // Off: every query reads kAnonymousTenant. On: the header must name valid tenants, separated by '|'.
  bool multitenancy = false;
  // Larger answers are refused with reason "answer_size_limit". Below FrameLimits::frame_bytes_max by a margin.
  size_t answer_bytes_max = (64u << 20) - (1u << 20);
  // Longest time of a call; the deadline of one that names none.
  int64_t timeout_ms = kDefaultDeadlineMs;
};

std::shared_ptr<ThriftService> MakeQueryService(const QueryHandlerOptions& options,
                                                contract::QueryFrontend& frontend,
                                                const Clock& clock, Random& random,
                                                MetricsRegistry& metrics);

}  // namespace brazier::rpc
