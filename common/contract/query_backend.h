// What a query-frontend (or a backend that fans out) asks of a query-backend: execute this plan.
#pragma once

#include "common/base/result.h"
#include "common/contract/context.h"
#include "common/model/query.h"

namespace brazier::contract {

class QueryBackend {
 public:
  virtual ~QueryBackend() = default;
  // Blocks until the answer, the deadline, a cancellation (kCancelled), or a failure. A block that is gone or corrupt makes the answer fail with
  // kUnavailable or kCorruption naming it: partial answers are never silent. Thread-safe.
  virtual Result<QueryResult> Execute(const RequestContext& context, const QueryPlan& plan) = 0;
  virtual Status Ready() = 0;
};

}  // namespace brazier::contract
