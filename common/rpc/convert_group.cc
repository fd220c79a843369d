#include "common/rpc/convert_group.h"

namespace brazier::rpc {

idl::GroupMember GroupMemberToWire(const GroupMember& member) {
  idl::GroupMember wire;
  wire.node_id = IdToWire(member.node_id);
  wire.name = member.name;
  wire.rpc_address = member.rpc_address;
  wire.raft_address = member.raft_address;
  return wire;
}

GroupMember GroupMemberFromWire(const idl::GroupMember& wire) {
  return {.node_id = IdFromWire(wire.node_id),
          .name = wire.name,
          .rpc_address = wire.rpc_address,
          .raft_address = wire.raft_address};
}

idl::GroupIdentity IdentityToWire(const contract::GroupIdentity& identity) {
  idl::GroupIdentity wire;
  wire.member = GroupMemberToWire(identity.member);
  wire.group_id = IdToWire(identity.group_id);
  return wire;
}

contract::GroupIdentity IdentityFromWire(const idl::GroupIdentity& wire) {
  return {.member = GroupMemberFromWire(wire.member), .group_id = IdFromWire(wire.group_id)};
}

idl::GroupStatus GroupStatusToWire(const contract::GroupStatus& status) {
  idl::GroupStatus wire;
  wire.own = IdentityToWire(status.self);
  wire.can_commit = status.can_commit;
  wire.failure = status.failure;
  wire.leader_id = IdToWire(status.leader_id);
  wire.term = IdToWire(status.term);
  wire.committed_index = IdToWire(status.committed_index);
  wire.applied_index = IdToWire(status.applied_index);
  wire.last_index = IdToWire(status.last_index);
  wire.first_index = IdToWire(status.first_index);
  wire.log_bytes = IdToWire(status.log_bytes);
  for (const contract::GroupMemberStatus& member : status.members) {
    idl::GroupMemberStatus& out = wire.members.emplace_back();
    out.member = GroupMemberToWire(member.member);
    out.is_voter = member.is_voter;
    out.is_leader = member.is_leader;
    out.matched_index = IdToWire(member.matched_index);
    out.is_active = member.is_active;
  }
  return wire;
}

contract::GroupStatus GroupStatusFromWire(const idl::GroupStatus& wire) {
  contract::GroupStatus status;
  status.self = IdentityFromWire(wire.own);
  status.can_commit = wire.can_commit;
  status.failure = wire.failure;
  status.leader_id = IdFromWire(wire.leader_id);
  status.term = IdFromWire(wire.term);
  status.committed_index = IdFromWire(wire.committed_index);
  status.applied_index = IdFromWire(wire.applied_index);
  status.last_index = IdFromWire(wire.last_index);
  status.first_index = IdFromWire(wire.first_index);
  status.log_bytes = IdFromWire(wire.log_bytes);
  for (const idl::GroupMemberStatus& member : wire.members) {
    status.members.push_back({.member = GroupMemberFromWire(member.member),
                              .is_voter = member.is_voter,
                              .is_leader = member.is_leader,
                              .matched_index = IdFromWire(member.matched_index),
                              .is_active = member.is_active});
  }
  return status;
}

idl::GroupSnapshot SnapshotToWire(const contract::GroupSnapshot& snapshot) {
  idl::GroupSnapshot wire;
  wire.key = snapshot.key;
  wire.index = IdToWire(snapshot.index);
  wire.bytes = IdToWire(snapshot.bytes);
  wire.time_ns = snapshot.time_ns;
  return wire;
}

contract::GroupSnapshot SnapshotFromWire(const idl::GroupSnapshot& wire) {
  return {.key = wire.key,
          .index = IdFromWire(wire.index),
          .bytes = IdFromWire(wire.bytes),
          .time_ns = wire.time_ns};
}

}  // namespace brazier::rpc
