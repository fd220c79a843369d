// Query plans and partial results on the execute pipeline, as msgpack. docs/format/zeromq-query.md.
// Decoding is for hostile input: trees, symbols and counts are validated.
#pragma once

#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/model/query.h"

namespace brazier::codec {

// A plan's share travels in the header of its message, not in these bytes.
std::string EncodePlanPart(const PlanPart& part);
inline std::string EncodeQueryPlan(const QueryPlan& plan) { return EncodePlanPart({plan.spec, plan.root}); }
Result<QueryPlan> DecodeQueryPlan(Bytes data);
std::string EncodeQueryResult(const QueryResult& result);
Result<QueryResult> DecodeQueryResult(Bytes data);

}  // namespace brazier::codec
