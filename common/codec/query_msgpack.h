// Query plans and partial results on the execute pipeline, as msgpack. docs/format/zeromq-query.md.
// Decoding is for hostile input: trees, symbols and counts are validated.
#pragma once

#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/model/query.h"

namespace brazier::codec {

std::string EncodeQueryPlan(const QueryPlan& plan);
Result<QueryPlan> DecodeQueryPlan(Bytes data);
std::string EncodeQueryResult(const QueryResult& result);
Result<QueryResult> DecodeQueryResult(Bytes data);

}  // namespace brazier::codec
