#include <gtest/gtest.h>

#include "common/observe/request_id.h"

namespace brazier {
namespace {

class FixedRandom final : public Random {
 public:
  uint64_t Next() override { return 0x0abcdef012345678; }
};

TEST(RequestId, IsSixteenHexDigits) {
  FixedRandom random;
  EXPECT_EQ(MakeRequestId(random), "0abcdef012345678");
}

TEST(RequestId, AcceptsOnlyWhatIsSafeInLogsAndHeaders) {
  EXPECT_TRUE(IsValidRequestId("a"));
  EXPECT_TRUE(IsValidRequestId("Ab9_.-"));
  EXPECT_TRUE(IsValidRequestId(std::string(64, 'x')));
  EXPECT_FALSE(IsValidRequestId(""));
  EXPECT_FALSE(IsValidRequestId(std::string(65, 'x')));
  EXPECT_FALSE(IsValidRequestId("a b"));
  EXPECT_FALSE(IsValidRequestId("a\r\nSet-Cookie: x"));
  EXPECT_FALSE(IsValidRequestId("ä"));
  EXPECT_FALSE(IsValidRequestId(std::string_view("a\0b", 3)));
}

TEST(RequestId, ReplacesAnInvalidOneOfAClient) {
  FixedRandom random;
  EXPECT_EQ(RequestIdOrNew("client-1", random), "client-1");
  EXPECT_EQ(RequestIdOrNew("no spaces", random), "0abcdef012345678");
}

}  // namespace
}  // namespace brazier
