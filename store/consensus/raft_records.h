// Raft records: the keys and bytes of everything consensus keeps in the key-value store. README.md has the layout.
//
// Family kLog: entries under their index (8 bytes, big-endian) and, under keys that begin with 0xFF, the node's
// identity, hard state and truncation point. Family kState: one record, the applied index with the group's members, in
// the same batch as the state it describes. Every value ends in its CRC-32C. Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/group_member.h"

namespace brazier::consensus {

inline constexpr std::string_view kIdentityKey = "\xff""identity";
inline constexpr std::string_view kHardStateKey = "\xff""hard_state";
inline constexpr std::string_view kTruncatedKey = "\xff""truncated";
inline constexpr std::string_view kEntriesEnd = "\xff";
// State machines leave family-kState keys that begin with a zero byte to consensus.
inline constexpr std::string_view kAppliedKey{"\0consensus/applied", 18};
inline constexpr std::string_view kMembersKey{"\0consensus/members", 18};

// What an entry is for, as raft_core.h numbers it.
enum class EntryType : uint8_t { kCommand = 0, kConfChange = 1, kConfChangeV2 = 2 };

// The views point into memory of whoever hands the entry out.
struct EntryView {
  uint64_t index = 0;
  uint64_t term = 0;
  EntryType type = EntryType::kCommand;
  std::string_view context;
  std::string_view data;
};

struct HardState {
  uint64_t term = 0;
  uint64_t vote = 0;
  uint64_t commit = 0;
};

// The last entry that is no longer in the log.
struct Truncation {
  uint64_t index = 0;
  uint64_t term = 0;
};

struct AppliedState {
  uint64_t index = 0;
  std::string conf_state;  // as the core encodes it
};

std::string EntryKey(uint64_t index);
// kCorruption unless the key is one of EntryKey's.
Result<uint64_t> DecodeEntryKey(std::string_view key);

std::string EncodeEntry(const EntryView& entry);
// `index` comes from the key. The views of the result point into `bytes`.
Result<EntryView> DecodeEntry(uint64_t index, std::string_view bytes);

// Who this store is. Version 1 had no group id.
struct NodeIdentity {
  uint64_t node_id = 0;
  uint64_t group_id = 0;  // 0: of no group yet, or of one that was founded before groups had ids
  friend bool operator==(const NodeIdentity&, const NodeIdentity&) = default;
};
std::string EncodeIdentity(const NodeIdentity& identity);
Result<NodeIdentity> DecodeIdentity(std::string_view bytes);
std::string EncodeHardState(const HardState& state);
Result<HardState> DecodeHardState(std::string_view bytes);
std::string EncodeTruncation(const Truncation& truncation);
Result<Truncation> DecodeTruncation(std::string_view bytes);
std::string EncodeApplied(const AppliedState& applied);
Result<AppliedState> DecodeApplied(std::string_view bytes);

// Names and addresses of members; also the context of an entry that adds one. In their order; at most
// kGroupMembersMax with texts of kGroupTextBytesMax, which callers check before they propose.
inline constexpr size_t kGroupMembersMax = 64;
inline constexpr size_t kGroupTextBytesMax = 512;
std::string EncodeMembers(const std::vector<GroupMember>& members);
Result<std::vector<GroupMember>> DecodeMembers(std::string_view bytes);

}  // namespace brazier::consensus
