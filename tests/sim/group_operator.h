// GroupOperator: those who change the group: an operator, who adds, promotes and removes members, and each member's keeper,
// which brings a member whose disk was lost back under its new id. What they ask for and in which order is decided by the
// code that metastore::GroupAdmin and GroupKeeper decide with; here it is carried out with events.
//
// Requests go to whoever believes to lead, are lost with it, and are repeated until the group is as it should be. An operator
// has two operations under way at most, so that one may meet another. Thread-hostile.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/roster.h"

namespace brazier::simulation {

struct GroupFigures {
  uint64_t joins = 0;       // members that became voters
  uint64_t rejoins = 0;     // of those, with the address of one whose disk was lost
  uint64_t removals = 0;    // members that left the group
  uint64_t refusals = 0;    // requests that failed or were refused, and came again
};

class GroupOperator {
 public:
  static constexpr size_t kVotersMax = 5;

  GroupOperator(const SimulatedMember::World& world, Roster& roster) : world_(world), roster_(roster) {}

  // Keepers run. `changes_group`: the operator grows and shrinks the group too.
  void Start(bool changes_group);
  // Begins nothing new; what is under way ends.
  void Settle() { is_settling_ = true; }
  // Every operation has ended, and the group has exactly the members that live, as voters.
  bool IsSettled();
  const GroupFigures& figures() const { return figures_; }

 private:
  struct Operation {
    bool grows;  // else it shrinks
    std::string address;
    bool is_done = false;
  };
  using Request = std::function<void(SimulatedMember& leader)>;

  void Watch();
  void Begin();
  void Run(size_t operation);
  void Tidy();
  void Keep(SimulatedMember& member);
  // Soon, at whoever believes to lead then.
  void AskLeader(Request request);
  void AddMember(SimulatedMember& leader, const GroupMember& added);
  void PromoteMember(SimulatedMember& leader, uint64_t id);
  void RemoveMember(SimulatedMember& leader, uint64_t id);
  // One after the other, as long as they succeed and the leader lives.
  void Change(uint64_t leader, std::vector<consensus::MemberChange> changes);
  size_t Running() const;

  const SimulatedMember::World world_;
  Roster& roster_;
  std::vector<Operation> operations_;
  GroupFigures figures_;
  std::vector<consensus::MemberView> seen_;
  bool changes_group_ = false;
  bool is_settling_ = false;
  int64_t pause_max_ns_ = 0;
};

}  // namespace brazier::simulation
