#include "tests/sim/group_operator.h"

#include <algorithm>

#include "server/metastore/group/group_changes.h"

namespace brazier::simulation {
namespace {

using consensus::MemberChange;
using consensus::MemberView;
using metastore::FindMember;

constexpr int64_t kWatchNs = 250 * kMs;
constexpr int64_t kRequestNs = 2 * kSecond;

}  // namespace

void GroupOperator::Start(bool changes_group) {
  changes_group_ = changes_group;
  pause_max_ns_ = static_cast<int64_t>(1 + world_.random.Below(6)) * kSecond;
  seen_ = roster_.group();
  Watch();
  if (changes_group_) Begin();
}

void GroupOperator::Watch() {
  for (const MemberView& view : roster_.group()) {
    const MemberView* before = FindMember(seen_, view.member.node_id);
    if (!view.progress.is_voter || (before != nullptr && before->progress.is_voter) || seen_.empty()) continue;
    ++figures_.joins;
    for (const MemberView& old : seen_) {
      const bool is_old_self = old.member.node_id != view.member.node_id &&
                               old.member.rpc_address == view.member.rpc_address;
      figures_.rejoins += is_old_self ? 1 : 0;
    }
  }
  for (const MemberView& view : seen_) figures_.removals += roster_.Has(view.member.node_id) ? 0 : 1;
  seen_ = roster_.group();
  // A keeper's step is a second; they do not run at the same time.
  for (const auto& member : roster_.members()) {
    if (member->is_up() && world_.random.Below(kSecond / kWatchNs) == 0) Keep(*member);
  }
  for (size_t i = 0; i < operations_.size(); ++i) {
    if (!operations_[i].is_done && world_.random.Below(2) == 0) Run(i);
  }
  Tidy();
  world_.events.After(kWatchNs, [this] { Watch(); });
}

size_t GroupOperator::Running() const {
  return static_cast<size_t>(std::count_if(operations_.begin(), operations_.end(),
                                           [](const Operation& operation) { return !operation.is_done; }));
}

void GroupOperator::Begin() {
  world_.events.After(static_cast<int64_t>(world_.random.Below(pause_max_ns_)), [this] {
    if (is_settling_) return;
    Begin();
    if (Running() >= 2) return;
    const size_t machines = roster_.members().size();
    SimulatedMember& any = *roster_.members()[world_.random.Below(machines)];
    size_t shrinking = 0;
    for (const Operation& operation : operations_) shrinking += !operation.is_done && !operation.grows ? 1 : 0;
    if (world_.random.Below(2) == 0) {
      if (machines >= kVotersMax + shrinking) return;
      SimulatedMember& newcomer = roster_.Join();
      operations_.push_back({.grows = true, .address = newcomer.self().rpc_address});
      if (!newcomer.Start().ok()) world_.checker.Fail("a newcomer does not start");
    } else {
      for (const Operation& operation : operations_) {
        if (!operation.is_done && operation.address == any.self().rpc_address) return;
      }
      if (!roster_.Has(any.id()) || !roster_.MayRemove(any.id())) return;
      operations_.push_back({.grows = false, .address = any.self().rpc_address});
    }
    world_.checker.Note(std::string("the operator ") + (operations_.back().grows ? "adds " : "removes ") +
                        operations_.back().address);
  });
}

// The next request that the operation needs, if any.
void GroupOperator::Run(size_t operation) {
  Operation& self = operations_[operation];
  SimulatedMember* const machine = roster_.FindAddress(self.address);
  if (self.grows) {
    const MemberView* entered = FindMember(roster_.group(), machine->id());
    if (entered == nullptr) {
      AskLeader([this, added = machine->self()](SimulatedMember& leader) { AddMember(leader, added); });
    } else if (!entered->progress.is_voter) {
      AskLeader([this, id = machine->id()](SimulatedMember& leader) { PromoteMember(leader, id); });
    } else {
      self.is_done = true;
    }
    return;
  }
  bool is_gone = true;
  for (const MemberView& view : roster_.group()) {
    if (view.member.rpc_address != self.address) continue;
    is_gone = false;
    const uint64_t id = view.member.node_id;
    if (!roster_.MayRemove(id)) {  // others have gone since: it stays
      self.is_done = true;
      return;
    }
    AskLeader([this, id](SimulatedMember& leader) {
      if (roster_.MayRemove(id)) RemoveMember(leader, id);
    });
  }
  if (!is_gone) return;
  // It runs on for a while, among those that do not count it any more.
  self.is_done = true;
  world_.events.After(static_cast<int64_t>(world_.random.Below(10 * kSecond)), [this, operation] {
    Operation& ended = operations_[operation];
    SimulatedMember* const removed = roster_.FindAddress(ended.address);
    if (removed == nullptr) return;
    ended.is_done = roster_.MaySwitchOff(*removed);
    if (!ended.is_done) return;
    world_.checker.Note(ended.address + " is switched off");
    roster_.Retire(*removed);
  });
}

// What the race of two operations left behind: members without a machine.
void GroupOperator::Tidy() {
  for (const MemberView& view : roster_.group()) {
    if (roster_.FindAddress(view.member.rpc_address) != nullptr || world_.random.Below(4) != 0) continue;
    AskLeader([this, id = view.member.node_id](SimulatedMember& leader) { RemoveMember(leader, id); });
  }
}

// GroupKeeper::KeepEntry.
void GroupOperator::Keep(SimulatedMember& member) {
  const metastore::EntryPlan plan = metastore::PlanEntry(member.GetMembers(), member.self());
  if (plan.is_untold) {
    // GroupKeeper::Rejoin: the others are asked whether they know the address.
    const std::vector<MemberView>& group = roster_.group();
    if (std::any_of(group.begin(), group.end(), [&](const MemberView& view) {
          return view.member.rpc_address == member.self().rpc_address;
        })) {
      AskLeader([this, added = member.self()](SimulatedMember& leader) { AddMember(leader, added); });
    }
    return;
  }
  if (plan.is_entered && plan.has_old_self) {
    AskLeader([this, id = member.id()](SimulatedMember& leader) { PromoteMember(leader, id); });
  }
}

void GroupOperator::AskLeader(Request request) {
  world_.events.After(static_cast<int64_t>(world_.random.Below(5 * kMs)), [this, request = std::move(request)] {
    std::vector<SimulatedMember*> leaders;
    for (const auto& member : roster_.members()) {
      if (member->is_up() && member->GetStatus().is_leader) leaders.push_back(member.get());
    }
    if (!leaders.empty()) request(*leaders[world_.random.Below(leaders.size())]);
  });
}

void GroupOperator::AddMember(SimulatedMember& leader, const GroupMember& added) {
  auto change = metastore::PlanAdding(leader.GetMembers(), added);
  if (change.ok() && change->has_value()) Change(leader.id(), {**change});
}

void GroupOperator::PromoteMember(SimulatedMember& leader, uint64_t id) {
  auto changes = metastore::PlanPromotion(leader.GetMembers(), id, leader.GetStatus().commit_index);
  if (changes.ok()) return Change(leader.id(), std::move(changes).value());
  ++figures_.refusals;
}

void GroupOperator::RemoveMember(SimulatedMember& leader, uint64_t id) {
  const std::vector<MemberView> members = leader.GetMembers();
  const MemberView* removed = FindMember(members, id);
  if (removed == nullptr) return;
  if (!metastore::CheckRemoval(members, id, leader.id()).ok()) {
    ++figures_.refusals;
    return;
  }
  if (id != leader.id()) return Change(leader.id(), {{MemberChange::Kind::kRemove, removed->member}});
  const auto next = metastore::PlanTransfer(members, 0, id);
  if (next.ok()) leader.TransferLeader(next->node_id);
}

void GroupOperator::Change(uint64_t leader, std::vector<MemberChange> changes) {
  SimulatedMember* const member = roster_.Find(leader);
  if (changes.empty() || member == nullptr || !member->is_up()) return;
  MemberChange change = std::move(changes.front());
  changes.erase(changes.begin());
  // The rule for lost disks: a learner that lost its own while the request was on its way would be a voter without one.
  if (change.kind == MemberChange::Kind::kAddVoter && roster_.Find(change.member.node_id) == nullptr) return;
  roster_.Proposed(change);
  member->ChangeMember(std::move(change), world_.events.now_ns() + kRequestNs,
                       [this, leader, rest = std::move(changes)](const Status& status) {
                         if (!status.ok()) {
                           ++figures_.refusals;
                           return;
                         }
                         world_.events.After(0, [this, leader, rest] { Change(leader, rest); });
                       });
}

bool GroupOperator::IsSettled() {
  if (Running() > 0) return false;
  const std::vector<MemberView>& group = roster_.group();
  if (group.size() != roster_.members().size()) return false;
  return std::all_of(group.begin(), group.end(), [&](const MemberView& view) {
    return view.progress.is_voter && roster_.Find(view.member.node_id) != nullptr;
  });
}

}  // namespace brazier::simulation
