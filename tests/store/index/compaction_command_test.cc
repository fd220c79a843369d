#include "store/index/compaction_command.h"

#include <functional>

#include "common/codec/msgpack_io.h"
#include "store/index/index_limits.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

using codec::MsgpackWriter;

BlockMeta Output(uint64_t n) {
  BlockMeta block = MakeBlock(n, {MakeDataset("t", "s", 10, 20, {})});
  block.level = 1;
  return block;
}

std::string Replace(const std::vector<BlockMeta>& outputs, const std::vector<Ulid>& inputs, int64_t time_ns = 10) {
  std::vector<std::string> encoded;
  for (const BlockMeta& output : outputs) encoded.push_back(codec::EncodeBlockMeta(output));
  return EncodeReplaceBlocksCommand(time_ns, encoded, inputs);
}

// One of each kind, with what decodes it.
struct Kind {
  CommandKind kind;
  std::string bytes;
  std::function<Status(std::string_view)> decode;
};
std::vector<Kind> AllKinds() {
  return {
      {CommandKind::kReplaceBlocks, Replace({Output(9)}, {IdOf(1), IdOf(2)}),
       [](auto bytes) { return DecodeReplaceBlocksCommand(bytes).status(); }},
      {CommandKind::kPurgeTombstones, EncodePurgeTombstonesCommand(10, std::vector<Ulid>{IdOf(1), IdOf(2)}),
       [](auto bytes) { return DecodePurgeTombstonesCommand(bytes).status(); }},
      {CommandKind::kUpgradeState, EncodeUpgradeStateCommand(10, 500),
       [](auto bytes) { return DecodeUpgradeStateCommand(bytes).status(); }},
  };
}

TEST(CompactionCommandTest, RoundTrip) {
  const auto replace = DecodeReplaceBlocksCommand(Replace({Output(9), Output(8)}, {IdOf(2), IdOf(1)}, 77));
  ASSERT_TRUE(replace.ok()) << replace.status().ToString();
  EXPECT_EQ(replace->time_ns, 77);
  EXPECT_EQ(replace->outputs, (std::vector<BlockMeta>{Output(9), Output(8)}));
  EXPECT_EQ(replace->inputs, (std::vector<Ulid>{IdOf(2), IdOf(1)}));
  const auto purge = DecodePurgeTombstonesCommand(EncodePurgeTombstonesCommand(78, std::vector<Ulid>{IdOf(3)}));
  ASSERT_TRUE(purge.ok()) << purge.status().ToString();
  EXPECT_EQ(purge->time_ns, 78);
  EXPECT_EQ(purge->blocks, std::vector<Ulid>{IdOf(3)});
  const auto upgrade = DecodeUpgradeStateCommand(EncodeUpgradeStateCommand(79, 5));
  ASSERT_TRUE(upgrade.ok()) << upgrade.status().ToString();
  EXPECT_EQ(upgrade->time_ns, 79);
  EXPECT_EQ(upgrade->blocks_max, 5u);
}

TEST(CompactionCommandTest, GoldenBytes) {
  const std::string id = std::string("\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02", 16);
  const std::vector<Ulid> ids = {Ulid{{1, 2}}};
  EXPECT_EQ(EncodeReplaceBlocksCommand(10, std::vector<std::string>{"\x01"}, ids),
            std::string("\x95\x01\x02\x0A\x91\xC4\x01\x01\xC4\x10", 10) + id);
  EXPECT_EQ(EncodePurgeTombstonesCommand(10, ids), "\x94\x01\x03\x0A\xC4\x10" + id);
  EXPECT_EQ(EncodeUpgradeStateCommand(10, 100), "\x94\x01\x04\x0A\x64");
  EXPECT_EQ(EncodeReplaceBlocksAnswer(Replaced{true}), std::string("\x94\x01\x00\xA0\xC3", 5));
  EXPECT_EQ(EncodeReplaceBlocksAnswer(NotFound("x")), "\x94\x01\x04\xA1x\xC2");
  EXPECT_EQ(EncodePurgeTombstonesAnswer(Purged{3}), std::string("\x94\x01\x00\xA0\x03", 5));
  EXPECT_EQ(EncodeUpgradeStateAnswer(Upgraded{7, true}), std::string("\x95\x01\x00\xA0\x07\xC3", 6));
}

TEST(CompactionCommandTest, KindsAreToldApart) {
  for (const Kind& kind : AllKinds()) EXPECT_EQ(ReadCommandKind(kind.bytes), kind.kind);
  EXPECT_EQ(ReadCommandKind(CommandOf({})), CommandKind::kAddBlocks);
  for (const char* unknown : {"", "x", "\x93\x01\x0F\xC0"}) EXPECT_EQ(ReadCommandKind(unknown), CommandKind::kAddBlocks);
}

TEST(CompactionCommandTest, EveryTruncationIsRefusedAndAnyBitFlipIsBorne) {
  std::mt19937_64 rng(3);
  for (const Kind& kind : AllKinds()) {
    ASSERT_TRUE(kind.decode(kind.bytes).ok());
    for (size_t n = 0; n < kind.bytes.size(); ++n) {
      EXPECT_FALSE(kind.decode(std::string_view(kind.bytes).substr(0, n)).ok()) << n;
    }
    EXPECT_FALSE(kind.decode(kind.bytes + "x").ok());
    for (int i = 0; i < 3000; ++i) {
      std::string bad = kind.bytes;
      bad[rng() % bad.size()] ^= static_cast<char>(1u << rng() % 8);
      (void)kind.decode(bad);
    }
  }
}

TEST(CompactionCommandTest, OtherVersionsAndKindsAreUnimplemented) {
  for (const Kind& kind : AllKinds()) {
    for (size_t at : {size_t{1}, size_t{2}}) {
      std::string other = kind.bytes;
      other[at] = 0x77;
      EXPECT_EQ(kind.decode(other).code(), Code::kUnimplemented);
    }
  }
}

TEST(CompactionCommandTest, LaterFieldsAreIgnored) {
  MsgpackWriter out;
  out.Array(5);
  for (uint64_t n : {1, 4, 10, 100}) out.Uint(n);
  out.Str("later");
  EXPECT_TRUE(DecodeUpgradeStateCommand(out.Take()).ok());
}

TEST(CompactionCommandTest, WhatCannotBeAppliedIsRefused) {
  const auto refused = [](const std::vector<BlockMeta>& outputs, const std::vector<Ulid>& inputs, int64_t time_ns = 10) {
    return DecodeReplaceBlocksCommand(Replace(outputs, inputs, time_ns)).status().code() == Code::kInvalidArgument;
  };
  EXPECT_FALSE(refused({}, {IdOf(1)}));
  EXPECT_TRUE(refused({Output(9)}, {})) << "no inputs";
  EXPECT_TRUE(refused({Output(9)}, {IdOf(1), IdOf(1)}));
  EXPECT_TRUE(refused({Output(9), Output(9)}, {IdOf(1)}));
  EXPECT_TRUE(refused({Output(9)}, {IdOf(1), IdOf(9)})) << "output and input";
  EXPECT_TRUE(refused({}, {IdOf(1)}, -1));
  EXPECT_TRUE(refused({}, {IdOf(1)}, kCommandTimeNsMax + 1));
  EXPECT_TRUE(refused({MakeBlock(9, {MakeDataset("t", "s", 1, 2, {7})})}, {IdOf(1)})) << "identities";
  BlockMeta invalid = Output(9);
  invalid.size = 1;
  EXPECT_TRUE(refused({invalid}, {IdOf(1)}));
  std::vector<Ulid> many;
  for (uint64_t n = 0; n <= kBlocksPerCommandMax; ++n) many.push_back(IdOf(n));
  EXPECT_TRUE(refused({}, many));
  EXPECT_FALSE(DecodePurgeTombstonesCommand(EncodePurgeTombstonesCommand(1, many)).ok());
  many.pop_back();
  EXPECT_FALSE(refused({}, many));
  EXPECT_FALSE(DecodeUpgradeStateCommand(EncodeUpgradeStateCommand(1, 0)).ok());
  EXPECT_FALSE(DecodeUpgradeStateCommand(EncodeUpgradeStateCommand(1, kBlocksPerCommandMax + 1)).ok());
}

TEST(CompactionAnswerTest, RoundTripAndDamage) {
  EXPECT_EQ(*DecodeReplaceBlocksAnswer(EncodeReplaceBlocksAnswer(Replaced{true})), Replaced{true});
  EXPECT_EQ(*DecodeReplaceBlocksAnswer(EncodeReplaceBlocksAnswer(Replaced{})), Replaced{});
  EXPECT_EQ(*DecodePurgeTombstonesAnswer(EncodePurgeTombstonesAnswer(Purged{9})), Purged{9});
  EXPECT_EQ(*DecodeUpgradeStateAnswer(EncodeUpgradeStateAnswer(Upgraded{9, true})), (Upgraded{9, true}));
  for (Code code : {Code::kInvalidArgument, Code::kUnimplemented, Code::kInternal, Code::kNotFound,
                    Code::kFailedPrecondition}) {
    const Status error(code, "why");
    EXPECT_EQ(DecodeReplaceBlocksAnswer(EncodeReplaceBlocksAnswer(error)).status().ToString(), error.ToString());
    EXPECT_EQ(DecodePurgeTombstonesAnswer(EncodePurgeTombstonesAnswer(error)).status().ToString(), error.ToString());
    EXPECT_EQ(DecodeUpgradeStateAnswer(EncodeUpgradeStateAnswer(error)).status().ToString(), error.ToString());
  }
  const std::string bytes = EncodeUpgradeStateAnswer(Upgraded{300, true});
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_EQ(DecodeUpgradeStateAnswer(std::string_view(bytes).substr(0, n)).status().code(), Code::kInternal);
  }
}

}  // namespace
}  // namespace brazier::index
