#include "server/http/tenant.h"

#include <algorithm>

#include "common/model/labels.h"

namespace brazier::http {
namespace {

Status Unauthenticated(std::string message) { return {Code::kUnauthenticated, std::move(message)}; }

bool IsTenantCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!-_.*'()").find(c) != std::string_view::npos;
}

Status CheckTenant(std::string_view id) {
  if (id.empty()) return Unauthenticated("no org id");
  for (const char c : id) {
    if (IsTenantCharacter(c)) continue;
    return Unauthenticated("tenant ID '" + std::string(id) + "' contains unsupported character '" +
                           std::string(1, c) + "'");
  }
  if (id.size() > kTenantBytesMax) {
    return Unauthenticated("tenant ID is too long: max " + std::to_string(kTenantBytesMax) +
                           " characters");
  }
  if (id == "." || id == "..") return Unauthenticated("tenant ID is '.' or '..'");
  return Status::Ok();
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
  std::string_view rest = *given;
  for (;;) {
    const size_t bar = rest.find('|');
    const std::string_view id = rest.substr(0, bar);
    RETURN_IF_ERROR(CheckTenant(id));
    if (tenants.size() == kTenantsPerReadMax) {
      return Unauthenticated("more than " + std::to_string(kTenantsPerReadMax) + " org IDs present");
    }
    tenants.emplace_back(id);
    if (bar == std::string_view::npos) break;
    rest.remove_prefix(bar + 1);
  }
  std::sort(tenants.begin(), tenants.end());
  tenants.erase(std::unique(tenants.begin(), tenants.end()), tenants.end());
  return tenants;
}

Result<std::string> WriteTenant(const Headers& headers, bool multitenancy) {
  ASSIGN_OR_RETURN(std::vector<std::string> tenants, ReadTenants(headers, multitenancy));
  if (tenants.size() > 1) return Unauthenticated("multiple org IDs present");
  return std::move(tenants[0]);
}

}  // namespace brazier::http
