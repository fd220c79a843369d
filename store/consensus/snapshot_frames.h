// Snapshot frames: the messages that bring one member's state to another, as docs/format/raft-snapshot.md lays them out.
//
// A transfer is a row of numbered frames: the offer (0), data (1, 2, ...), the end. The other side answers with the number
// it waits for. The first byte is zero, which no message of the Raft core begins with. Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace brazier::consensus {

enum class SnapshotFrameKind : uint8_t { kOffer = 0, kData = 1, kEnd = 2, kAnswer = 3 };

enum class SnapshotAnswer : uint8_t {
  kGoOn = 0,       // everything before `number` is here
  kInstalled = 1,  // the state, or a later one, is in place
  kRefused = 2,    // begin anew
};

struct SnapshotFrame {
  SnapshotFrameKind kind = SnapshotFrameKind::kOffer;
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t term = 0;      // in which the sender of the state leads
  uint64_t transfer = 0;  // ascends with each transfer of that sender in that term
  uint64_t index = 0;     // of the last entry applied to the state
  uint32_t number = 0;
  // kOffer
  uint64_t index_term = 0;   // of that entry
  std::string_view members;  // as the core encodes them
  // kData
  std::string_view records;
  // kEnd: of all records of the transfer
  uint64_t records_count = 0;
  uint64_t records_bytes = 0;
  uint32_t records_crc = 0;  // CRC-32C of all `records` one after the other
  // kAnswer
  SnapshotAnswer answer = SnapshotAnswer::kGoOn;
};

bool IsSnapshotFrame(std::string_view message);
std::string EncodeSnapshotFrame(const SnapshotFrame& frame);
// kInvalidArgument with what is wrong. The views of the result point into `bytes`.
Result<SnapshotFrame> DecodeSnapshotFrame(std::string_view bytes);

// Records: keys with their values.
void AppendSnapshotRecord(std::string_view key, std::string_view value, std::string& records);
size_t SnapshotRecordBytes(std::string_view key, std::string_view value);
// Visits the records in order. kInvalidArgument when they do not fill their bytes.
Status ReadSnapshotRecords(std::string_view records,
                           const std::function<void(std::string_view, std::string_view)>& visit);

}  // namespace brazier::consensus
