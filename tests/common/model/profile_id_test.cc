// Ids of profiles, spans and traces as text: what is written is read back, and what is none is refused.
#include "common/model/profile_id.h"

#include <gtest/gtest.h>

namespace brazier {
namespace {

TEST(ProfileId, IsAUuidOfTheIdentity) {
  const Hash128 identity{0x0123456789abcdefull, 0xfedcba9876543210ull};
  EXPECT_EQ(ProfileIdText(identity), "01234567-89ab-cdef-fedc-ba9876543210");
  EXPECT_EQ(ParseProfileId("01234567-89ab-cdef-fedc-ba9876543210").value(), identity);
  EXPECT_EQ(ParseProfileId("01234567-89AB-CDEF-FEDC-BA9876543210").value(), identity);
  EXPECT_EQ(ParseProfileId("0123456789abcdeffedcba9876543210").value(), identity);
}

TEST(ProfileId, WhatIsNoneIsRefused) {
  EXPECT_EQ(ParseProfileId("xx").status().message(), "invalid UUID length: 2");
  EXPECT_EQ(ParseProfileId("").status().code(), Code::kInvalidArgument);
  for (const char* bad : {"0123456789abcdeffedcba987654321g", "01234567x89ab-cdef-fedc-ba9876543210",
                          "012345678-9ab-cdef-fedc-ba9876543210", "01234567-89ab-cdef-fedc-ba98765432-0"}) {
    EXPECT_NE(ParseProfileId(bad).status().message().find("invalid UUID format"), std::string::npos) << bad;
  }
}

TEST(ProfileId, SpansAndTracesAreReadBack) {
  EXPECT_EQ(SpanIdText(ParseSpanId("0001020304050607").value()), "0001020304050607");
  EXPECT_EQ(ParseTraceId("000102030405060708090a0b0c0d0e0f")->Hex(), "000102030405060708090a0b0c0d0e0f");
  EXPECT_EQ(ParseSpanId("zz").status().message(), "invalid span id length: \"zz\"");
  EXPECT_EQ(ParseSpanId("zz01020304050607").status().message(), "invalid span id: \"zz01020304050607\"");
  EXPECT_EQ(ParseTraceId("00").status().reason(), "trace_id");
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

}  // namespace
}  // namespace brazier
