#include "store/consensus/snapshot_frames.h"

#include "common/base/crc32c.h"

namespace brazier::consensus {
namespace {

constexpr std::string_view kMagic{"\0bs\x01", 4};  // the last byte is the version
constexpr size_t kCrcBytes = 4;
constexpr size_t kRecordHeadBytes = 8;

void PutNumber(std::string& out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

// REQUIRES: that many bytes are there.
uint64_t TakeNumber(std::string_view& bytes, size_t count) {
  uint64_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  bytes.remove_prefix(count);
  return value;
}

Status Bad(const std::string& what) { return InvalidArgument("a snapshot frame " + what); }

}  // namespace

bool IsSnapshotFrame(std::string_view message) { return !message.empty() && message[0] == '\0'; }

std::string EncodeSnapshotFrame(const SnapshotFrame& frame) {
  std::string out(kMagic);
  out.reserve(kMagic.size() + 64 + frame.members.size() + frame.records.size() + kCrcBytes);
  out.push_back(static_cast<char>(frame.kind));
  for (uint64_t number : {frame.from, frame.to, frame.term, frame.transfer, frame.index}) {
    PutNumber(out, number, 8);
  }
  PutNumber(out, frame.number, 4);
  switch (frame.kind) {
    case SnapshotFrameKind::kOffer:
      PutNumber(out, frame.index_term, 8);
      out += frame.members;
      break;
    case SnapshotFrameKind::kData:
      out += frame.records;
      break;
    case SnapshotFrameKind::kEnd:
      PutNumber(out, frame.records_count, 8);
      PutNumber(out, frame.records_bytes, 8);
      PutNumber(out, frame.records_crc, 4);
      break;
    case SnapshotFrameKind::kAnswer:
      out.push_back(static_cast<char>(frame.answer));
      break;
  }
  PutNumber(out, Crc32c(AsBytes(out)), kCrcBytes);
  return out;
}

Result<SnapshotFrame> DecodeSnapshotFrame(std::string_view bytes) {
  constexpr size_t kHeadBytes = 1 + 5 * 8 + 4;
  if (bytes.size() < kMagic.size() + kHeadBytes + kCrcBytes) return Bad("is too short");
  if (bytes.substr(0, kMagic.size()) != kMagic) return Bad("has an unknown version");
  std::string_view rest = bytes.substr(0, bytes.size() - kCrcBytes);
  std::string_view crc = bytes.substr(rest.size());
  if (TakeNumber(crc, kCrcBytes) != Crc32c(AsBytes(rest))) return Bad("fails its checksum");
  rest.remove_prefix(kMagic.size());
  SnapshotFrame frame;
  const uint64_t kind = TakeNumber(rest, 1);
  frame.kind = static_cast<SnapshotFrameKind>(kind);
  for (uint64_t* number :
       {&frame.from, &frame.to, &frame.term, &frame.transfer, &frame.index}) {
    *number = TakeNumber(rest, 8);
  }
  frame.number = static_cast<uint32_t>(TakeNumber(rest, 4));
  switch (kind) {
    case static_cast<uint64_t>(SnapshotFrameKind::kOffer):
      if (rest.size() < 8) return Bad("is too short for an offer");
      frame.index_term = TakeNumber(rest, 8);
      frame.members = rest;
      return frame;
    case static_cast<uint64_t>(SnapshotFrameKind::kData):
      frame.records = rest;
      return frame;
    case static_cast<uint64_t>(SnapshotFrameKind::kEnd):
      if (rest.size() != 20) return Bad("has the wrong size for an end");
      frame.records_count = TakeNumber(rest, 8);
      frame.records_bytes = TakeNumber(rest, 8);
      frame.records_crc = static_cast<uint32_t>(TakeNumber(rest, 4));
      return frame;
    case static_cast<uint64_t>(SnapshotFrameKind::kAnswer): {
      if (rest.size() != 1) return Bad("has the wrong size for an answer");
      const uint64_t answer = TakeNumber(rest, 1);
      if (answer > static_cast<uint64_t>(SnapshotAnswer::kRefused)) return Bad("has an unknown answer");
      frame.answer = static_cast<SnapshotAnswer>(answer);
      return frame;
    }
    default:
      return Bad("has unknown kind " + std::to_string(kind));
  }
}

size_t SnapshotRecordBytes(std::string_view key, std::string_view value) {
  return kRecordHeadBytes + key.size() + value.size();
}

void AppendSnapshotRecord(std::string_view key, std::string_view value, std::string& records) {
  PutNumber(records, key.size(), 4);
  PutNumber(records, value.size(), 4);
  records += key;
  records += value;
}

Status ReadSnapshotRecords(std::string_view records,
                           const std::function<void(std::string_view, std::string_view)>& visit) {
  while (!records.empty()) {
    if (records.size() < kRecordHeadBytes) return Bad("ends inside a record");
    const uint64_t key_bytes = TakeNumber(records, 4);
    const uint64_t value_bytes = TakeNumber(records, 4);
    if (key_bytes + value_bytes > records.size()) return Bad("ends inside a record");
    visit(records.substr(0, key_bytes), records.substr(key_bytes, value_bytes));
    records.remove_prefix(key_bytes + value_bytes);
  }
  return Status::Ok();
}

}  // namespace brazier::consensus
