#include "server/distributor/rate_limiter.h"

#include <gtest/gtest.h>

namespace brazier::distributor {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(RateLimiter, ABurstThenTheRate) {
  RateLimiter limiter(100, 250);
  EXPECT_TRUE(limiter.Admit("t", 250, 0));
  EXPECT_FALSE(limiter.Admit("t", 1, 0));
  EXPECT_FALSE(limiter.Admit("t", 101, kSecond));
  EXPECT_TRUE(limiter.Admit("t", 100, kSecond)) << "a refused request takes nothing";
  EXPECT_FALSE(limiter.Admit("t", 51, kSecond * 3 / 2));
  EXPECT_TRUE(limiter.Admit("t", 50, kSecond * 3 / 2));
}

TEST(RateLimiter, NeverHoldsMoreThanTheBurst) {
  RateLimiter limiter(100, 250);
  EXPECT_TRUE(limiter.Admit("t", 1, 0));
  EXPECT_FALSE(limiter.Admit("t", 251, 1000 * kSecond));
  EXPECT_TRUE(limiter.Admit("t", 250, 1000 * kSecond));
}

TEST(RateLimiter, TenantsDoNotShare) {
  RateLimiter limiter(100, 100);
  EXPECT_TRUE(limiter.Admit("a", 100, 0));
  EXPECT_TRUE(limiter.Admit("b", 100, 0));
  EXPECT_FALSE(limiter.Admit("a", 1, 0));
}

TEST(RateLimiter, TimeThatGoesBackGivesNothing) {
  RateLimiter limiter(100, 100);
  EXPECT_TRUE(limiter.Admit("t", 100, 10 * kSecond));
  EXPECT_FALSE(limiter.Admit("t", 1, 9 * kSecond));
}

TEST(RateLimiter, ForgettingFullBucketsChangesNothing) {
  RateLimiter limiter(100, 100);
  EXPECT_TRUE(limiter.Admit("empty", 100, kSecond));
  for (size_t i = 0; i < RateLimiter::kTenantsMax; ++i) {
    ASSERT_TRUE(limiter.Admit("t" + std::to_string(i), 0, 0));
  }
  EXPECT_TRUE(limiter.Admit("one more", 1, kSecond));
  EXPECT_FALSE(limiter.Admit("empty", 1, kSecond)) << "a bucket that is not full is kept";
  EXPECT_FALSE(limiter.Admit("t0", 101, kSecond));
  EXPECT_TRUE(limiter.Admit("t0", 100, kSecond));
}

}  // namespace
}  // namespace brazier::distributor
