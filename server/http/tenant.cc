#include "server/http/tenant.h"

#include "common/model/labels.h"
#include "common/model/tenant.h"

namespace brazier::http {
namespace {

Status Unauthenticated(std::string message) { return {Code::kUnauthenticated, std::move(message)}; }

// The texts are those that clients of the compatible API know.
Status ToStatus(const TenantCheck& check) {
  switch (check.fault) {
    case TenantFault::kNone:
      return Status::Ok();
    case TenantFault::kEmpty:
      return Unauthenticated("no org id");
    case TenantFault::kForbiddenByte:
      return Unauthenticated("tenant ID '" + std::string(check.id) +
                             "' contains unsupported character '" +
                             std::string(1, check.id[check.position]) + "'");
    case TenantFault::kTooLong:
      return Unauthenticated("tenant ID is too long: max " + std::to_string(kTenantBytesMax) +
                             " characters");
    case TenantFault::kReserved:
      return Unauthenticated("tenant ID is '.' or '..'");
    case TenantFault::kTooMany:
      return Unauthenticated("more than " + std::to_string(kTenantsPerQueryMax) +
                             " org IDs present");
  }
  return Internal("unknown tenant fault");
}

}  // namespace

Result<std::vector<std::string>> ReadTenants(const Headers& headers, bool multitenancy) {
  if (!multitenancy) return std::vector<std::string>{std::string(kAnonymousTenant)};
  const std::string* given = nullptr;
  for (const auto& [name, value] : headers.items()) {
    if (!EqualsIgnoreCase(name, kTenantHeader)) continue;
    // A proxy that adds its own field behind the client's must not lose against it.
    if (given != nullptr && *given != value) return Unauthenticated("multiple org IDs present");
    given = &value;
  }
  if (given == nullptr || given->empty()) return Unauthenticated("no org id");
  std::vector<std::string> tenants;
  RETURN_IF_ERROR(ToStatus(ParseTenants(*given, &tenants)));
  return tenants;
}

Result<std::string> WriteTenant(const Headers& headers, bool multitenancy) {
  ASSIGN_OR_RETURN(std::vector<std::string> tenants, ReadTenants(headers, multitenancy));
  if (tenants.size() > 1) return Unauthenticated("multiple org IDs present");
  return std::move(tenants[0]);
}

}  // namespace brazier::http
