#include <gtest/gtest.h>

#include "common/config/address.h"

namespace brazier::config {
namespace {

TEST(HostPort, TakesNamesAndBothKindsOfNumbers) {
  EXPECT_EQ(ParseHostPort("127.0.0.1:4040"), (HostPort{"127.0.0.1", 4040}));
  EXPECT_EQ(ParseHostPort("[::1]:1"), (HostPort{"::1", 1}));
  EXPECT_EQ(ParseHostPort("my-host.example:65535"), (HostPort{"my-host.example", 65535}));
  EXPECT_EQ(ParseHostPort(":0"), (HostPort{"", 0}));
}

TEST(HostPort, RefusesTheRest) {
  for (const char* text : {"", "4040", "host", "host:", "host:65536", "host:-1", "host:+1", "host: 1",
                           "::1:4040", "[::1]", "[]:1", "[::1:4040", "a/b:1", "host:1x"}) {
    EXPECT_EQ(ParseHostPort(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace brazier::config
