// Tenant: what may name one, and how many a query may name. The rules of every door stand here; a door only words its
// refusals (server/http as the reference system does, common/rpc and common/pipeline with a reason each). Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace brazier {

// Letters, digits and !-_.*'() ; neither "." nor "..".
inline constexpr size_t kTenantBytesMax = 150;
// Of one query, repeats counted. Also the limit of everything behind the doors: plans, look-ups in the index.
inline constexpr size_t kTenantsPerQueryMax = 64;

// The first thing that is wrong, in the order of checking: a forbidden byte is named even in an id that is too long.
enum class TenantFault { kNone, kEmpty, kForbiddenByte, kTooLong, kReserved, kTooMany };

struct TenantCheck {
  TenantFault fault = TenantFault::kNone;
  std::string_view id;  // the id at fault, a view of what was checked
  size_t position = 0;  // of the first forbidden byte in `id`

  bool ok() const { return fault == TenantFault::kNone; }
};

TenantCheck CheckTenant(std::string_view id);

// "a|b": the tenants of a query; `tenants` is sorted, each once. On a fault `tenants` is left in any state.
TenantCheck ParseTenants(std::string_view field, std::vector<std::string>* tenants);

}  // namespace brazier
