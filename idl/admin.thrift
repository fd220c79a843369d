// AdminService: what an operator asks of one process, and of the metastore's group. Multiplexed under the name "AdminService".

include "types.thrift"

namespace cpp brazier.idl
namespace py brazier_idl.admin
namespace go brazier.idl.admin
namespace java brazier.idl
namespace js brazier.idl

struct RoleStatus {
  1: string role = "";      // "distributor", "metastore", ...
  2: bool ready = false;
  3: string message = "";   // why it is not ready
}

struct ProcessStatus {
  1: string version = "";
  2: string member_id = "";
  3: i64 uptime_ms = 0;
  4: list<RoleStatus> roles = [];
}

// ---- The metastore's group. Node and group ids are unsigned 64-bit numbers in two's complement; people are shown 16 hex
// digits. Served by processes that run a metastore; UNIMPLEMENTED elsewhere.

// One member as its group knows it.
struct GroupMember {
  1: i64 node_id = 0;           // drawn by the member itself when its folder was made: a lost disk is another member
  2: string name = "";          // the process's member id, for people
  3: string rpc_address = "";   // "host:port" of its Thrift door
  4: string raft_address = "";  // "tcp://host:port" where the group's messages go
}

struct GroupIdentity {
  1: GroupMember member;
  2: i64 group_id = 0;          // 0: belongs to no group yet
}

struct GroupMemberStatus {
  1: GroupMember member;
  2: bool is_voter = false;     // false: a learner, which gets everything and decides nothing
  3: bool is_leader = false;
  // As the leader knows them; 0 and false in the answer of another member.
  4: i64 matched_index = 0;     // the log up to here is on the member's disk
  5: bool is_active = false;    // heard of within an election timeout
}

// One member's view of itself and of its group.
struct GroupStatus {
  1: GroupIdentity own;          // of the member that answers
  2: bool can_commit = false;
  3: string failure = "";       // why nothing can commit now; empty: no reason is known
  4: i64 leader_id = 0;         // node id; 0: none is known
  5: i64 term = 0;
  6: i64 committed_index = 0;
  7: i64 applied_index = 0;
  8: i64 last_index = 0;
  9: i64 first_index = 0;       // of the log that is kept; what precedes it is in the state only
  10: i64 log_bytes = 0;
  11: list<GroupMemberStatus> members = [];  // ascending by node id as an unsigned number; empty without a group
}

// A copy of the state in the object store.
struct GroupSnapshot {
  1: string key = "";           // folder of its objects
  2: i64 index = 0;             // of the last command in it
  3: i64 bytes = 0;
  4: i64 time_ns = 0;           // when it was taken, ns since the epoch
}

struct FoundGroupRequest {
  1: types.RequestHeader header;
  2: list<string> rpc_addresses = [];  // of all members, "host:port"; the asked one among them
}

struct AdoptGroupRequest {
  1: types.RequestHeader header;
  2: i64 group_id = 0;
  3: list<GroupMember> founders = [];  // all of them when the group begins now; empty: it lives, and adds this member
}

struct AddMemberRequest {
  1: types.RequestHeader header;
  2: string rpc_address = "";          // "host:port" of a member that belongs to no group
}

struct GroupMemberRequest {
  1: types.RequestHeader header;
  2: i64 node_id = 0;
}

service AdminService {
  ProcessStatus status(1: types.RequestHeader header) throws (1: types.BrazierError error);
  // The page that Prometheus scrapes.
  string metricsText(1: types.RequestHeader header) throws (1: types.BrazierError error);
  // Returns when every role of the process is ready; throws UNAVAILABLE with the first that is not.
  void ready(1: types.RequestHeader header) throws (1: types.BrazierError error);

  // ---- The metastore's group. "Leader": other members throw UNAVAILABLE with reason "not_leader", and redirect where they
  // know the leader. All may be repeated.

  // Who this member is and which group it belongs to.
  GroupIdentity identify(1: types.RequestHeader header) throws (1: types.BrazierError error);
  GroupStatus groupStatus(1: types.RequestHeader header) throws (1: types.BrazierError error);
  // Founds a group of the members at these addresses and answers its id, which follows from the node ids: asking twice, or
  // two members at once, founds one group. FAILED_PRECONDITION when a member belongs to another group, UNAVAILABLE when one
  // does not answer: nothing was done then, or a part that a repetition completes.
  i64 foundGroup(1: FoundGroupRequest request) throws (1: types.BrazierError error);
  // Member to member: join this group. FAILED_PRECONDITION when it belongs to another.
  void adoptGroup(1: AdoptGroupRequest request) throws (1: types.BrazierError error);
  // Leader. Adds a member as a learner and answers its node id.
  i64 addMember(1: AddMemberRequest request) throws (1: types.BrazierError error);
  // Leader. Makes a learner a voter. UNAVAILABLE with reason "not_caught_up" while it lacks too much of the log. When the
  // group has another member under the same address, whose disk is lost, that one is removed.
  void promoteMember(1: GroupMemberRequest request) throws (1: types.BrazierError error);
  // Leader. A member that is not there is removed. Removing the leader moves leadership first and throws UNAVAILABLE with
  // reason "not_leader". FAILED_PRECONDITION for the only voter, and when those that would be left cannot commit now.
  void removeMember(1: GroupMemberRequest request) throws (1: types.BrazierError error);
  // Leader. Returns when another leads. node_id 0: the voter whose log goes furthest, whichever that is.
  void transferLeadership(1: GroupMemberRequest request) throws (1: types.BrazierError error);
  // Writes this member's state as of now to the object store.
  GroupSnapshot takeSnapshot(1: types.RequestHeader header) throws (1: types.BrazierError error);
}
