#include "server/metastore/snapshot/snapshot_format.h"

#include <charconv>
#include <cinttypes>
#include <cstdio>

#include "common/base/crc32c.h"
#include "common/codec/compression.h"
#include "common/codec/msgpack_io.h"

namespace brazier::metastore {
namespace {

constexpr uint64_t kVersion = 1;
constexpr int kZstdLevel = 1;
constexpr size_t kGroupDigits = 16, kIndexDigits = 20, kTimeDigits = 14;

// Takes exactly `digits` digits of `base` from the front.
bool TakeNumber(std::string_view& text, size_t digits, int base, uint64_t& value) {
  if (text.size() < digits) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value, base);
  if (error != std::errc() || end != text.data() + digits) return false;
  text.remove_prefix(digits);
  return true;
}

bool TakeChar(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string SnapshotName::Folder() const {
  char text[64];
  std::snprintf(text, sizeof text, "%016" PRIx64 "/%020" PRIu64 "-%014" PRIu64 "/", group_id, index, time_ms);
  return std::string(kSnapshotsPrefix) + text;
}

std::string SnapshotName::PartKey(uint32_t part) const {
  char text[24];
  std::snprintf(text, sizeof text, "part-%06" PRIu32, part);
  return Folder() + text;
}

std::string SnapshotName::ManifestKey() const { return Folder() + "manifest"; }

std::optional<SnapshotName> ParseSnapshotKey(std::string_view key, std::string_view* file) {
  if (!key.starts_with(kSnapshotsPrefix)) return std::nullopt;
  key.remove_prefix(kSnapshotsPrefix.size());
  SnapshotName name;
  const bool is_ours = TakeNumber(key, kGroupDigits, 16, name.group_id) && TakeChar(key, '/') &&
                       TakeNumber(key, kIndexDigits, 10, name.index) && TakeChar(key, '-') &&
                       TakeNumber(key, kTimeDigits, 10, name.time_ms) && TakeChar(key, '/');
  if (!is_ours) return std::nullopt;
  *file = key;
  return name;
}

std::string EncodeManifest(const SnapshotManifest& manifest) {
  codec::MsgpackWriter out;
  out.Array(6);
  out.Uint(kVersion);
  out.Uint(manifest.name.group_id);
  out.Uint(manifest.name.index);
  out.Uint(manifest.name.time_ms);
  out.Uint(manifest.term);
  out.Array(manifest.parts.size());
  for (const SnapshotPart& part : manifest.parts) {
    out.Array(4);
    out.Uint(part.records);
    out.Uint(part.raw_bytes);
    out.Uint(part.bytes);
    out.Uint(part.crc);
  }
  std::string bytes = out.Take();
  const uint32_t crc = Crc32c(AsBytes(bytes));
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(crc >> (8 * i)));
  return bytes;
}

Result<SnapshotManifest> DecodeManifest(std::string_view bytes) {
  if (bytes.size() < 4) return Corruption("a snapshot's manifest is truncated");
  const std::string_view body = bytes.substr(0, bytes.size() - 4);
  uint32_t crc = 0;
  for (int i = 3; i >= 0; --i) crc = crc << 8 | static_cast<uint8_t>(bytes[body.size() + i]);
  if (crc != Crc32c(AsBytes(body))) return Corruption("a snapshot's manifest fails its checksum");
  codec::MsgpackReader in(AsBytes(body), "snapshot manifest");
  SnapshotManifest manifest;
  const size_t fields = in.Array();
  if (in.Uint() != kVersion && in.ok()) {
    return Corruption("a snapshot's manifest has a version that this program does not know");
  }
  if (fields < 6) in.Fail("too few fields");
  manifest.name.group_id = in.Uint();
  manifest.name.index = in.Uint();
  manifest.name.time_ms = in.Uint();
  manifest.term = in.Uint();
  const size_t parts = in.Array(kSnapshotPartsMax);
  for (size_t i = 0; i < parts && in.ok(); ++i) {
    SnapshotPart& part = manifest.parts.emplace_back();
    const size_t part_fields = in.Array();
    if (part_fields < 4) in.Fail("too few fields of a part");
    part.records = in.Uint();
    part.raw_bytes = in.Uint(kSnapshotPartBytesMax);
    part.bytes = in.Uint(kSnapshotPartBytesMax);
    part.crc = in.Uint32();
    for (size_t skipped = 4; skipped < part_fields && in.ok(); ++skipped) in.Skip();
  }
  for (size_t skipped = 6; skipped < fields && in.ok(); ++skipped) in.Skip();
  if (const Status status = in.Finish(); !status.ok()) return Corruption(status.message());
  return manifest;
}

std::string EncodePart(std::string_view records, SnapshotPart* part) {
  std::string out;
  codec::ZstdCompress(AsBytes(records), kZstdLevel, &out);
  part->raw_bytes = records.size();
  part->bytes = out.size();
  part->crc = Crc32c(AsBytes(out));
  return out;
}

Result<std::string> DecodePart(std::string_view bytes, const SnapshotPart& part) {
  if (bytes.size() != part.bytes) {
    return Corruption("a snapshot's part has " + std::to_string(bytes.size()) + " bytes, its manifest says " +
                      std::to_string(part.bytes));
  }
  if (Crc32c(AsBytes(bytes)) != part.crc) return Corruption("a snapshot's part fails its checksum");
  std::string records;
  RETURN_IF_ERROR(codec::ZstdDecompress(AsBytes(bytes), part.raw_bytes, &records));
  return records;
}

}  // namespace brazier::metastore
