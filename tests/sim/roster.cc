#include "tests/sim/roster.h"

#include <algorithm>

#include "common/base/check.h"
#include "server/metastore/group/group_changes.h"
#include "store/consensus/group_founding.h"

namespace brazier::simulation {

using consensus::MemberChange;
using consensus::MemberView;

GroupMember Roster::MemberOf(uint64_t id, const std::string& address) const {
  return {.node_id = id, .name = address, .rpc_address = address + ":1", .raft_address = "tcp://" + address + ":2"};
}

SimulatedMember& Roster::Add(uint64_t id, const std::string& address,
                             const std::vector<GroupMember>& founders) {
  SimulatedMember::Options options = options_;
  options.self = MemberOf(id, address);
  options.founders = founders;
  last_id_ = std::max(last_id_, id);
  members_.push_back(std::make_unique<SimulatedMember>(options, world_, [this, id] {
    if (SimulatedMember* member = Find(id)) power_went_(*member);
  }));
  return *members_.back();
}

void Roster::Found(size_t voters) {
  std::vector<GroupMember> founders;
  for (last_address_ = 1; last_address_ <= voters; ++last_address_) {
    founders.push_back(MemberOf(last_address_, "m" + std::to_string(last_address_)));
  }
  --last_address_;
  options_.group_id = consensus::GroupIdOf(founders);
  for (const GroupMember& founder : founders) Add(founder.node_id, founder.name, founders);
  std::vector<MemberView> group;
  for (const GroupMember& founder : founders) {
    group.push_back({founder, {.node_id = founder.node_id, .is_voter = true}});
  }
  world_.checker.Members(founders.front().node_id, 1, group);
  if (options_.canary == Canary::kEmptyDiskOldId) options_.founders = founders;
}

SimulatedMember& Roster::Join() {
  return Add(last_id_ + 1, "m" + std::to_string(++last_address_), {});
}

SimulatedMember& Roster::Lose(SimulatedMember& member) {
  const GroupMember self = member.self();
  member.Lose();
  const bool keeps_id = options_.canary == Canary::kEmptyDiskOldId && self.node_id <= options_.founders.size();
  Retire(member);
  return keeps_id ? Add(self.node_id, self.name, options_.founders) : Add(last_id_ + 1, self.name, {});
}

void Roster::Retire(SimulatedMember& member) {
  member.Lose();
  const auto it = std::find_if(members_.begin(), members_.end(),
                               [&](const auto& candidate) { return candidate.get() == &member; });
  CHECK(it != members_.end());
  gone_.push_back(std::move(*it));
  members_.erase(it);
}

SimulatedMember* Roster::Find(uint64_t id) {
  for (const auto& member : members_) {
    if (member->id() == id) return member.get();
  }
  return nullptr;
}

SimulatedMember* Roster::FindAddress(const std::string& rpc_address) {
  for (const auto& member : members_) {
    if (member->self().rpc_address == rpc_address) return member.get();
  }
  return nullptr;
}

bool Roster::Has(uint64_t id) const { return metastore::FindMember(group(), id) != nullptr; }

bool Roster::LeavesMajority(uint64_t id, bool lost) {
  size_t living = 0, dead = 0;
  for (const MemberView& view : group()) {
    const uint64_t voter = view.member.node_id;
    const bool is_alive = Find(voter) != nullptr && !(lost && voter == id);
    if (view.progress.is_voter && is_alive && voter != id && !removals_.contains(voter)) ++living;
    if ((view.progress.is_voter || promotions_.contains(voter)) && !is_alive) ++dead;
  }
  return living > dead;
}

bool Roster::HoldsWithout(const std::vector<MemberView>& group, uint64_t id) {
  size_t voters = 0, living = 0;
  for (const MemberView& view : group) {
    if (!view.progress.is_voter) continue;
    ++voters;
    living += view.member.node_id != id && Find(view.member.node_id) != nullptr ? 1 : 0;
  }
  return living > voters / 2;
}

bool Roster::EarlierGroupsHold(uint64_t id) {
  const auto& groups = world_.checker.groups();
  uint64_t oldest = groups.rbegin()->first;
  for (const auto& member : members_) {
    const auto record = member->store().durable().Get(kv::Family::kState, consensus::kAppliedKey);
    if (member->id() == id || !Has(member->id()) || !record.ok()) continue;
    const auto applied = consensus::DecodeApplied(*record);
    CHECK(applied.ok());
    // A newcomer that has no state yet goes by no group.
    if (applied->index > 0) oldest = std::min(oldest, std::prev(groups.upper_bound(applied->index))->first);
  }
  return std::all_of(groups.lower_bound(oldest), groups.end(),
                     [&](const auto& group) { return HoldsWithout(group.second, id); });
}

bool Roster::MayLose(const SimulatedMember& member) {
  return LeavesMajority(member.id(), true) && EarlierGroupsHold(member.id());
}

bool Roster::MayRemove(uint64_t id) {
  const MemberView* view = metastore::FindMember(group(), id);
  const bool counts = view != nullptr && (view->progress.is_voter || promotions_.contains(id));
  return Find(id) == nullptr || !counts || LeavesMajority(id, false);
}

void Roster::Proposed(const MemberChange& change) {
  const uint64_t id = change.member.node_id;
  if (change.kind == MemberChange::Kind::kRemove) removals_.insert(id);
  if (change.kind == MemberChange::Kind::kAddVoter) promotions_.insert(id);
}

}  // namespace brazier::simulation
