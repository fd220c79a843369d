// What the doors (HTTP, Thrift) ask of the query-frontend: answer this query, completely, or with an error, or,
// where objects are known to be damaged, saying without which of them.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/contract/context.h"
#include "common/contract/metastore.h"
#include "common/model/query.h"

namespace brazier::contract {

struct QueryRequest {
  std::vector<std::string> tenants;  // authenticated at the edge
  int64_t start_ns = 0;              // inclusive; both 0: missing
  int64_t end_ns = 0;                // inclusive
  std::vector<std::string> selectors;  // each a full selector text; all must match
  std::string profile_type;            // id; required by all kinds but those of labels
  std::vector<std::string> call_site;  // root-first stack prefix
  SampleFilter filter;
  std::vector<ReportRequest> reports;
  bool explain = false;  // say what was read for the answer
};

struct QueryResponse {
  std::vector<Report> reports;  // merged and complete, not truncated: rendering does that, once
  QueryStats stats;
  std::string explanation;  // for people; empty unless asked for
};

class QueryFrontend {
 public:
  virtual ~QueryFrontend() = default;
  // Validates (limits, selector, range), plans, executes. kInvalidArgument texts are those of the compatible API.
  // A range that lies outside the look-back limit, or an unknown tenant, answers OK with empty reports. kCancelled soon
  // after the context was cancelled. Thread-safe.
  virtual Result<QueryResponse> Query(const RequestContext& context, const QueryRequest& request) = 0;
  virtual Result<TenantStats> GetTenantStats(const RequestContext& context,
                                             const std::string& tenant) = 0;
  virtual Status Ready() = 0;
};

}  // namespace brazier::contract
