#include "common/model/profile_type.h"

#include <gtest/gtest.h>

namespace brazier {
namespace {

TEST(ProfileType, FivePartsRoundTrip) {
  for (const std::string text : {"process_cpu:cpu:nanoseconds:cpu:nanoseconds",
                                 "memory:inuse_space:bytes::", "::::", "a b:c:d:e:f"}) {
    const auto type = ProfileType::Parse(text);
    ASSERT_TRUE(type.ok()) << text;
    EXPECT_EQ(type->ToString(), text);
  }
  const auto type = ProfileType::Parse("process_cpu:cpu:ns:period:unit");
  EXPECT_EQ(*type, (ProfileType{"process_cpu", "cpu", "ns", "period", "unit"}));
}

TEST(ProfileType, ALastDeltaIsIgnored) {
  const auto type = ProfileType::Parse("a:b:c:d:e:delta");
  ASSERT_TRUE(type.ok());
  EXPECT_EQ(type->ToString(), "a:b:c:d:e");
}

TEST(ProfileType, RefusesOtherShapes) {
  for (const std::string text :
       {"", "a", "a:b:c:d", "a:b:c:d:e:f", "a:b:c:d:e:", "a:b:c:d:e:delta:", "a:b:c:d:e:Delta"}) {
    const auto type = ProfileType::Parse(text);
    ASSERT_FALSE(type.ok()) << text;
    EXPECT_EQ(type.status().code(), Code::kInvalidArgument);
  }
  // The text that clients of the compatible API know.
  EXPECT_EQ(ProfileType::Parse("a:b").status().message(),
            "profile-type selection must be of the form <name>:<sample-type>:<sample-unit>:"
            "<period-type>:<period-unit>(:delta), got(2): \"a:b\"");
}

TEST(ProfileType, ErrorsAreShort) {
  EXPECT_LT(ProfileType::Parse(std::string(100'000, 'x')).status().message().size(), 500u);
}

}  // namespace
}  // namespace brazier
