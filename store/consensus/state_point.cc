#include "store/consensus/state_point.h"

#include "store/consensus/raft_records.h"

namespace brazier::consensus {

using kv::Family;

Result<StatePoint> ReadStatePoint(const kv::Reader& reader) {
  ASSIGN_OR_RETURN(const std::string applied_record, reader.Get(Family::kState, kAppliedKey));
  ASSIGN_OR_RETURN(const AppliedState applied, DecodeApplied(applied_record));
  StatePoint point{.index = applied.index};
  ASSIGN_OR_RETURN(const std::string truncated_record, reader.Get(Family::kLog, kTruncatedKey));
  ASSIGN_OR_RETURN(const Truncation truncated, DecodeTruncation(truncated_record));
  if (point.index == truncated.index) {
    point.term = truncated.term;
    return point;
  }
  const auto record = reader.Get(Family::kLog, EntryKey(point.index));
  if (!record.ok()) {
    return Corruption("the log has no entry " + std::to_string(point.index) + ", the last applied one");
  }
  ASSIGN_OR_RETURN(const EntryView entry, DecodeEntry(point.index, *record));
  point.term = entry.term;
  return point;
}

}  // namespace brazier::consensus
