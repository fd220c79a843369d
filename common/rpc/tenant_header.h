// Who is asking: turns the tenant field of a request header into tenants, or refuses it. The rules are those of
// common/model/tenant.h. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace brazier::rpc {

// For writes: exactly one tenant. Without multi-tenancy it is kAnonymousTenant, whatever the field says.
// kUnauthenticated for a missing or malformed one.
Result<std::string> WriteTenant(bool multitenancy, std::string_view field);

// For reads: one or several, separated by '|'; sorted, each once. At most kTenantsPerQueryMax.
Result<std::vector<std::string>> ReadTenants(bool multitenancy, std::string_view field);

}  // namespace brazier::rpc
