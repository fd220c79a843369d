// Roster: the members of a run: those that live, those whose disks are gone, and which of them may still be lost or removed
// without taking from the group the majority that it needs.
//
// The rule: a minority of the voters' disks may be gone at a time. Counted against the group that comes of the changes under
// way, whichever of them commit, and against every earlier one that a member may still go by after a crash: with raft-rs
// members count by what they have applied, not by what they have in the log. A node id is used once (but by a canary). Gone members stay in memory, since events may still name them.
// Thread-hostile.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/simulated_member.h"

namespace brazier::simulation {

class Roster {
 public:
  using Members = std::vector<std::unique_ptr<SimulatedMember>>;
  // `power_went`: as in SimulatedMember.
  Roster(const SimulatedMember::World& world, std::function<void(SimulatedMember&)> power_went)
      : world_(world), power_went_(std::move(power_went)) {}

  // What all members have alike; once, before the rest.
  void SetOptions(const SimulatedMember::Options& options) { options_ = options; }
  void Found(size_t voters);
  // A machine with a new address and an empty disk. It is not started.
  SimulatedMember& Join();
  // The member's disk is lost; the machine comes back with an empty one, and therefore as another node. Not started.
  SimulatedMember& Lose(SimulatedMember& member);
  // The member is gone, machine and disk.
  void Retire(SimulatedMember& member);

  // Those that have a disk, up or down. The same vector for the whole run.
  Members& members() { return members_; }
  SimulatedMember* Find(uint64_t id);
  SimulatedMember* FindAddress(const std::string& rpc_address);

  // The group's members as of the furthest applied entry that was ever seen.
  const std::vector<consensus::MemberView>& group() const { return world_.checker.groups().rbegin()->second; }
  bool Has(uint64_t id) const;
  bool MayLose(const SimulatedMember& member);
  // One that was removed: no member still counts on it, even after a crash.
  bool MaySwitchOff(const SimulatedMember& member) { return !Has(member.id()) && EarlierGroupsHold(member.id()); }
  // Of voters whose disks live; others may always be removed.
  bool MayRemove(uint64_t id);
  // Somebody was asked to propose it.
  void Proposed(const consensus::MemberChange& change);

 private:
  SimulatedMember& Add(uint64_t id, const std::string& address, const std::vector<GroupMember>& founders);
  GroupMember MemberOf(uint64_t id, const std::string& address) const;
  // Whatever commits: voters without `id` whose disks live against those whose disks are gone, `id` too if it is `lost`.
  bool LeavesMajority(uint64_t id, bool lost);
  // The groups that members may go by after a crash now can do without `id`.
  bool EarlierGroupsHold(uint64_t id);
  bool HoldsWithout(const std::vector<consensus::MemberView>& group, uint64_t id);

  const SimulatedMember::World world_;
  const std::function<void(SimulatedMember&)> power_went_;
  SimulatedMember::Options options_;
  Members members_;
  Members gone_;
  uint64_t last_id_ = 0;
  uint64_t last_address_ = 0;
  std::set<uint64_t> promotions_;  // that were proposed, of learners
  std::set<uint64_t> removals_;    // likewise, of any
};

}  // namespace brazier::simulation
