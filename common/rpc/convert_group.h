// What an operator asks of the metastore's group <-> the generated structs of admin.thrift. Ids are unsigned and travel as
// i64, bit by bit. Includes generated code: only for .cc files of this folder and tests.
#pragma once

#include <vector>

#include "common/contract/metastore_group.h"
#include "idl/admin_types.h"

namespace brazier::rpc {

inline int64_t IdToWire(uint64_t id) { return static_cast<int64_t>(id); }
inline uint64_t IdFromWire(int64_t id) { return static_cast<uint64_t>(id); }

idl::GroupMember GroupMemberToWire(const GroupMember& member);
GroupMember GroupMemberFromWire(const idl::GroupMember& wire);
idl::GroupIdentity IdentityToWire(const contract::GroupIdentity& identity);
contract::GroupIdentity IdentityFromWire(const idl::GroupIdentity& wire);
idl::GroupStatus GroupStatusToWire(const contract::GroupStatus& status);
contract::GroupStatus GroupStatusFromWire(const idl::GroupStatus& wire);
idl::GroupSnapshot SnapshotToWire(const contract::GroupSnapshot& snapshot);
contract::GroupSnapshot SnapshotFromWire(const idl::GroupSnapshot& wire);

}  // namespace brazier::rpc
