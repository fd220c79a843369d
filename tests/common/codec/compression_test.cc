#include "common/codec/compression.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <random>
#include <string>

namespace brazier::codec {
namespace {

std::string Gzip(const std::string& raw, int level = 9) {
  libdeflate_compressor* c = libdeflate_alloc_compressor(level);
  std::string out(libdeflate_gzip_compress_bound(c, raw.size()), '\0');
  out.resize(libdeflate_gzip_compress(c, raw.data(), raw.size(), out.data(), out.size()));
  libdeflate_free_compressor(c);
  return out;
}

std::string Noise(size_t bytes) {
  std::mt19937_64 engine(61);
  std::string s(bytes, '\0');
  for (char& c : s) c = static_cast<char>(engine());
  return s;
}

TEST(Gunzip, RoundTrip) {
  for (const std::string& raw : {std::string(), std::string("a"), std::string(100'000, 'x'), Noise(5000)}) {
    std::string out = "old";
    const std::string packed = Gzip(raw);
    EXPECT_TRUE(IsGzip(AsBytes(packed)));
    ASSERT_TRUE(Gunzip(AsBytes(packed), 1 << 20, &out).ok());
    EXPECT_EQ(out, raw);
  }
  EXPECT_FALSE(IsGzip(AsBytes("\x1F")));
  EXPECT_FALSE(IsGzip(AsBytes("plain")));
}

TEST(Gunzip, TheBoundIsExact) {
  for (const std::string& raw : {std::string(10'000, 'x'), Noise(10'000), std::string(20, 'y')}) {
    std::string out;
    EXPECT_TRUE(Gunzip(AsBytes(Gzip(raw)), raw.size(), &out).ok());
    EXPECT_EQ(out, raw);
    const Status status = Gunzip(AsBytes(Gzip(raw)), raw.size() - 1, &out);
    EXPECT_EQ(status.code(), Code::kResourceExhausted);
    EXPECT_EQ(status.reason(), "profile_size_limit");
    EXPECT_NE(status.message().find(std::to_string(raw.size() - 1)), std::string::npos);
    EXPECT_TRUE(out.empty());
  }
}

// 64 MiB of zeros are 64 KiB of gzip: the memory follows the bound, not what the stream claims or holds.
TEST(Gunzip, ABombStopsAtTheBound) {
  std::string bomb = Gzip(std::string(64 << 20, '\0'), 6);
  ASSERT_LT(bomb.size(), 100'000u);
  constexpr size_t kBound = 1 << 20;
  std::string out;
  EXPECT_EQ(Gunzip(AsBytes(bomb), kBound, &out).code(), Code::kResourceExhausted);
  EXPECT_LE(out.capacity(), 2 * kBound);
  // Many members that add up.
  std::string members;
  for (int i = 0; i < 64; ++i) members += Gzip(std::string(100'000, 'z'));
  std::string more;
  EXPECT_EQ(Gunzip(AsBytes(members), kBound, &more).code(), Code::kResourceExhausted);
  EXPECT_LE(more.capacity(), 2 * kBound);
  // A trailer that lies about the size.
  std::string liar = Gzip(std::string(1000, 'q'));
  liar.replace(liar.size() - 4, 4, "\xFF\xFF\xFF\x7F");
  std::string lied;
  EXPECT_EQ(Gunzip(AsBytes(liar), 1 << 30, &lied).code(), Code::kInvalidArgument);
  EXPECT_LE(lied.capacity(), size_t{1} << 20);
}

TEST(Gunzip, MembersAreConcatenatedAndPaddingIsIgnored) {
  std::string out;
  ASSERT_TRUE(Gunzip(AsBytes(Gzip("one ") + Gzip("") + Gzip("two")), 100, &out).ok());
  EXPECT_EQ(out, "one two");
  ASSERT_TRUE(Gunzip(AsBytes(Gzip("one") + std::string(100, '\0')), 100, &out).ok());
  EXPECT_EQ(out, "one");
  ASSERT_TRUE(Gunzip(AsBytes(Gzip("1234") + Gzip("5678") + Gzip("")), 8, &out).ok()) << "the bound is of the sum";
  EXPECT_EQ(out, "12345678");
}

TEST(Gunzip, DamageIsRefused) {
  const std::string raw = "the quick brown fox jumps over the lazy dog, " + std::string(300, 'n');
  const std::string good = Gzip(raw);
  std::string out;
  for (size_t size = 0; size < good.size(); ++size) {
    const std::string cut(good.data(), size);
    const Status status = Gunzip(AsBytes(cut), 1 << 20, &out);
    ASSERT_FALSE(status.ok()) << size;
    EXPECT_EQ(status.reason(), "malformed_profile");
  }
  std::mt19937_64 engine(62);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string flipped = good;
    flipped[10 + engine() % (good.size() - 10)] ^= static_cast<char>(1u << (engine() % 8));
    // Some bits after the end of the deflate stream mean nothing; the others are noticed.
    const Status status = Gunzip(AsBytes(flipped), 1 << 20, &out);
    ASSERT_TRUE(!status.ok() || out == raw);
    refused += !status.ok();
  }
  EXPECT_GT(refused, 1900);
}

TEST(Zstd, RoundTripAndDamage) {
  for (const std::string& raw : {std::string(), std::string("a"), std::string(100'000, 'x'), Noise(5000)}) {
    std::string packed = "before";
    ZstdCompress(AsBytes(raw), 1, &packed);
    const Bytes frame = AsBytes(packed).subspan(6);
    std::string out = "old";
    ASSERT_TRUE(ZstdDecompress(frame, raw.size(), &out).ok());
    EXPECT_EQ(out, raw);
    EXPECT_EQ(ZstdDecompress(frame, raw.size() + 1, &out).code(), Code::kCorruption) << "the size must be exact";
    if (!raw.empty()) {
      EXPECT_EQ(ZstdDecompress(frame, raw.size() - 1, &out).code(), Code::kCorruption);
    }
    for (size_t size = 0; size < frame.size(); size += 1 + frame.size() / 500) {
      const std::string cut(AsString(frame.first(size)));
      if (raw.empty() && size == 0) continue;  // no frame at all also gives nothing
      EXPECT_FALSE(ZstdDecompress(AsBytes(cut), raw.size(), &out).ok()) << size;
    }
  }
}

// Numbers compress by their frequencies although no sequence of them comes twice; the two ways do not disturb each other.
TEST(Zstd, NumbersRoundTripAndShrink) {
  std::mt19937_64 engine(3);
  std::string skewed;
  for (int i = 0; i < 20'000; ++i) skewed += static_cast<char>(__builtin_ctzll(engine() | 1ull << 40) * 3);
  for (const std::string& raw : {std::string(), std::string("a"), std::string(100'000, 'x'), Noise(5000), skewed}) {
    std::string packed = "before";
    ZstdCompressNumbers(AsBytes(raw), &packed);
    const size_t numbers_end = packed.size();
    ZstdCompress(AsBytes(raw), 1, &packed);
    std::string out;
    ASSERT_TRUE(ZstdDecompress(AsBytes(packed).subspan(6, numbers_end - 6), raw.size(), &out).ok());
    EXPECT_EQ(out, raw);
    ASSERT_TRUE(ZstdDecompress(AsBytes(packed).subspan(numbers_end), raw.size(), &out).ok());
    EXPECT_EQ(out, raw);
    if (raw == skewed) {
      EXPECT_LT(numbers_end, raw.size() / 2) << "not stored as it is";
      EXPECT_LT(numbers_end, (packed.size() - numbers_end) * 105 / 100) << "about as small as level 1";
    }
  }
}

}  // namespace
}  // namespace brazier::codec
