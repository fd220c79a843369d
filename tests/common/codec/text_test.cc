#include "common/codec/text.h"

#include <gtest/gtest.h>

#include <string>

namespace brazier::codec {
namespace {

TEST(Utf8, AcceptsEveryLength) {
  for (const std::string text : {"", "ascii", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                                 "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
    for (size_t pad = 0; pad < 10; ++pad) EXPECT_TRUE(IsUtf8(std::string(pad, 'a') + text + std::string(pad, 'b')));
  }
  EXPECT_TRUE(IsUtf8(std::string_view("\0", 1)));
}

TEST(Utf8, RefusesEverythingElseAtEveryPosition) {
  for (const std::string text : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x80\x80", "\xE0\x9F\xBF",
                                 "\xE2\x82", "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF",
                                 "\xF0\x9F\x98", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF"}) {
    for (size_t pad = 0; pad < 20; ++pad) {
      EXPECT_FALSE(IsUtf8(std::string(pad, 'a') + text));
      EXPECT_FALSE(IsUtf8(std::string(pad, 'a') + text + std::string(9, 'b'))) << pad;
    }
  }
}

// All pairs of bytes against the ranges of the standard.
TEST(Utf8, ExhaustiveOverTwoBytes) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string s = {static_cast<char>(a), static_cast<char>(b)};
      const bool expected = (a < 0x80 && b < 0x80) || (a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF);
      ASSERT_EQ(IsUtf8(s), expected) << a << " " << b;
    }
  }
}

TEST(Utf8Suffix, BeginsAtACharacter) {
  EXPECT_EQ(Utf8Suffix("abc", 3), "abc");
  EXPECT_EQ(Utf8Suffix("abc", 2), "bc");
  EXPECT_EQ(Utf8Suffix("abc", 0), "");
  EXPECT_EQ(Utf8Suffix("a\xE2\x82\xAC", 3), "\xE2\x82\xAC");
  EXPECT_EQ(Utf8Suffix("a\xE2\x82\xAC", 2), "");
  EXPECT_EQ(Utf8Suffix("\xC3\xA4"
                       "b",
                       2),
            "b");
}

TEST(SpanId, SixteenHexDigitsLittleEndian) {
  uint64_t id = 5;
  EXPECT_TRUE(ParseSpanId("0102030405060708", &id));
  EXPECT_EQ(id, 0x0807060504030201u);
  EXPECT_TRUE(ParseSpanId("ABCDEFabcdef0000", &id));
  EXPECT_EQ(id, 0x0000EFCDABEFCDABu);
  id = 5;
  for (const char* bad : {"", "0", "010203040506070", "01020304050607080", "010203040506070g", "0x02030405060708", " 102030405060708"}) {
    EXPECT_FALSE(ParseSpanId(bad, &id)) << bad;
    EXPECT_EQ(id, 5u);
  }
}

TEST(TraceId, ThirtyTwoHexDigitsBigEndian) {
  Hash128 id{1, 2};
  EXPECT_TRUE(ParseTraceId("000102030405060708090A0b0c0d0e0f", &id));
  EXPECT_EQ(id, (Hash128{0x0001020304050607, 0x08090A0B0C0D0E0F}));
  id = {1, 2};
  for (const char* bad : {"", "000102030405060708090a0b0c0d0e0", "000102030405060708090a0b0c0d0e0g", "g00102030405060708090a0b0c0d0e0f"}) {
    EXPECT_FALSE(ParseTraceId(bad, &id)) << bad;
    EXPECT_EQ(id, (Hash128{1, 2}));
  }
}

// A byte that is no text is found at every place of a string of every length.
TEST(Text, IsUtf8LooksAtEveryByte) {
  for (size_t size = 0; size < 70; ++size) {
    const std::string good(size, 'x');
    EXPECT_TRUE(IsUtf8(AsBytes(good))) << size;
    for (size_t i = 0; i < size; ++i) {
      std::string bad = good;
      bad[i] = '\xFF';
      EXPECT_FALSE(IsUtf8(AsBytes(bad))) << size << " at " << i;
      if (i + 1 == size) continue;
      bad[i] = '\xC3';
      bad[i + 1] = '\xA9';
      EXPECT_TRUE(IsUtf8(AsBytes(bad))) << size << " at " << i;
    }
  }
}

}  // namespace
}  // namespace brazier::codec
