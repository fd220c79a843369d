#include "common/rpc/tenant_header.h"

#include "common/model/labels.h"
#include "common/model/tenant.h"

namespace brazier::rpc {

namespace {

Status Refused(std::string message, std::string_view reason) {
  return Status(Code::kUnauthenticated, std::move(message)).WithReason(reason);
}

Status ToStatus(const TenantCheck& check) {
  switch (check.fault) {
    case TenantFault::kNone:
      return Status::Ok();
    case TenantFault::kEmpty:
      return Refused("no tenant in the request header", "tenant_missing");
    case TenantFault::kForbiddenByte:
      return Refused("tenant has a forbidden character at byte " + std::to_string(check.position) +
                         "; allowed are letters, digits and !-_.*'()",
                     "tenant_invalid");
    case TenantFault::kTooLong:
      return Refused("tenant of " + std::to_string(check.id.size()) + " bytes, the limit is " +
                         std::to_string(kTenantBytesMax),
                     "tenant_too_long");
    case TenantFault::kReserved:
      return Refused("tenant must not be \".\" or \"..\"", "tenant_invalid");
    case TenantFault::kTooMany:
      return Refused("more than " + std::to_string(kTenantsPerQueryMax) + " tenants in one query",
                     "too_many_tenants");
  }
  return Internal("unknown tenant fault");
}

}  // namespace

Result<std::string> WriteTenant(bool multitenancy, std::string_view field) {
  if (!multitenancy) return std::string(kAnonymousTenant);
  RETURN_IF_ERROR(ToStatus(CheckTenant(field)));
  return std::string(field);
}

Result<std::vector<std::string>> ReadTenants(bool multitenancy, std::string_view field) {
  if (!multitenancy) return std::vector<std::string>{std::string(kAnonymousTenant)};
  std::vector<std::string> tenants;
  RETURN_IF_ERROR(ToStatus(ParseTenants(field, &tenants)));
  return tenants;
}

}  // namespace brazier::rpc
