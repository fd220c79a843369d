#include "server/metastore/group/group_changes.h"

#include <algorithm>

namespace brazier::metastore {
namespace {

using consensus::MemberChange;
using consensus::MemberView;

Status FailedPrecondition(std::string message) {
  return Status(Code::kFailedPrecondition, std::move(message));
}

Status NoSuchMember(uint64_t node_id) {
  return NotFound("node " + IdText(node_id) + " is not a member of the group");
}

}  // namespace

const MemberView* FindMember(const std::vector<MemberView>& members, uint64_t node_id) {
  for (const MemberView& view : members) {
    if (view.member.node_id == node_id) return &view;
  }
  return nullptr;
}

std::string DescribeMember(const GroupMember& member) {
  return member.name.empty() ? "node " + IdText(member.node_id)
                             : member.name + " (" + member.rpc_address + ")";
}

Result<std::optional<MemberChange>> PlanAdding(const std::vector<MemberView>& members,
                                               const GroupMember& added) {
  MemberChange change{.kind = MemberChange::Kind::kAddLearner, .member = added};
  if (const MemberView* known = FindMember(members, added.node_id)) {
    if (known->member == added) return std::optional<MemberChange>();
    if (known->progress.is_voter) change.kind = MemberChange::Kind::kAddVoter;  // its new addresses
  } else if (members.size() >= consensus::kGroupMembersMax) {
    return ResourceExhausted("the group has " + std::to_string(members.size()) + " members, the limit is " +
                             std::to_string(consensus::kGroupMembersMax));
  }
  return std::optional<MemberChange>(std::move(change));
}

Result<std::vector<MemberChange>> PlanPromotion(const std::vector<MemberView>& members, uint64_t node_id,
                                                uint64_t committed_index) {
  const MemberView* promoted = FindMember(members, node_id);
  if (promoted == nullptr) return NoSuchMember(node_id);
  std::vector<MemberChange> changes;
  if (!promoted->progress.is_voter) {
    const uint64_t lag = committed_index - std::min(committed_index, promoted->progress.matched);
    // Without the group's state it could not acknowledge anything, however few entries that is behind.
    std::string lack;
    if (!promoted->progress.is_active) {
      lack = "is not heard of";
    } else if (promoted->progress.matched == 0) {
      lack = "does not have the group's state yet";
    } else if (lag > kPromotionLagEntriesMax) {
      lack = "lacks " + std::to_string(lag) + " entries, the limit is " + std::to_string(kPromotionLagEntriesMax);
    }
    if (!lack.empty()) {
      return Unavailable("member " + DescribeMember(promoted->member) + " " + lack).WithReason("not_caught_up");
    }
    changes.push_back({MemberChange::Kind::kAddVoter, promoted->member});
  }
  // Whoever had this address before lost its disk: the new one has taken its place.
  for (const MemberView& other : members) {
    if (other.member.node_id == node_id || other.member.rpc_address.empty()) continue;
    if (other.member.rpc_address != promoted->member.rpc_address) continue;
    changes.push_back({MemberChange::Kind::kRemove, other.member});
  }
  return changes;
}

Status CheckRemoval(const std::vector<MemberView>& members, uint64_t node_id, uint64_t self) {
  const MemberView* removed = FindMember(members, node_id);
  if (removed == nullptr || !removed->progress.is_voter) return Status::Ok();
  size_t voters = 0, active = 0;  // that would be left
  for (const MemberView& view : members) {
    if (view.member.node_id == node_id || !view.progress.is_voter) continue;
    ++voters;
    active += view.progress.is_active || view.member.node_id == self ? 1 : 0;
  }
  if (voters == 0) return FailedPrecondition("the group's only voter cannot be removed");
  if (active < voters / 2 + 1) {
    return FailedPrecondition("without " + DescribeMember(removed->member) + " only " + std::to_string(active) +
                              " of " + std::to_string(voters) +
                              " voters would answer: the group could not commit");
  }
  return Status::Ok();
}

Result<GroupMember> PlanTransfer(const std::vector<MemberView>& members, uint64_t node_id, uint64_t self) {
  if (node_id != 0) {
    const MemberView* next = FindMember(members, node_id);
    if (next == nullptr) return NoSuchMember(node_id);
    if (!next->progress.is_voter) {
      return FailedPrecondition("member " + DescribeMember(next->member) + " is a learner");
    }
    return next->member;
  }
  const MemberView* next = nullptr;
  for (const MemberView& view : members) {
    if (view.member.node_id == self || !view.progress.is_voter || !view.progress.is_active) continue;
    if (next == nullptr || view.progress.matched > next->progress.matched) next = &view;
  }
  if (next == nullptr) return FailedPrecondition("no other voter answers: leadership has nowhere to go");
  return next->member;
}

EntryPlan PlanEntry(const std::vector<MemberView>& members, const GroupMember& self) {
  EntryPlan plan{.is_untold = members.empty()};
  for (const MemberView& view : members) {
    if (view.member.node_id == self.node_id) {
      plan.is_entered = true;
      plan.is_true = view.member == self;
    } else if (!self.rpc_address.empty() && view.member.rpc_address == self.rpc_address) {
      plan.has_old_self = true;
    }
  }
  return plan;
}

}  // namespace brazier::metastore
