// Who is asking: the tenants of a request, from X-Scope-OrgID. The only place where a tenant id enters the system over
// HTTP; the rules are those of common/model/tenant.h. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "server/http/http_message.h"

namespace brazier::http {

inline constexpr std::string_view kTenantHeader = "X-Scope-OrgID";

// Without multitenancy everybody is "anonymous" and the header is ignored. All errors are kUnauthenticated.
// Reads may name several tenants, "a|b"; the result is sorted, each once.
Result<std::vector<std::string>> ReadTenants(const Headers& headers, bool multitenancy);
Result<std::string> WriteTenant(const Headers& headers, bool multitenancy);

}  // namespace brazier::http
