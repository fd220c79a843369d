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

TEST(AppendUtf8, ReplacesWhatIsNone) {
  const auto repaired = [](std::string_view text) {
    std::string out = ">";
    AppendUtf8(text, &out);
    return out;
  };
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(repaired(""), ">");
  EXPECT_EQ(repaired("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z"), ">a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z");
  EXPECT_EQ(repaired("\xFF" "a\xC3"), ">" + bad + "a" + bad);
  EXPECT_EQ(repaired("\xE2\x82z\xED\xA0\x80"), ">" + bad + bad + "z" + bad + bad + bad);
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
