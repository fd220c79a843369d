#include "common/model/tenant.h"

#include <algorithm>

namespace brazier {
namespace {

bool IsTenantByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!-_.*'()").find(c) != std::string_view::npos;
}

}  // namespace

TenantCheck CheckTenant(std::string_view id) {
  if (id.empty()) return {TenantFault::kEmpty, id};
  const auto forbidden = std::find_if_not(id.begin(), id.end(), IsTenantByte);
  if (forbidden != id.end()) {
    return {TenantFault::kForbiddenByte, id, static_cast<size_t>(forbidden - id.begin())};
  }
  if (id.size() > kTenantBytesMax) return {TenantFault::kTooLong, id};
  if (id == "." || id == "..") return {TenantFault::kReserved, id};
  return {TenantFault::kNone, id};
}

TenantCheck ParseTenants(std::string_view field, std::vector<std::string>* tenants) {
  tenants->clear();
  for (std::string_view rest = field;;) {
    const size_t bar = rest.find('|');
    const TenantCheck check = CheckTenant(rest.substr(0, bar));
    if (!check.ok()) return check;
    if (tenants->size() == kTenantsPerQueryMax) return {TenantFault::kTooMany, check.id};
    tenants->emplace_back(check.id);
    if (bar == std::string_view::npos) break;
    rest.remove_prefix(bar + 1);
  }
  std::sort(tenants->begin(), tenants->end());
  tenants->erase(std::unique(tenants->begin(), tenants->end()), tenants->end());
  return {};
}

}  // namespace brazier
