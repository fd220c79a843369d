#include "store/index/state_version.h"

#include "store/index/index_keys.h"

namespace brazier::index {

using kv::Family;

Result<StateVersion> ReadStateVersion(const kv::Reader& reader) {
  const auto stored = reader.Get(Family::kState, VersionKey());
  if (stored.status().code() == Code::kNotFound) return StateVersion();
  RETURN_IF_ERROR(stored.status());
  if (*stored == kStateVersion2) return StateVersion{2, std::nullopt};
  if (*stored != kStateVersion1) {
    return Status(Code::kFailedPrecondition, "its state has version \"" + stored->substr(0, 32) +
                                                 "\", this program reads versions 1 and 2");
  }
  StateVersion version{1, std::nullopt};
  const auto upgraded = reader.Get(Family::kState, UpgradeKey());
  if (upgraded.status().code() == Code::kNotFound) return version;
  RETURN_IF_ERROR(upgraded.status());
  if (upgraded->size() != kIdBytes) {
    return Corruption("how far the index is upgraded takes " + std::to_string(upgraded->size()) + " bytes");
  }
  version.upgraded_to = ParseId(*upgraded);
  return version;
}

Status CheckUpgraded(const kv::Reader& reader) {
  ASSIGN_OR_RETURN(const StateVersion version, ReadStateVersion(reader));
  if (version.number != 1) return Status::Ok();
  return Status(Code::kFailedPrecondition, "the index is of version 1 and not upgraded yet: its blocks are in no queue")
      .WithReason("index_not_upgraded");
}

}  // namespace brazier::index
