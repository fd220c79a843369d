#include "store/consensus/raft_records.h"

#include <gtest/gtest.h>

#include "common/base/crc32c.h"

#include <functional>
#include <vector>

namespace brazier::consensus {
namespace {

TEST(RaftRecordsTest, EntryKeysSortByIndexAndDecode) {
  std::string previous;
  for (uint64_t index : {0ull, 1ull, 255ull, 256ull, 65536ull, 1ull << 40, (1ull << 63) - 1}) {
    const std::string key = EntryKey(index);
    EXPECT_LT(previous, key);
    EXPECT_LT(key, kEntriesEnd);
    EXPECT_EQ(*DecodeEntryKey(key), index);
    previous = key;
  }
  EXPECT_EQ(DecodeEntryKey("short").status().code(), Code::kCorruption);
  EXPECT_EQ(DecodeEntryKey(kHardStateKey).status().code(), Code::kCorruption);
}

TEST(RaftRecordsTest, EntryRoundTrips) {
  const std::string data("da\0ta", 5);
  const std::string bytes = EncodeEntry({7, 3, EntryType::kConfChange, "context", data});
  const Result<EntryView> entry = DecodeEntry(7, bytes);
  ASSERT_TRUE(entry.ok()) << entry.status().ToString();
  EXPECT_EQ(entry->index, 7u);
  EXPECT_EQ(entry->term, 3u);
  EXPECT_EQ(entry->type, EntryType::kConfChange);
  EXPECT_EQ(entry->context, "context");
  EXPECT_EQ(entry->data, data);
}

TEST(RaftRecordsTest, GoldenBytes) {
  const auto hex = [](std::string_view bytes) {
    std::string out;
    for (unsigned char c : bytes) {
      out += "0123456789abcdef"[c >> 4];
      out += "0123456789abcdef"[c & 15];
    }
    return out;
  };
  EXPECT_EQ(hex(EncodeEntry({2, 5, EntryType::kCommand, "", "hi"})),
            "01000500000000000000000000006869ab4f76b5");
  EXPECT_EQ(hex(EncodeTruncation({1, 1})), "01010000000000000001000000000000006f0f393e");
}

TEST(RaftRecordsTest, MembersRoundTrip) {
  const std::vector<GroupMember> members = {
      {.node_id = 1ull << 63, .name = "a", .rpc_address = "h:1", .raft_address = "tcp://h:2"},
      {.node_id = 7, .name = "", .rpc_address = std::string(kGroupTextBytesMax, 'x'), .raft_address = ""}};
  EXPECT_EQ(*DecodeMembers(EncodeMembers(members)), members);
  EXPECT_EQ(*DecodeMembers(EncodeMembers({})), std::vector<GroupMember>());
}

// Stores that were made before groups had ids.
TEST(RaftRecordsTest, IdentityOfVersion1IsReadable) {
  const std::string body("\x01\x0c\0\0\0\0\0\0\0", 9);
  const uint32_t crc = Crc32c(AsBytes(body));
  std::string bytes = body;
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(crc >> (8 * i)));
  EXPECT_EQ(*DecodeIdentity(bytes), (NodeIdentity{12, 0}));
}

TEST(RaftRecordsTest, NumbersRoundTrip) {
  const HardState hard = *DecodeHardState(EncodeHardState({1ull << 60, 2, 3}));
  EXPECT_EQ(hard.term, 1ull << 60);
  EXPECT_EQ(hard.vote, 2u);
  EXPECT_EQ(hard.commit, 3u);
  const Truncation truncation = *DecodeTruncation(EncodeTruncation({9, 8}));
  EXPECT_EQ(truncation.index, 9u);
  EXPECT_EQ(truncation.term, 8u);
  EXPECT_EQ(*DecodeIdentity(EncodeIdentity({12, 34})), (NodeIdentity{12, 34}));
  const AppliedState applied = *DecodeApplied(EncodeApplied({5, "members"}));
  EXPECT_EQ(applied.index, 5u);
  EXPECT_EQ(applied.conf_state, "members");
}

TEST(RaftRecordsTest, EveryTruncationAndBitFlipIsCorruption) {
  struct Record {
    std::string bytes;
    std::function<Status(std::string_view)> decode;
  };
  const std::vector<Record> records = {
      {EncodeEntry({1, 2, EntryType::kCommand, "c", "data"}),
       [](std::string_view b) { return DecodeEntry(1, b).status(); }},
      {EncodeIdentity({1, 2}), [](std::string_view b) { return DecodeIdentity(b).status(); }},
      {EncodeHardState({1, 2, 3}), [](std::string_view b) { return DecodeHardState(b).status(); }},
      {EncodeTruncation({1, 2}), [](std::string_view b) { return DecodeTruncation(b).status(); }},
      {EncodeApplied({1, "m"}), [](std::string_view b) { return DecodeApplied(b).status(); }},
      {EncodeMembers({{.node_id = 3, .name = "n"}}),
       [](std::string_view b) { return DecodeMembers(b).status(); }}};
  for (const Record& record : records) {
    ASSERT_TRUE(record.decode(record.bytes).ok());
    for (size_t size = 0; size < record.bytes.size(); ++size) {
      EXPECT_EQ(record.decode(record.bytes.substr(0, size)).code(), Code::kCorruption);
    }
    for (size_t bit = 0; bit < record.bytes.size() * 8; ++bit) {
      std::string flipped = record.bytes;
      flipped[bit / 8] ^= static_cast<char>(1 << (bit % 8));
      EXPECT_EQ(record.decode(flipped).code(), Code::kCorruption) << "bit " << bit;
    }
  }
}

}  // namespace
}  // namespace brazier::consensus
