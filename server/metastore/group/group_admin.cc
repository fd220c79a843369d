#include "server/metastore/group/group_admin.h"

#include <algorithm>

#include "server/metastore/group/group_changes.h"
#include "store/consensus/group_founding.h"

namespace brazier::metastore {
namespace {

using consensus::MemberChange;
using consensus::MemberView;
using consensus::RaftConsensus;

Status FailedPrecondition(std::string message) {
  return Status(Code::kFailedPrecondition, std::move(message));
}

Status CheckTexts(const GroupMember& member) {
  for (const std::string* text : {&member.name, &member.rpc_address, &member.raft_address}) {
    if (text->size() > consensus::kGroupTextBytesMax) {
      return InvalidArgument("a member's name or address has " + std::to_string(text->size()) +
                             " bytes, the limit is " + std::to_string(consensus::kGroupTextBytesMax));
    }
  }
  if (member.node_id == 0) return InvalidArgument("a member has node id 0");
  return Status::Ok();
}

}  // namespace

Status NoGroup() {
  return Unavailable(
             "this metastore member belongs to no group yet: set metastore.members on all of its members, or run "
             "\"brazierctl metastore found\", or add it to a group with \"brazierctl metastore add\"")
      .WithReason("no_group");
}

Result<RaftConsensus*> GroupAdmin::Leader() const {
  RaftConsensus* raft = host_.raft();
  if (raft == nullptr) return NoGroup();
  const consensus::ConsensusStatus status = raft->GetStatus();
  if (status.is_leader) return raft;
  return raft->NotLeader();
}

Result<std::unique_ptr<contract::MetastoreGroup>> GroupAdmin::Connect(const std::string& rpc_address) const {
  if (!connect_) return Unavailable("this member has no way to others");
  auto connection = connect_(rpc_address);
  if (connection == nullptr) return InvalidArgument("\"" + rpc_address + "\" is not the Thrift address of a member");
  return connection;
}

Result<contract::GroupIdentity> GroupAdmin::Identify(const contract::RequestContext& context) {
  return host_.Identity();
}

Result<contract::GroupStatus> GroupAdmin::GetGroupStatus(const contract::RequestContext& context) {
  contract::GroupStatus out;
  out.self = host_.Identity();
  const RaftConsensus* raft = host_.raft();
  if (raft == nullptr) {
    out.failure = NoGroup().message();
    return out;
  }
  const consensus::ConsensusStatus status = raft->GetStatus();
  out.can_commit = raft->CanCommit();
  out.failure = raft->GetFailure().message();
  if (out.failure.empty() && status.leader_id == 0) {
    out.failure = "no leader is known: an election is under way, or a majority of the voters does not answer";
  }
  out.leader_id = status.leader_id;
  out.term = status.term;
  out.committed_index = status.commit_index;
  out.applied_index = status.applied_index;
  out.last_index = status.last_index;
  out.first_index = status.first_index;
  out.log_bytes = status.log_bytes;
  for (const MemberView& view : raft->GetMembers()) {
    contract::GroupMemberStatus& member = out.members.emplace_back();
    member.member = view.member;
    member.is_voter = view.progress.is_voter;
    member.is_leader = view.member.node_id == status.leader_id;
    const bool is_self = view.member.node_id == out.self.member.node_id;
    member.matched_index = status.is_leader && is_self ? status.last_index : view.progress.matched;
    member.is_active = status.is_leader && (is_self || view.progress.is_active);
  }
  return out;
}

std::vector<AskedMember> GroupAdmin::Ask(const contract::RequestContext& context,
                                         const std::vector<std::string>& rpc_addresses) {
  std::vector<AskedMember> asked;
  for (const std::string& address : rpc_addresses) {
    if (address == host_.Identity().member.rpc_address) continue;
    auto connection = Connect(address);
    asked.push_back({address, connection.ok() ? (*connection)->Identify(context)
                                              : Result<contract::GroupIdentity>(connection.status())});
  }
  return asked;
}

Result<uint64_t> GroupAdmin::FoundGroup(const contract::RequestContext& context,
                                        const std::vector<std::string>& rpc_addresses) {
  const contract::GroupIdentity self = host_.Identity();
  if (rpc_addresses.empty()) return InvalidArgument("no addresses of founders");
  std::vector<AskedMember> asked = Ask(context, rpc_addresses);
  const bool has_self =
      asked.size() < rpc_addresses.size() ||
      std::any_of(asked.begin(), asked.end(), [&](const AskedMember& member) {
        return member.identity.ok() && member.identity->member.node_id == self.member.node_id;
      });
  if (!has_self) {
    return InvalidArgument("the member that is asked, " + self.member.rpc_address +
                           ", is not among the founders' addresses");
  }
  contract::GroupIdentity unfounded = self;
  unfounded.group_id = 0;
  FoundingPlan plan = PlanFounding(unfounded, asked);
  if (plan.step == FoundingPlan::Step::kWait) {
    return Unavailable("the group cannot be founded yet: " + plan.why).WithReason("founder_missing");
  }
  if (plan.step == FoundingPlan::Step::kJoin) {
    if (self.group_id == plan.group_id) return plan.group_id;  // asked again; founders have come and gone since
    return FailedPrecondition("member " + plan.via + " belongs to a group already");
  }
  if (self.group_id != 0 && self.group_id != plan.group_id) {
    return FailedPrecondition("this member, " + self.member.rpc_address + ", belongs to another group already");
  }
  RETURN_IF_ERROR(Found(context, plan));
  return plan.group_id;
}

Status GroupAdmin::Found(const contract::RequestContext& context, const FoundingPlan& plan) {
  const contract::GroupIdentity identity = host_.Identity();
  const uint64_t self = identity.member.node_id;
  // One that goes on with a founding finds the blocks of the first pushes.
  if (identity.group_id == 0 && !plan.is_under_way) RETURN_IF_ERROR(host_.CheckMayFound());
  for (const GroupMember& founder : plan.founders) {
    if (founder.node_id == self) continue;
    ASSIGN_OR_RETURN(const auto connection, Connect(founder.rpc_address));
    RETURN_IF_ERROR(connection->AdoptGroup(context, plan.group_id, plan.founders)
                        .Annotate("founding the group on " + founder.rpc_address));
  }
  return host_.Adopt(plan.group_id, plan.founders);
}

Status GroupAdmin::AdoptGroup(const contract::RequestContext& context, uint64_t group_id,
                              const std::vector<GroupMember>& founders) {
  const contract::GroupIdentity self = host_.Identity();
  if (group_id == 0) return InvalidArgument("group id 0");
  if (self.group_id == group_id) return Status::Ok();
  if (self.group_id != 0) return FailedPrecondition("this member belongs to another group already");
  for (const GroupMember& founder : founders) RETURN_IF_ERROR(CheckTexts(founder));
  if (founders.size() > consensus::kGroupMembersMax ||
      (!founders.empty() && consensus::GroupIdOf(founders) != group_id)) {
    return InvalidArgument("the group's id is not that of its founders");
  }
  return host_.Adopt(group_id, founders);
}

Result<uint64_t> GroupAdmin::AddMember(const contract::RequestContext& context,
                                       const std::string& rpc_address) {
  ASSIGN_OR_RETURN(RaftConsensus* const raft, Leader());
  const contract::GroupIdentity self = host_.Identity();
  contract::GroupIdentity added = self;
  std::unique_ptr<contract::MetastoreGroup> connection;
  if (rpc_address != self.member.rpc_address) {
    ASSIGN_OR_RETURN(connection, Connect(rpc_address));
    ASSIGN_OR_RETURN(added, connection->Identify(context));
  }
  RETURN_IF_ERROR(CheckTexts(added.member));
  if (added.group_id != 0 && added.group_id != self.group_id) {
    return FailedPrecondition("member " + rpc_address + " belongs to another group already");
  }
  const std::vector<MemberView> members = raft->GetMembers();
  ASSIGN_OR_RETURN(std::optional<MemberChange> change, PlanAdding(members, added.member));
  if (!change.has_value()) return added.member.node_id;
  // It listens before the group speaks to it.
  if (added.group_id == 0) RETURN_IF_ERROR(connection->AdoptGroup(context, self.group_id, {}));
  RETURN_IF_ERROR(raft->ChangeMember(*std::move(change), context.deadline_ns)
                      .Annotate("adding member " + DescribeMember(added.member)));
  return added.member.node_id;
}

Status GroupAdmin::PromoteMember(const contract::RequestContext& context, uint64_t node_id) {
  ASSIGN_OR_RETURN(RaftConsensus* const raft, Leader());
  ASSIGN_OR_RETURN(const std::vector<MemberChange> changes,
                   PlanPromotion(raft->GetMembers(), node_id, raft->GetStatus().commit_index));
  for (const MemberChange& change : changes) {
    const bool promotes = change.kind == MemberChange::Kind::kAddVoter;
    RETURN_IF_ERROR(raft->ChangeMember(change, context.deadline_ns)
                        .Annotate(promotes ? "promoting member " + DescribeMember(change.member)
                                           : "removing the member that had the address before"));
  }
  return Status::Ok();
}

Status GroupAdmin::RemoveMember(const contract::RequestContext& context, uint64_t node_id) {
  ASSIGN_OR_RETURN(RaftConsensus* const raft, Leader());
  const std::vector<MemberView> members = raft->GetMembers();
  const MemberView* removed = FindMember(members, node_id);
  if (removed == nullptr) return Status::Ok();
  const uint64_t self = host_.Identity().member.node_id;
  RETURN_IF_ERROR(CheckRemoval(members, node_id, self));
  if (node_id == self) {
    RETURN_IF_ERROR(TransferLeadership(context, 0).Annotate("moving leadership away from the removed member"));
    return raft->NotLeader();
  }
  return raft->ChangeMember({MemberChange::Kind::kRemove, removed->member}, context.deadline_ns)
      .Annotate("removing member " + DescribeMember(removed->member));
}

Status GroupAdmin::TransferLeadership(const contract::RequestContext& context, uint64_t node_id) {
  ASSIGN_OR_RETURN(RaftConsensus* const raft, Leader());
  const uint64_t self = host_.Identity().member.node_id;
  if (node_id == self) return Status::Ok();
  ASSIGN_OR_RETURN(const GroupMember next, PlanTransfer(raft->GetMembers(), node_id, self));
  return raft->TransferLeader(next.node_id, context.deadline_ns);
}

Result<contract::GroupSnapshot> GroupAdmin::TakeSnapshot(const contract::RequestContext& context) {
  if (host_.raft() == nullptr) return NoGroup();
  return host_.TakeSnapshot(context);
}

}  // namespace brazier::metastore
