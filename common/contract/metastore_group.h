// What an operator asks of a metastore member about the Raft group it belongs to, and what members ask of each other when
// a group is founded or grows.
//
// A group has an id that no other group has; a member has a node id that it drew itself when its folder was made, so that
// a member whose disk was lost comes back as somebody else and can never vote twice. A member without a group answers
// Identify() and waits: it is founded together with others, or added to a group that lives.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/contract/context.h"
#include "common/model/group_member.h"

namespace brazier::contract {

struct GroupIdentity {
  GroupMember member;
  uint64_t group_id = 0;  // 0: belongs to no group yet
};

struct GroupMemberStatus {
  GroupMember member;
  bool is_voter = false;  // false: a learner, which gets everything and decides nothing
  bool is_leader = false;
  // As the leader knows it; 0 and false in the answer of another member.
  uint64_t matched_index = 0;  // the log up to here is on the member's disk
  bool is_active = false;      // heard of within an election timeout
};

// One member's view of itself and its group.
struct GroupStatus {
  GroupIdentity self;
  bool can_commit = false;
  std::string failure;      // why nothing can commit now; empty: no reason is known
  uint64_t leader_id = 0;   // 0: none is known
  uint64_t term = 0;
  uint64_t committed_index = 0;
  uint64_t applied_index = 0;
  uint64_t last_index = 0;
  uint64_t first_index = 0;  // of the log kept: what precedes it is in the state only
  uint64_t log_bytes = 0;
  std::vector<GroupMemberStatus> members;  // sorted by node id; empty without a group
};

// A copy of the state in the object store.
struct GroupSnapshot {
  std::string key;           // folder of its objects, "metastore/snapshots/.../"
  uint64_t index = 0;        // of the last command in it
  uint64_t bytes = 0;
  int64_t time_ns = 0;       // when it was taken, ns since the epoch
};

// Leader: kUnavailable, reason "not_leader", from others. Thread-safe; calls block up to the context's deadline.
class MetastoreGroup {
 public:
  virtual ~MetastoreGroup() = default;
  virtual Result<GroupIdentity> Identify(const RequestContext& context) = 0;
  virtual Result<GroupStatus> GetGroupStatus(const RequestContext& context) = 0;

  // Founds a group of the members at these Thrift addresses, this one among them. All must answer and belong to no group,
  // or to the one that this call founds: its id follows from the node ids, so asking twice, or two members at once, founds
  // one group. Answers the group's id. kFailedPrecondition when one belongs to another group, kUnavailable when one does
  // not answer: nothing, or a part that a repetition completes, is done then.
  virtual Result<uint64_t> FoundGroup(const RequestContext& context,
                                      const std::vector<std::string>& rpc_addresses) = 0;
  // Member to member: join this group. `founders`: all of them when the group begins now, the asked one among them; empty
  // when it lives already and adds this member. Idempotent. kFailedPrecondition when it belongs to another group.
  virtual Status AdoptGroup(const RequestContext& context, uint64_t group_id,
                            const std::vector<GroupMember>& founders) = 0;

  // Leader. Adds the member at this Thrift address, which must belong to no group, as a learner. Answers its node id.
  // Idempotent. When the group has another member under the same address, whose disk is lost, then promoting the new one
  // removes the old one.
  virtual Result<uint64_t> AddMember(const RequestContext& context, const std::string& rpc_address) = 0;
  // Leader. Makes a learner a voter. kUnavailable, reason "not_caught_up", while it lacks too much. Idempotent.
  virtual Status PromoteMember(const RequestContext& context, uint64_t node_id) = 0;
  // Leader. Removing the leader moves leadership first and answers kUnavailable, reason "not_leader". Idempotent: a member
  // that is not there is removed. kFailedPrecondition for the only voter, and when the voters that would be left cannot
  // commit now.
  virtual Status RemoveMember(const RequestContext& context, uint64_t node_id) = 0;
  // Leader. Returns when another leads. node_id 0: the voter whose log goes furthest.
  virtual Status TransferLeadership(const RequestContext& context, uint64_t node_id) = 0;
  // Writes the state as of now to the object store; any member.
  virtual Result<GroupSnapshot> TakeSnapshot(const RequestContext& context) = 0;
};

}  // namespace brazier::contract
