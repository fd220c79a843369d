// What a member without a group does with the addresses that it was given: found a group with them, ask to be let in again,
// or wait. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/contract/metastore_group.h"

namespace brazier::metastore {

// What one of the addresses answered when it was asked who it is.
struct AskedMember {
  std::string rpc_address;
  Result<contract::GroupIdentity> identity;
};

struct FoundingPlan {
  enum class Step {
    kWait,   // `why` says for whom or what
    kFound,  // all of `founders` found group `group_id`, or have done so already
    kJoin,   // `via` belongs to a group that lives
  };
  Step step = Step::kWait;
  std::string why;
  uint64_t group_id = 0;
  std::vector<GroupMember> founders;  // by node id
  bool is_under_way = false;          // kFound: another founder is in the group already
  std::string via;                    // rpc address
};

// `self` belongs to no group. `asked`: every address, that of `self` left out or among them.
FoundingPlan PlanFounding(const contract::GroupIdentity& self, const std::vector<AskedMember>& asked);

}  // namespace brazier::metastore
