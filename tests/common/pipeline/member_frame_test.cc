#include "common/pipeline/member_frame.h"

#include <gtest/gtest.h>

#include "tests/common/codec/hostile_bytes.h"

namespace brazier::pipeline {
namespace {

const MemberHeader kHeader{0x1122334455667788, 0x0a, 0x0b, "tcp://a:1"};

TEST(MemberFrame, RoundTrips) {
  const std::string bytes = EncodeMemberHeader(kHeader, AsBytes("message"));
  const auto header = DecodeMemberHeader(AsBytes(bytes), AsBytes("message"));
  ASSERT_TRUE(header.ok()) << header.status().ToString();
  EXPECT_EQ(*header, kHeader);
  MemberHeader other = kHeader;
  for (const size_t size : {size_t{0}, MemberHeader::kAddressBytesMax}) {
    other.address.assign(size, 'a');
    const std::string again = EncodeMemberHeader(other, {});
    ASSERT_TRUE(DecodeMemberHeader(AsBytes(again), {}).ok());
    EXPECT_EQ(*DecodeMemberHeader(AsBytes(again), {}), other);
  }
  // One that cannot be sent is left out.
  other.address.assign(MemberHeader::kAddressBytesMax + 1, 'a');
  EXPECT_EQ(DecodeMemberHeader(AsBytes(EncodeMemberHeader(other, {})), {})->address, "");
}

// docs/format/zeromq-raft.md shows these bytes.
TEST(MemberFrame, GoldenBytes) {
  EXPECT_EQ(EncodeMemberHeader(kHeader, AsBytes("hi")),
            std::string("brm\x01"
                        "\x88\x77\x66\x55\x44\x33\x22\x11"
                        "\x0a\0\0\0\0\0\0\0"
                        "\x0b\0\0\0\0\0\0\0"
                        "\x09tcp://a:1"
                        "\xd5\x2a\x7b\x1b",
                        42));
}

TEST(MemberFrame, OtherVersionsAreNamed) {
  std::string bytes = EncodeMemberHeader(kHeader, {});
  bytes[3] = 2;
  const auto header = DecodeMemberHeader(AsBytes(bytes), {});
  EXPECT_EQ(header.status().reason(), "version");
  EXPECT_NE(header.status().message().find("version 2"), std::string::npos);
  // Whatever a later version looks like behind its number.
  EXPECT_EQ(DecodeMemberHeader(AsBytes(bytes.substr(0, 9)), {}).status().reason(), "version");
}

TEST(MemberFrame, EveryChangedBitIsSeen) {
  const std::string message = "what the leader sent";
  const std::string header = EncodeMemberHeader(kHeader, AsBytes(message));
  for (size_t bit = 0; bit < 8 * (header.size() + message.size()); ++bit) {
    std::string changed = header + message;
    changed[bit / 8] ^= static_cast<char>(1u << (bit % 8));
    const auto decoded = DecodeMemberHeader(AsBytes(changed).first(header.size()),
                                            AsBytes(changed).subspan(header.size()));
    EXPECT_FALSE(decoded.ok()) << "bit " << bit;
  }
}

TEST(MemberFrame, HostileBytes) {
  testing::ExpectSurvivesHostileBytes(
      EncodeMemberHeader(kHeader, AsBytes("message")), 3,
      [](Bytes b) { return DecodeMemberHeader(b, AsBytes("message")).status(); });
}

}  // namespace
}  // namespace brazier::pipeline
