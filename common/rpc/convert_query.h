// Queries and answers <-> the wire; renders the merged reports (truncation, columns, levels, pprof).
// Includes generated code: only for .cc files of this folder and tests.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/contract/query_frontend.h"
#include "idl/query_types.h"

namespace brazier::rpc {

// kInvalidArgument for a report kind that does not exist.
Result<contract::QueryRequest> QueryFromWire(const idl::QueryRequest& request,
                                             std::vector<std::string> tenants);
idl::QueryRequest QueryToWire(const contract::QueryRequest& request);

// Renders each report as its request asks. kResourceExhausted, reason "answer_size_limit", when the whole would be
// larger than `bytes_max`.
Result<idl::QueryResponse> AnswerToWire(const idl::QueryRequest& request,
                                        const contract::QueryResponse& response, size_t bytes_max);

idl::QueryStats QueryStatsToWire(const QueryStats& stats);
QueryStats QueryStatsFromWire(const idl::QueryStats& stats);

}  // namespace brazier::rpc
