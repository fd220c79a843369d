#include "server/metastore/group/founding_plan.h"

#include <algorithm>

#include "store/consensus/group_founding.h"
#include "store/consensus/raft_records.h"

namespace brazier::metastore {
namespace {

FoundingPlan Wait(std::string why) { return {.why = std::move(why)}; }

}  // namespace

FoundingPlan PlanFounding(const contract::GroupIdentity& self, const std::vector<AskedMember>& asked) {
  std::vector<GroupMember> founders = {self.member};
  std::string silent;
  for (const AskedMember& member : asked) {
    if (!member.identity.ok()) {
      if (silent.empty()) {
        silent = "member " + member.rpc_address + " does not answer: " + member.identity.status().message();
      }
      continue;
    }
    if (member.identity->member.node_id == self.member.node_id) continue;
    for (const GroupMember& founder : founders) {
      if (founder.node_id == member.identity->member.node_id) {
        return Wait("two of the addresses lead to the same member, one of them " + member.rpc_address);
      }
    }
    founders.push_back(member.identity->member);
  }
  if (founders.size() > consensus::kGroupMembersMax) {
    return Wait("a group has at most " + std::to_string(consensus::kGroupMembersMax) + " members");
  }
  std::sort(founders.begin(), founders.end(),
            [](const GroupMember& a, const GroupMember& b) { return a.node_id < b.node_id; });
  const uint64_t group_id = consensus::GroupIdOf(founders);
  bool is_under_way = false;
  for (const AskedMember& member : asked) {
    if (!member.identity.ok() || member.identity->group_id == 0) continue;
    is_under_way = true;
    // It belongs to a group of others, who may well be a majority by now: nothing to found here.
    if (!silent.empty() || member.identity->group_id != group_id) {
      return {.step = FoundingPlan::Step::kJoin, .group_id = member.identity->group_id,
              .via = member.rpc_address};
    }
  }
  if (!silent.empty()) return Wait(silent);
  return {.step = FoundingPlan::Step::kFound, .group_id = group_id, .founders = std::move(founders),
          .is_under_way = is_under_way};
}

}  // namespace brazier::metastore
