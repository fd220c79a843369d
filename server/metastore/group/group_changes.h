// What changes of a group's members are allowed and which come next, as the leader's view of them says. Pure: GroupAdmin
// and GroupKeeper carry it out with calls that block, the simulation with events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "store/consensus/raft_consensus.h"

namespace brazier::metastore {

// A learner that lacks more than this is not promoted.
inline constexpr uint64_t kPromotionLagEntriesMax = 1000;

// Null: no such member.
const consensus::MemberView* FindMember(const std::vector<consensus::MemberView>& members, uint64_t node_id);
// For messages.
std::string DescribeMember(const GroupMember& member);

// `added` enters the group, or gets its new addresses. Null: nothing is to be changed.
Result<std::optional<consensus::MemberChange>> PlanAdding(const std::vector<consensus::MemberView>& members,
                                                          const GroupMember& added);
// In this order, each after the one before is applied: the learner becomes a voter, then whoever had its address before is
// removed. kUnavailable with reason "not_caught_up".
Result<std::vector<consensus::MemberChange>> PlanPromotion(const std::vector<consensus::MemberView>& members,
                                                           uint64_t node_id, uint64_t committed_index);
// OK when the member may be removed: a majority of the voters that are left answers `self`, the leader.
Status CheckRemoval(const std::vector<consensus::MemberView>& members, uint64_t node_id, uint64_t self);
// The voter that leadership of `self` goes to. 0: whoever has most of the log.
Result<GroupMember> PlanTransfer(const std::vector<consensus::MemberView>& members, uint64_t node_id, uint64_t self);

// What the member `self` asks its leader for, going by the members that it knows itself.
struct EntryPlan {
  bool is_entered = false;    // the group has a member with this node id
  bool is_untold = false;     // it knows of no members at all: a newcomer that waits for the leader's first word
  bool is_true = false;       // and with these addresses
  bool has_old_self = false;  // another node has this address: a disk that was lost
};
EntryPlan PlanEntry(const std::vector<consensus::MemberView>& members, const GroupMember& self);

}  // namespace brazier::metastore
