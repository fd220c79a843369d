// The bytes of index snapshots in the object store, as docs/format/index-snapshot.md lays them out: a folder of parts and,
// put last, a manifest that makes it whole. Decoding is for hostile input. Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace brazier::metastore {

inline constexpr std::string_view kSnapshotsPrefix = "metastore/snapshots/";
inline constexpr size_t kSnapshotPartBytes = 16u << 20;      // of records; a part ends with the record that passes it
inline constexpr size_t kSnapshotPartBytesMax = 64u << 20;   // that a reader takes
inline constexpr size_t kSnapshotPartsMax = 1'000'000;

// Where a snapshot lies: "metastore/snapshots/<group>/<index>-<time>/", numbers of fixed width, so that keys are in order.
struct SnapshotName {
  uint64_t group_id = 0;
  uint64_t index = 0;    // of the last command in it
  uint64_t time_ms = 0;  // when it was begun, ms since the epoch
  std::string Folder() const;
  std::string PartKey(uint32_t part) const;
  std::string ManifestKey() const;
  friend auto operator<=>(const SnapshotName&, const SnapshotName&) = default;
};
// The snapshot that an object belongs to, and its name in the folder, a view of `key`; none when it is not one of ours.
std::optional<SnapshotName> ParseSnapshotKey(std::string_view key, std::string_view* file);

struct SnapshotPart {
  uint64_t records = 0;
  uint64_t raw_bytes = 0;  // of the records
  uint64_t bytes = 0;      // of the object
  uint32_t crc = 0;        // CRC-32C of the object
  friend bool operator==(const SnapshotPart&, const SnapshotPart&) = default;
};

struct SnapshotManifest {
  SnapshotName name;
  uint64_t term = 0;  // of the last command
  std::vector<SnapshotPart> parts;
  friend bool operator==(const SnapshotManifest&, const SnapshotManifest&) = default;
};
std::string EncodeManifest(const SnapshotManifest& manifest);
// kCorruption with what is wrong.
Result<SnapshotManifest> DecodeManifest(std::string_view bytes);

// `records` as store/consensus/snapshot_frames.h writes them. Fills the part's sizes and checksum; the count is the caller's.
std::string EncodePart(std::string_view records, SnapshotPart* part);
// The records. kCorruption when the bytes are not those of `part`.
Result<std::string> DecodePart(std::string_view bytes, const SnapshotPart& part);

}  // namespace brazier::metastore
