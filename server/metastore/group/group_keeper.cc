#include "server/metastore/group/group_keeper.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "common/observe/log.h"
#include "server/metastore/group/group_changes.h"

namespace brazier::metastore {

GroupKeeper::GroupKeeper(GroupHost& host, GroupAdmin& admin, ConnectToMember connect,
                         std::vector<std::string> configured, const Clock& clock)
    : host_(host),
      admin_(admin),
      connect_(std::move(connect)),
      configured_(std::move(configured)),
      clock_(clock) {}

GroupKeeper::~GroupKeeper() { Stop(); }

void GroupKeeper::Start() {
  thread_ = std::thread([this] {
    for (;;) {
      RunOnce();
      std::unique_lock lock(mu_);
      if (wake_.wait_for(lock, std::chrono::nanoseconds(kPauseNs), [&] { return stopping_; })) return;
    }
  });
  pthread_setname_np(thread_.native_handle(), "group_keeper");
}

void GroupKeeper::Stop() {
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::string GroupKeeper::Waiting() const {
  std::lock_guard lock(mu_);
  return waiting_;
}

void GroupKeeper::RunOnce() {
  const contract::RequestContext context{.request_id = "group-keeper",
                                         .deadline_ns = clock_.MonotonicNs() + kCallNs};
  std::string waiting = host_.raft() == nullptr ? Found(context) : KeepEntry(context);
  std::string before;
  {
    std::lock_guard lock(mu_);
    before = std::exchange(waiting_, waiting);
  }
  if (!waiting.empty() && waiting != before) {
    Log(LogLevel::kWarn, "the metastore group", {{"waiting", waiting}});
  }
}

std::string GroupKeeper::Found(const contract::RequestContext& context) {
  if (configured_.empty()) return NoGroup().message();
  const std::vector<AskedMember> asked = admin_.Ask(context, configured_);
  const FoundingPlan plan = PlanFounding(host_.Identity(), asked);
  switch (plan.step) {
    case FoundingPlan::Step::kWait:
      return plan.why;
    case FoundingPlan::Step::kFound: {
      const Status founded = admin_.Found(context, plan);
      return founded.ok() ? "" : founded.message();
    }
    case FoundingPlan::Step::kJoin:
      return Rejoin(context, plan.via);
  }
  return "";
}

std::string GroupKeeper::Rejoin(const contract::RequestContext& context, const std::string& via) {
  const GroupMember self = host_.Identity().member;
  const auto connection = connect_ ? connect_(via) : nullptr;
  if (connection == nullptr) return "this member has no way to " + via;
  const auto status = connection->GetGroupStatus(context);
  if (!status.ok()) return status.status().message();
  const auto has_our_address = [&](const contract::GroupMemberStatus& member) {
    return member.member.rpc_address == self.rpc_address;
  };
  if (std::none_of(status->members.begin(), status->members.end(), has_our_address)) {
    return "the group of " + via + " has no member " + self.rpc_address +
           ": add it with \"brazierctl metastore add " + self.rpc_address + "\"";
  }
  Log(LogLevel::kWarn, "this member's disk is new: it joins its group as another node",
      {{"address", self.rpc_address}, {"via", via}});
  const auto added = connection->AddMember(context, self.rpc_address);
  return added.ok() ? "" : added.status().message();
}

std::unique_ptr<contract::MetastoreGroup> GroupKeeper::ConnectToLeader() const {
  if (!connect_) return nullptr;
  const uint64_t self = host_.Identity().member.node_id;
  const uint64_t leader = host_.raft()->GetStatus().leader_id;
  std::string address;
  for (const consensus::MemberView& view : host_.raft()->GetMembers()) {
    if (view.member.node_id == self || view.member.rpc_address.empty()) continue;
    if (view.member.node_id == leader || address.empty()) address = view.member.rpc_address;
  }
  for (const std::string& configured : configured_) {
    if (address.empty() && configured != host_.Identity().member.rpc_address) address = configured;
  }
  return address.empty() ? nullptr : connect_(address);
}

std::string GroupKeeper::KeepEntry(const contract::RequestContext& context) {
  const GroupMember self = host_.Identity().member;
  const consensus::ConsensusStatus status = host_.raft()->GetStatus();
  const EntryPlan plan = PlanEntry(host_.raft()->GetMembers(), self);
  // It was let in and not entered: the leader changed in between, or the entry is still on its way.
  if (plan.is_untold) {
    for (const AskedMember& asked : admin_.Ask(context, configured_)) {
      if (asked.identity.ok() && asked.identity->group_id == host_.Identity().group_id) {
        return Rejoin(context, asked.rpc_address);
      }
    }
  }
  // A newcomer that nobody has told anything, or one that was removed.
  if (!plan.is_entered) {
    return "the group has no member " + self.rpc_address + " with this disk: add it with \"brazierctl metastore add " +
           self.rpc_address + "\", or empty its folder if it was removed";
  }
  if (status.leader_id == 0 || (plan.is_true && !plan.has_old_self)) return "";
  const auto elsewhere = status.is_leader ? nullptr : ConnectToLeader();
  if (!status.is_leader && elsewhere == nullptr) return "";
  contract::MetastoreGroup& leader = status.is_leader ? admin_ : *elsewhere;
  if (!plan.is_true) {
    const auto added = leader.AddMember(context, self.rpc_address);
    if (!added.ok()) return added.status().message();
  }
  if (plan.has_old_self) {
    const Status promoted = leader.PromoteMember(context, self.node_id);
    if (!promoted.ok()) return promoted.message();
  }
  return "";
}

}  // namespace brazier::metastore
