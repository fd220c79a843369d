#include "common/rpc/tenant_header.h"

#include <algorithm>

#include "common/model/labels.h"
#include "common/rpc/rpc_limits.h"

namespace brazier::rpc {

namespace {

bool IsTenantCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!-_.*'()").find(c) != std::string_view::npos;
}

Status Refused(std::string message, std::string_view reason) {
  return Status(Code::kUnauthenticated, std::move(message)).WithReason(reason);
}

}  // namespace

Status ValidateTenant(std::string_view tenant) {
  if (tenant.empty()) return Refused("no tenant in the request header", "tenant_missing");
  if (tenant.size() > kTenantBytesMax) {
    return Refused("tenant of " + std::to_string(tenant.size()) + " bytes, the limit is " +
                       std::to_string(kTenantBytesMax),
                   "tenant_too_long");
  }
  if (tenant == "." || tenant == "..") {
    return Refused("tenant must not be \".\" or \"..\"", "tenant_invalid");
  }
  for (size_t i = 0; i < tenant.size(); ++i) {
    if (!IsTenantCharacter(tenant[i])) {
      return Refused("tenant has a forbidden character at byte " + std::to_string(i) +
                         "; allowed are letters, digits and !-_.*'()",
                     "tenant_invalid");
    }
  }
  return Status::Ok();
}

Result<std::string> WriteTenant(bool multitenancy, std::string_view field) {
  if (!multitenancy) return std::string(kAnonymousTenant);
  RETURN_IF_ERROR(ValidateTenant(field));
  return std::string(field);
}

Result<std::vector<std::string>> ReadTenants(bool multitenancy, std::string_view field) {
  if (!multitenancy) return std::vector<std::string>{std::string(kAnonymousTenant)};
  std::vector<std::string> tenants;
  for (size_t begin = 0;;) {
    const size_t end = std::min(field.find('|', begin), field.size());
    const std::string_view one = field.substr(begin, end - begin);
    RETURN_IF_ERROR(ValidateTenant(one));
    if (tenants.size() == kTenantsPerQueryMax) {
      return Refused("more than " + std::to_string(kTenantsPerQueryMax) + " tenants in one query",
                     "too_many_tenants");
    }
    tenants.emplace_back(one);
    if (end == field.size()) break;
    begin = end + 1;
  }
  std::sort(tenants.begin(), tenants.end());
  tenants.erase(std::unique(tenants.begin(), tenants.end()), tenants.end());
  return tenants;
}

}  // namespace brazier::rpc
