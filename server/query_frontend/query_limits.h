// The limits of a query by whose it is: the options of the query-frontend, and in their place what a tenant has of its own in
// overrides.path. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/config/overrides.h"
#include "server/query_frontend/query_frontend_options.h"

namespace brazier::query_frontend {

// The options as they hold for a query of these tenants. Of several tenants: length, look-back and bytes are the smallest that
// is not 0; concurrency and weight are the first tenant's, which is charged. `overrides` may be null.
QueryFrontendOptions OptionsFor(const std::vector<std::string>& tenants, const QueryFrontendOptions& options,
                                const config::Overrides* overrides);

}  // namespace brazier::query_frontend
