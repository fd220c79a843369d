#include "app/target.h"

#include <array>

namespace brazier::app {
namespace {

struct RoleName {
  const char* name;
  bool Roles::*member;
};

constexpr std::array<RoleName, 6> kRoleNames = {{{"distributor", &Roles::distributor},
                                                 {"segment-writer", &Roles::segment_writer},
                                                 {"metastore", &Roles::metastore},
                                                 {"query-frontend", &Roles::query_frontend},
                                                 {"query-backend", &Roles::query_backend},
                                                 {"compaction-worker", &Roles::compaction_worker}}};

}  // namespace

std::vector<std::string> Roles::Names() const {
  std::vector<std::string> names;
  for (const RoleName& role : kRoleNames) {
    if (this->*role.member) names.emplace_back(role.name);
  }
  return names;
}

Result<Roles> ParseTarget(const std::vector<std::string>& target) {
  if (target.empty()) return InvalidArgument("target names no role; use \"all\"");
  Roles roles;
  for (const std::string& name : target) {
    bool known = name == "all";
    for (const RoleName& role : kRoleNames) {
      if (name != role.name && name != "all") continue;
      roles.*role.member = true;
      known = true;
    }
    if (!known) return InvalidArgument("target: there is no role \"" + name + "\"");
  }
  return roles;
}

}  // namespace brazier::app
