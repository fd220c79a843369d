#include "store/index/state_version.h"

#include "store/index/index_keys.h"

namespace brazier::index {

using kv::Family;

namespace {

// Programs of version 2 wrote the id alone.
constexpr char kPlaceVersion = '\x03';

}  // namespace

std::string EncodeUpgradePlace(const Ulid& upgraded_to) {
  std::string value(1, kPlaceVersion);
  AppendId(value, upgraded_to);
  return value;
}

Result<StateVersion> ReadStateVersion(const kv::Reader& reader) {
  const auto stored = reader.Get(Family::kState, VersionKey());
  if (stored.status().code() == Code::kNotFound) return StateVersion();
  RETURN_IF_ERROR(stored.status());
  StateVersion version;
  if (*stored == kStateVersion3) {
    version.number = 3;
    return version;
  }
  if (*stored != kStateVersion1 && *stored != kStateVersion2) {
    return Status(Code::kFailedPrecondition, "its state has version \"" + stored->substr(0, 32) +
                                                 "\", this program reads versions 1 to 3");
  }
  version.number = *stored == kStateVersion1 ? 1 : 2;
  const auto upgraded = reader.Get(Family::kState, UpgradeKey());
  if (upgraded.status().code() == Code::kNotFound) return version;
  RETURN_IF_ERROR(upgraded.status());
  if (upgraded->size() == kIdBytes) {
    version.queued_to = ParseId(*upgraded);
  } else if (upgraded->size() == 1 + kIdBytes && upgraded->front() == kPlaceVersion) {
    version.upgraded_to = ParseId(std::string_view(*upgraded).substr(1));
  } else {
    return Corruption("how far the index is upgraded takes " + std::to_string(upgraded->size()) + " bytes");
  }
  return version;
}

Status CheckUpgraded(const kv::Reader& reader) {
  ASSIGN_OR_RETURN(const StateVersion version, ReadStateVersion(reader));
  if (version.IsUpgraded()) return Status::Ok();
  return Status(Code::kFailedPrecondition, "the index is of version " + std::to_string(version.number) +
                                               " and not upgraded yet: its blocks are not in their queues")
      .WithReason("index_not_upgraded");
}

}  // namespace brazier::index
