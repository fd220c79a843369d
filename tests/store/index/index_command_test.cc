#include "store/index/index_command.h"

#include "common/codec/msgpack_io.h"
#include "store/index/index_limits.h"
#include "tests/store/index/index_harness.h"

namespace brazier::index {
namespace {

using codec::MsgpackWriter;

std::vector<BlockMeta> TwoBlocks() {
  return {MakeBlock(1, {MakeDataset("t", "s", 10, 20, {1, 2})}),
          MakeBlock(2, {MakeDataset("t", "u", 30, 40, {})})};
}

TEST(IndexCommandTest, RoundTrip) {
  const std::string bytes = CommandOf(TwoBlocks(), 123, {.window_ns = 5, .bytes_max = 6});
  const auto decoded = DecodeAddBlocksCommand(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(decoded->time_ns, 123);
  EXPECT_EQ(decoded->dedup.window_ns, 5);
  EXPECT_EQ(decoded->dedup.bytes_max, 6u);
  EXPECT_EQ(decoded->blocks, TwoBlocks());
}

TEST(IndexCommandTest, OverheadIsWhatTheConstantsSay) {
  std::vector<std::string> blocks(1000, std::string(70'000, 'x'));
  size_t payload = 0;
  for (const std::string& block : blocks) payload += block.size();
  const std::string bytes =
      EncodeAddBlocksCommand(kCommandTimeNsMax, {INT64_MAX, UINT64_MAX}, blocks);
  EXPECT_LE(bytes.size(),
            payload + kCommandOverheadBytes + blocks.size() * kCommandOverheadBytesPerBlock);
}

TEST(IndexCommandTest, GoldenBytes) {
  const std::vector<std::string> blocks = {"\x01"};
  const std::string want("\x96\x01\x01\x0A\x05\x06\x91\xC4\x01\x01", 10);
  EXPECT_EQ(EncodeAddBlocksCommand(10, {5, 6}, blocks), want);
}

TEST(IndexCommandTest, UnknownVersionsAndKindsAreUnimplemented) {
  for (const auto& [version, kind] : {std::pair{2, 1}, std::pair{1, 2}}) {
    MsgpackWriter out;
    out.Array(3);
    out.Uint(version);
    out.Uint(kind);
    out.Nil();
    EXPECT_EQ(DecodeAddBlocksCommand(out.Take()).status().code(), Code::kUnimplemented);
  }
}

TEST(IndexCommandTest, LaterFieldsAreIgnored) {
  MsgpackWriter out;
  out.Array(7);
  for (int i : {1, 1, 10, 5, 6}) out.Uint(static_cast<uint64_t>(i));
  out.Array(0);
  out.Str("later");
  EXPECT_TRUE(DecodeAddBlocksCommand(out.Take()).ok());
}

TEST(IndexCommandTest, InvalidBlocksAndBoundsAreRefused) {
  std::vector<BlockMeta> blocks = TwoBlocks();
  blocks[1].size = 1;
  EXPECT_EQ(DecodeAddBlocksCommand(CommandOf(blocks)).status().code(), Code::kInvalidArgument);
  EXPECT_FALSE(DecodeAddBlocksCommand(CommandOf({}, -1)).ok());
  EXPECT_FALSE(DecodeAddBlocksCommand(CommandOf({}, kCommandTimeNsMax + 1)).ok());
  EXPECT_TRUE(DecodeAddBlocksCommand(CommandOf({}, kCommandTimeNsMax)).ok());
  EXPECT_FALSE(DecodeAddBlocksCommand(CommandOf({}, 1, {.window_ns = -1})).ok());
  EXPECT_FALSE(DecodeAddBlocksCommand(CommandOf({}, 1, {.window_ns = INT64_MAX})).ok());
  EXPECT_FALSE(DecodeAddBlocksCommand(CommandOf({}, 1, {.bytes_max = kDedupBytesMax + 1})).ok());
  EXPECT_TRUE(DecodeAddBlocksCommand(CommandOf({}, 1, {.bytes_max = kDedupBytesMax})).ok());
}

TEST(IndexCommandTest, EveryTruncationIsRefused) {
  const std::string bytes = CommandOf(TwoBlocks());
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(DecodeAddBlocksCommand(std::string_view(bytes).substr(0, n)).ok()) << n;
  }
  EXPECT_FALSE(DecodeAddBlocksCommand(bytes + "x").ok());
}

TEST(IndexAnswerTest, RoundTrip) {
  const std::vector<AddedBlock> blocks = {
      {false, {{}, {1, 2, 70'000}}}, {true, {{0}}}, {false, {}}};
  const auto decoded = DecodeAddBlocksAnswer(EncodeAddBlocksAnswer(blocks));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*decoded, blocks);
}

TEST(IndexAnswerTest, ErrorsRoundTrip) {
  for (Code code : {Code::kInvalidArgument, Code::kUnimplemented, Code::kInternal}) {
    const auto decoded = DecodeAddBlocksAnswer(EncodeAddBlocksAnswer(Status(code, "why")));
    EXPECT_EQ(decoded.status().code(), code);
    EXPECT_EQ(decoded.status().message(), "why");
  }
  const auto other = DecodeAddBlocksAnswer(EncodeAddBlocksAnswer(Unavailable("x")));
  EXPECT_EQ(other.status().code(), Code::kInternal);
}

TEST(IndexAnswerTest, DamagedAnswersAreErrors) {
  const std::string bytes = EncodeAddBlocksAnswer(std::vector<AddedBlock>{{false, {{1, 2}}}});
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(DecodeAddBlocksAnswer(std::string_view(bytes).substr(0, n)).ok()) << n;
  }
  std::mt19937_64 rng(1);
  for (int i = 0; i < 5000; ++i) {
    std::string bad = bytes;
    bad[rng() % bad.size()] = static_cast<char>(rng());
    (void)DecodeAddBlocksAnswer(bad);
  }
}

}  // namespace
}  // namespace brazier::index
