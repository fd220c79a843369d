#include "store/consensus/raft_records.h"

#include <utility>

#include "common/base/crc32c.h"

namespace brazier::consensus {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kIdentityVersion = 2;
constexpr size_t kCrcBytes = 4;

void PutLittleEndian(std::string& out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

uint64_t GetLittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

std::string Seal(std::string body) {
  const uint32_t crc = Crc32c(AsBytes(body));
  PutLittleEndian(body, crc, kCrcBytes);
  return body;
}

// Reads a sealed record front to back; the first failure sticks.
class RecordReader {
 public:
  RecordReader(std::string what, std::string_view bytes, uint8_t newest_version = kVersion)
      : what_(std::move(what)) {
    if (bytes.size() < 1 + kCrcBytes) {
      Fail("is too short");
      return;
    }
    rest_ = bytes.substr(0, bytes.size() - kCrcBytes);
    if (GetLittleEndian(bytes.substr(rest_.size())) != Crc32c(AsBytes(rest_))) {
      Fail("fails its checksum");
      return;
    }
    version_ = Number(1);
    if (version_ == 0 || version_ > newest_version) {
      Fail("has unknown version " + std::to_string(version_));
    }
  }

  uint64_t version() const { return version_; }
  bool ok() const { return status_.ok(); }

  uint64_t Number(size_t bytes) { return GetLittleEndian(Take(bytes)); }

  std::string_view Take(size_t bytes) {
    if (bytes > rest_.size()) {
      Fail("is truncated");
      return {};
    }
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }

  std::string_view TakeRest() { return Take(rest_.size()); }

  // OK when everything was read and nothing is left.
  Status Finish() {
    if (status_.ok() && !rest_.empty()) Fail("has bytes too many");
    return status_;
  }

 private:
  void Fail(const std::string& how) {
    if (status_.ok()) status_ = Corruption("the " + what_ + " record " + how);
    rest_ = {};
  }

  const std::string what_;
  uint64_t version_ = 0;
  std::string_view rest_;
  Status status_;
};

std::string Begin(uint8_t version = kVersion) {
  return std::string(1, static_cast<char>(version));
}

}  // namespace

std::string EntryKey(uint64_t index) {
  std::string key(8, '\0');
  for (int i = 0; i < 8; ++i) key[i] = static_cast<char>(index >> (56 - 8 * i));
  return key;
}

Result<uint64_t> DecodeEntryKey(std::string_view key) {
  if (key.size() != 8) {
    return Corruption("a log entry's key has " + std::to_string(key.size()) + " bytes, not 8");
  }
  uint64_t index = 0;
  for (char c : key) index = index << 8 | static_cast<uint8_t>(c);
  return index;
}

std::string EncodeEntry(const EntryView& entry) {
  std::string out = Begin();
  out.reserve(out.size() + 13 + entry.context.size() + entry.data.size() + kCrcBytes);
  out.push_back(static_cast<char>(entry.type));
  PutLittleEndian(out, entry.term, 8);
  PutLittleEndian(out, entry.context.size(), 4);
  out += entry.context;
  out += entry.data;
  return Seal(std::move(out));
}

Result<EntryView> DecodeEntry(uint64_t index, std::string_view bytes) {
  RecordReader reader("log entry " + std::to_string(index), bytes);
  EntryView entry;
  entry.index = index;
  const uint64_t type = reader.Number(1);
  entry.type = static_cast<EntryType>(type);
  entry.term = reader.Number(8);
  const uint64_t context_bytes = reader.Number(4);
  entry.context = reader.Take(context_bytes);
  entry.data = reader.TakeRest();
  RETURN_IF_ERROR(reader.Finish());
  if (type > static_cast<uint64_t>(EntryType::kConfChangeV2)) {
    return Corruption("log entry " + std::to_string(index) + " has unknown type " +
                      std::to_string(type));
  }
  return entry;
}

std::string EncodeIdentity(const NodeIdentity& identity) {
  std::string out = Begin(kIdentityVersion);
  for (uint64_t id : {identity.node_id, identity.group_id}) PutLittleEndian(out, id, 8);
  return Seal(std::move(out));
}

Result<NodeIdentity> DecodeIdentity(std::string_view bytes) {
  RecordReader reader("node identity", bytes, kIdentityVersion);
  NodeIdentity identity;
  identity.node_id = reader.Number(8);
  if (reader.version() >= 2) identity.group_id = reader.Number(8);
  RETURN_IF_ERROR(reader.Finish());
  return identity;
}

std::string EncodeHardState(const HardState& state) {
  std::string out = Begin();
  for (uint64_t number : {state.term, state.vote, state.commit}) PutLittleEndian(out, number, 8);
  return Seal(std::move(out));
}

Result<HardState> DecodeHardState(std::string_view bytes) {
  RecordReader reader("hard state", bytes);
  HardState state;
  for (uint64_t* number : {&state.term, &state.vote, &state.commit}) *number = reader.Number(8);
  RETURN_IF_ERROR(reader.Finish());
  return state;
}

std::string EncodeTruncation(const Truncation& truncation) {
  std::string out = Begin();
  for (uint64_t number : {truncation.index, truncation.term}) PutLittleEndian(out, number, 8);
  return Seal(std::move(out));
}

Result<Truncation> DecodeTruncation(std::string_view bytes) {
  RecordReader reader("log truncation", bytes);
  Truncation truncation;
  truncation.index = reader.Number(8);
  truncation.term = reader.Number(8);
  RETURN_IF_ERROR(reader.Finish());
  return truncation;
}

std::string EncodeApplied(const AppliedState& applied) {
  std::string out = Begin();
  PutLittleEndian(out, applied.index, 8);
  out += applied.conf_state;
  return Seal(std::move(out));
}

Result<AppliedState> DecodeApplied(std::string_view bytes) {
  RecordReader reader("applied index", bytes);
  AppliedState applied;
  applied.index = reader.Number(8);
  applied.conf_state = reader.TakeRest();
  RETURN_IF_ERROR(reader.Finish());
  return applied;
}

std::string EncodeMembers(const std::vector<GroupMember>& members) {
  std::string out = Begin();
  PutLittleEndian(out, members.size(), 2);
  for (const GroupMember& member : members) {
    PutLittleEndian(out, member.node_id, 8);
    for (const std::string* text : {&member.name, &member.rpc_address, &member.raft_address}) {
      PutLittleEndian(out, text->size(), 2);
      out += *text;
    }
  }
  return Seal(std::move(out));
}

Result<std::vector<GroupMember>> DecodeMembers(std::string_view bytes) {
  RecordReader reader("group members", bytes);
  std::vector<GroupMember> members;
  const uint64_t count = reader.Number(2);
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    GroupMember& member = members.emplace_back();
    member.node_id = reader.Number(8);
    for (std::string* text : {&member.name, &member.rpc_address, &member.raft_address}) {
      *text = reader.Take(reader.Number(2));
    }
  }
  RETURN_IF_ERROR(reader.Finish());
  return members;
}

}  // namespace brazier::consensus
