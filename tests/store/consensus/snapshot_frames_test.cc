#include "store/consensus/snapshot_frames.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace brazier::consensus {
namespace {

std::string FromHex(std::string_view hex) {
  std::string bytes;
  std::string digits;
  for (char c : hex) {
    if (c == ' ') continue;
    digits.push_back(c);
    if (digits.size() < 2) continue;
    bytes.push_back(static_cast<char>(std::stoi(digits, nullptr, 16)));
    digits.clear();
  }
  return bytes;
}

std::string SmallRecords() {
  std::string records;
  AppendSnapshotRecord("k", "v1", records);
  AppendSnapshotRecord("kk", "", records);
  return records;
}

SnapshotFrame Head(SnapshotFrameKind kind) {
  return {.kind = kind, .from = 1, .to = 3, .term = 5, .transfer = 2, .index = 300, .number = 7};
}

// docs/format/raft-snapshot.md shows these bytes.
TEST(SnapshotFramesTest, GoldenBytes) {
  const std::string records = SmallRecords();
  SnapshotFrame frame = Head(SnapshotFrameKind::kData);
  frame.records = records;
  EXPECT_EQ(EncodeSnapshotFrame(frame),
            FromHex("00627301 01 0100000000000000 0300000000000000 0500000000000000"
                    "0200000000000000 2c01000000000000 07000000"
                    "01000000 02000000 6b 7631 02000000 00000000 6b6b"
                    "60afe24a"));
}

TEST(SnapshotFramesTest, EveryKindRoundTrips) {
  const std::string records = SmallRecords();
  for (int kind = 0; kind < 4; ++kind) {
    SnapshotFrame frame = Head(static_cast<SnapshotFrameKind>(kind));
    if (kind == 0) frame.index_term = 4, frame.members = "members";
    if (kind == 1) frame.records = records;
    if (kind == 2) frame.records_count = 2, frame.records_bytes = 21, frame.records_crc = 99;
    if (kind == 3) frame.answer = SnapshotAnswer::kRefused;
    const std::string bytes = EncodeSnapshotFrame(frame);
    EXPECT_TRUE(IsSnapshotFrame(bytes));
    const Result<SnapshotFrame> decoded = DecodeSnapshotFrame(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(EncodeSnapshotFrame(*decoded), bytes);
    EXPECT_EQ(decoded->index, 300u);
    EXPECT_EQ(decoded->number, 7u);
    EXPECT_EQ(decoded->members, frame.members);
    EXPECT_EQ(decoded->records, frame.records);
    EXPECT_EQ(decoded->records_crc, frame.records_crc);
    EXPECT_EQ(decoded->answer, frame.answer);
  }
}

TEST(SnapshotFramesTest, EveryTruncationAndBitFlipIsRefused) {
  const std::string records = SmallRecords();
  SnapshotFrame frame = Head(SnapshotFrameKind::kData);
  frame.records = records;
  const std::string bytes = EncodeSnapshotFrame(frame);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeSnapshotFrame(bytes.substr(0, size)).ok()) << size;
  }
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(DecodeSnapshotFrame(flipped).ok()) << bit;
  }
}

TEST(SnapshotFramesTest, UnknownKindsAndAnswersAreRefused) {
  SnapshotFrame frame = Head(static_cast<SnapshotFrameKind>(4));
  EXPECT_NE(DecodeSnapshotFrame(EncodeSnapshotFrame(frame)).status().message().find("unknown kind 4"),
            std::string::npos);
  frame = Head(SnapshotFrameKind::kAnswer);
  frame.answer = static_cast<SnapshotAnswer>(3);
  EXPECT_FALSE(DecodeSnapshotFrame(EncodeSnapshotFrame(frame)).ok());
}

TEST(SnapshotFramesTest, RecordsMustFillTheirBytes) {
  const std::string records = SmallRecords();
  std::vector<std::string> found;
  const auto visit = [&](std::string_view key, std::string_view value) {
    found.push_back(std::string(key) + "=" + std::string(value));
  };
  ASSERT_TRUE(ReadSnapshotRecords(records, visit).ok());
  EXPECT_EQ(found, (std::vector<std::string>{"k=v1", "kk="}));
  for (size_t size = 1; size < records.size(); ++size) {
    if (size == 11) continue;  // the first record, whole
    EXPECT_FALSE(ReadSnapshotRecords(records.substr(0, size), visit).ok()) << size;
  }
  // Sizes that overflow when they are added.
  EXPECT_FALSE(ReadSnapshotRecords(FromHex("ffffffff ffffffff 6b"), visit).ok());
}

}  // namespace
}  // namespace brazier::consensus
