#include "common/base/varint.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <vector>

namespace brazier {
namespace {

std::string Encoded(uint64_t v) {
  ByteWriter w;
  w.Varint(v);
  return w.bytes();
}

TEST(Varint, KnownBytes) {
  EXPECT_EQ(Encoded(0), std::string(1, '\0'));
  EXPECT_EQ(Encoded(127), "\x7F");
  EXPECT_EQ(Encoded(128), std::string("\x80\x01", 2));
  EXPECT_EQ(Encoded(300), "\xAC\x02");
  EXPECT_EQ(Encoded(UINT64_MAX), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
}

TEST(Varint, ZigZagOrdersByMagnitude) {
  EXPECT_EQ(ZigZag(0), 0u);
  EXPECT_EQ(ZigZag(-1), 1u);
  EXPECT_EQ(ZigZag(1), 2u);
  EXPECT_EQ(ZigZag(INT64_MAX), UINT64_MAX - 1);
  EXPECT_EQ(ZigZag(INT64_MIN), UINT64_MAX);
  for (int64_t v : {int64_t{0}, int64_t{-1}, int64_t{77}, INT64_MIN, INT64_MAX}) {
    EXPECT_EQ(UnZigZag(ZigZag(v)), v);
  }
}

TEST(Varint, RoundTripOfEveryLength) {
  std::mt19937_64 engine(1);
  std::vector<uint64_t> values;
  ByteWriter w;
  for (int bits = 0; bits <= 64; ++bits) {
    for (int i = 0; i < 20; ++i) {
      values.push_back(bits == 0 ? 0 : engine() >> (64 - bits));
      w.Varint(values.back());
      w.Signed(static_cast<int64_t>(values.back()));
    }
  }
  ByteReader r(AsBytes(w.bytes()));
  for (uint64_t v : values) {
    ASSERT_EQ(r.Varint(), v);
    ASSERT_EQ(r.Signed(), static_cast<int64_t>(v));
  }
  EXPECT_TRUE(r.AtEnd());
  EXPECT_TRUE(r.ok());
}

// Columns take another way than single numbers: the bytes must not tell which.
TEST(Varint, ColumnsAreTheBytesOfTheirNumbers) {
  std::mt19937_64 engine(2);
  for (const size_t count : {0, 1, 2, 127, 128, 129, 1000}) {
    std::vector<uint64_t> values(count);
    for (uint64_t& v : values) v = engine() >> engine() % 64;
    for (int bits = 0; bits < 64 && static_cast<size_t>(bits) * 2 + 1 < count; ++bits) {
      values[static_cast<size_t>(bits) * 2] = uint64_t{1} << bits;
      values[static_cast<size_t>(bits) * 2 + 1] = (uint64_t{1} << bits) - 1;
    }
    ByteWriter column;
    column.Varint(5);
    column.Varints(count, [&](size_t i) { return values[i]; });
    column.Varint(6);
    ByteWriter single;
    single.Varint(5);
    for (uint64_t v : values) single.Varint(v);
    single.Varint(6);
    EXPECT_EQ(column.bytes(), single.bytes()) << count;
  }
}

TEST(Varint, TextAndFixedRoundTrip) {
  ByteWriter w;
  w.String("name");
  w.Fixed64(0x0102030405060708);
  w.Raw("tail");
  EXPECT_EQ(w.bytes().substr(0, 6), "\x04name\x08") << "fixed numbers are little-endian";
  ByteReader r(AsBytes(w.bytes()));
  EXPECT_EQ(r.String(), "name");
  EXPECT_EQ(r.Fixed64(), 0x0102030405060708u);
  EXPECT_EQ(AsString(r.Raw(4)), "tail");
  EXPECT_TRUE(r.ok() && r.AtEnd());
}

TEST(ByteReader, FailureIsSticky) {
  const std::string bytes = "\x80";
  ByteReader r(AsBytes(bytes));
  EXPECT_EQ(r.Varint(), 0u);
  EXPECT_FALSE(r.ok());
  EXPECT_EQ(r.Varint(), 0u);
  EXPECT_EQ(r.String(), "");
  EXPECT_EQ(r.Fixed64(), 0u);
  EXPECT_FALSE(r.ok());
  EXPECT_TRUE(r.AtEnd()) << "loops over the rest end";
}

TEST(ByteReader, RefusesVarintsOfMoreThanTenBytes) {
  const std::string endless(11, '\x80');
  ByteReader r(AsBytes(endless));
  r.Varint();
  EXPECT_FALSE(r.ok());
}

TEST(ByteReader, CountIsBoundedByTheBytesThatAreLeft) {
  const std::string bytes = "\x03"
                            "abcdef";
  ByteReader fits(AsBytes(bytes));
  EXPECT_EQ(fits.Count(2), 3u);
  EXPECT_TRUE(fits.ok());
  ByteReader too_many(AsBytes(bytes));
  EXPECT_EQ(too_many.Count(3), 0u);
  EXPECT_FALSE(too_many.ok());
}

TEST(ByteReader, RefusesLengthsPastTheEnd) {
  ByteWriter w;
  w.Varint(UINT64_MAX);
  w.Raw("abc");
  ByteReader text(AsBytes(w.bytes()));
  EXPECT_EQ(text.String(), "");
  EXPECT_FALSE(text.ok());
  const std::string seven = "1234567";
  ByteReader fixed(AsBytes(seven));
  EXPECT_EQ(fixed.Fixed64(), 0u);
  EXPECT_FALSE(fixed.ok());
}

}  // namespace
}  // namespace brazier
