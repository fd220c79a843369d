// What a store knows of its group before there is a log: who it is, and the records with which a group begins in it.
//
// Identity first: a store draws its node id when it is made and keeps it. Then it is founded: either alike on every founder
// (log truncated at index 1, term 1; applied 1; the founders as members), or, to join a group that lives, with an empty log
// truncated at 0 and no members: it takes no part until the leader's snapshot tells it everything. Each step is one synced
// write, so that a crash leaves the step done or not begun. Pure but for the store. Thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/model/group_member.h"
#include "store/consensus/raft_records.h"
#include "store/kv/key_value_store.h"

namespace brazier::consensus {

// None in a store that is new. kCorruption for one that has records of a group but no identity.
Result<std::optional<NodeIdentity>> ReadIdentity(const kv::KeyValueStore& store);
// REQUIRES: the store has no identity, or this is the same node and the stored group id is 0.
Status WriteIdentity(kv::KeyValueStore& store, const NodeIdentity& identity);
// A group's records are there: RaftNode can open it. A store that cannot be read is no answer: what is there would be
// founded over.
Result<bool> IsFounded(const kv::KeyValueStore& store);

// The id of the group that these nodes found, whatever their order. Never 0.
uint64_t GroupIdOf(const std::vector<GroupMember>& founders);
// Makes the store a member of the group: one of `founders`, or a newcomer when there are none. Writes the identity too.
// `state_is_staged`: the founder's state is what family kStaging holds (kv::WriteBatch::SwapState), else none.
// kFailedPrecondition when it is founded already, or when `founders` lack it.
Status FoundStore(kv::KeyValueStore& store, const NodeIdentity& identity,
                  const std::vector<GroupMember>& founders, bool state_is_staged = false);

}  // namespace brazier::consensus
