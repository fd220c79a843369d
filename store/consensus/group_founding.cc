#include "store/consensus/group_founding.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "store/consensus/raft_core/raft_core.h"

namespace brazier::consensus {
namespace {

using kv::Family;

constexpr uint64_t kFoundingIndex = 1;
constexpr uint64_t kFoundingTerm = 1;

Result<std::string> EncodeVoters(const std::vector<GroupMember>& founders) {
  std::vector<uint64_t> voters;
  for (const GroupMember& founder : founders) voters.push_back(founder.node_id);
  std::string encoded(16 + voters.size() * 12, '\0');
  const size_t size =
      raft_core_encode_conf_state(voters.data(), voters.size(),
                                  reinterpret_cast<uint8_t*>(encoded.data()), encoded.size());
  if (size == 0) return Internal("the members of a consensus group do not encode");
  encoded.resize(size);
  return encoded;
}

}  // namespace

Result<std::optional<NodeIdentity>> ReadIdentity(const kv::KeyValueStore& store) {
  const Result<std::string> record = store.Get(Family::kLog, kIdentityKey);
  if (record.ok()) {
    ASSIGN_OR_RETURN(const NodeIdentity identity, DecodeIdentity(*record));
    return std::optional<NodeIdentity>(identity);
  }
  if (record.status().code() != Code::kNotFound) return record.status();
  if (store.Get(Family::kState, kAppliedKey).ok() || store.Get(Family::kLog, kTruncatedKey).ok()) {
    return Corruption("the store has consensus records but no node identity");
  }
  return std::optional<NodeIdentity>();
}

Status WriteIdentity(kv::KeyValueStore& store, const NodeIdentity& identity) {
  kv::WriteBatch batch;
  batch.Put(Family::kLog, std::string(kIdentityKey), EncodeIdentity(identity));
  return store.Write(batch, /*sync=*/true).Annotate("writing the node's identity");
}

Result<bool> IsFounded(const kv::KeyValueStore& store) {
  const Status status = store.Get(Family::kLog, kTruncatedKey).status();
  if (status.code() == Code::kNotFound) return false;
  RETURN_IF_ERROR(status);
  return true;
}

uint64_t GroupIdOf(const std::vector<GroupMember>& founders) {
  std::vector<uint64_t> ids;
  for (const GroupMember& founder : founders) ids.push_back(founder.node_id);
  std::sort(ids.begin(), ids.end());
  uint64_t id = ids.size();
  for (uint64_t node_id : ids) id = MixHash(id, node_id);
  return std::max<uint64_t>(id, 1);
}

Status FoundStore(kv::KeyValueStore& store, const NodeIdentity& identity,
                  const std::vector<GroupMember>& founders, bool state_is_staged) {
  ASSIGN_OR_RETURN(const bool is_founded, IsFounded(store));
  if (is_founded) {
    return Status(Code::kFailedPrecondition, "the store belongs to a consensus group already");
  }
  const bool is_founder =
      std::any_of(founders.begin(), founders.end(), [&](const GroupMember& founder) {
        return founder.node_id == identity.node_id;
      });
  if (!founders.empty() && !is_founder) {
    return Status(Code::kFailedPrecondition, "node " + std::to_string(identity.node_id) +
                                                 " is not among the founders of its group");
  }
  std::string conf_state;
  if (is_founder) {
    ASSIGN_OR_RETURN(conf_state, EncodeVoters(founders));
  }
  const uint64_t index = is_founder ? kFoundingIndex : 0;
  const uint64_t term = is_founder ? kFoundingTerm : 0;
  kv::WriteBatch batch;
  if (state_is_staged) batch.SwapState();
  batch.Put(Family::kLog, std::string(kIdentityKey), EncodeIdentity(identity));
  batch.Put(Family::kLog, std::string(kHardStateKey),
            EncodeHardState({.term = term, .vote = 0, .commit = index}));
  batch.Put(Family::kLog, std::string(kTruncatedKey), EncodeTruncation({index, term}));
  batch.Put(Family::kState, std::string(kAppliedKey), EncodeApplied({index, conf_state}));
  batch.Put(Family::kState, std::string(kMembersKey), EncodeMembers(founders));
  return store.Write(batch, /*sync=*/true).Annotate("founding the consensus group");
}

}  // namespace brazier::consensus
