// What a query must satisfy before it is planned; texts are those that clients of the compatible API know. Pure.
#pragma once

#include "common/base/result.h"
#include "common/contract/metastore.h"
#include "common/contract/query_frontend.h"
#include "common/model/query.h"
#include "server/query_frontend/query_frontend_options.h"

namespace brazier::query_frontend {

struct ValidQuery {
  QuerySpec spec;
  contract::FindBlocksRequest find;
  bool is_empty = false;  // the range lies outside what may be looked at: answer with nothing
};

Result<ValidQuery> ValidateQuery(const contract::QueryRequest& request,
                                 const QueryFrontendOptions& options, int64_t now_ns);

}  // namespace brazier::query_frontend
