#include "worker/segment_writer/shard_heads.h"

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "tests/support/fake_random.h"

namespace brazier::segment_writer {
namespace {

using Heads = ShardHeads<int>;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kLongAgo = -kNsPerSecond;

SegmentWriterOptions Options(int64_t linger_ns) {
  SegmentWriterOptions options;
  options.linger_ns = linger_ns;
  options.segment_bytes_max = 100;
  options.segment_profiles_max = 10;
  return options;
}
// The items of the head that is due, empty when none is.
std::vector<int> Take(Heads& heads, int64_t now_ns, bool drain = false) {
  auto sealed = heads.TakeDue(now_ns, drain);
  return sealed ? sealed->items : std::vector<int>();
}

TEST(ShardHeads, EmptyIsNeverDue) {
  const auto options = Options(0);
  Heads heads(options);
  EXPECT_TRUE(heads.empty());
  EXPECT_EQ(heads.NextDueNs(), kNever);
  EXPECT_FALSE(heads.TakeDue(1, true).has_value());
}

TEST(ShardHeads, WithoutLingerAHeadSealsAtOnce) {
  const auto options = Options(0);
  Heads heads(options);
  heads.Append(3, 7, 1, 1, 50);
  EXPECT_EQ(heads.NextDueNs(), 50);
  const auto sealed = heads.TakeDue(50, false);
  ASSERT_TRUE(sealed.has_value());
  EXPECT_EQ(sealed->shard, 3u);
  EXPECT_EQ(sealed->items, std::vector<int>{7});
}

TEST(ShardHeads, LingerCountsFromTheOldestItem) {
  const auto options = Options(10);
  Heads heads(options);
  heads.Append(1, 1, 1, 1, 100);
  heads.Append(1, 2, 1, 1, 108);
  EXPECT_EQ(heads.NextDueNs(), 110);
  EXPECT_TRUE(Take(heads, 109).empty());
  EXPECT_EQ(Take(heads, 110), (std::vector<int>{1, 2}));
}

TEST(ShardHeads, FullByBytesSealsWithoutWaiting) {
  const auto options = Options(1000);
  Heads heads(options);
  heads.Append(1, 1, 99, 1, 100);
  EXPECT_TRUE(Take(heads, 100).empty());
  heads.Append(1, 2, 1, 1, 100);
  EXPECT_EQ(Take(heads, 100), (std::vector<int>{1, 2}));
}

TEST(ShardHeads, FullByProfilesSealsWithoutWaiting) {
  const auto options = Options(1000);
  Heads heads(options);
  heads.Append(1, 1, 1, 9, 100);
  EXPECT_TRUE(Take(heads, 100).empty());
  heads.Append(1, 2, 1, 1, 100);
  EXPECT_EQ(Take(heads, 100), (std::vector<int>{1, 2}));
}

// Someone who sleeps until NextDueNs() is woken when it moves forward, and not for every item.
TEST(ShardHeads, AppendTellsWhenAHeadIsDueEarlier) {
  const auto options = Options(1000);
  Heads heads(options);
  EXPECT_TRUE(heads.Append(1, 1, 1, 1, 100)) << "the first item";
  EXPECT_FALSE(heads.Append(1, 2, 1, 1, 101)) << "waits for the first one's time";
  EXPECT_TRUE(heads.Append(1, 3, 98, 1, 102)) << "full";
  EXPECT_FALSE(heads.Append(1, 4, 1, 1, 103)) << "was full before";
  ASSERT_EQ(Take(heads, 103).size(), 3u);
  EXPECT_FALSE(heads.Append(1, 5, 100, 1, 104)) << "uploading";
  EXPECT_TRUE(heads.Append(2, 6, 1, 1, 105)) << "another shard";
}

TEST(ShardHeads, NoDueTimeMovesForwardUntold) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    testing::FakeRandom random(seed);
    const auto options = Options(static_cast<int64_t>(random.Next() % 3) * 10);
    Heads heads(options);
    std::vector<uint32_t> uploading;
    int64_t now_ns = 0;
    int told = 0;
    for (int i = 0; i < 300; ++i, now_ns += 3) {
      if (const auto sealed = random.Next() % 3 == 0 ? heads.TakeDue(now_ns, false) : std::nullopt) {
        uploading.push_back(sealed->shard);
      } else if (!uploading.empty() && random.Next() % 3 == 0) {
        heads.UploadDone(uploading.back(), now_ns);
        uploading.pop_back();
      } else {
        const int64_t before_ns = heads.NextDueNs();
        const bool is_told = heads.Append(static_cast<uint32_t>(random.Next() % 3), i, random.Next() % 40, 1, now_ns);
        told += is_told;
        if (heads.NextDueNs() < before_ns) {
          ASSERT_TRUE(is_told) << "seed " << seed << " step " << i;
        }
      }
    }
    EXPECT_GT(told, 0);
  }
}

TEST(ShardHeads, ASegmentHoldsWhatFitsAndAtLeastOne) {
  const auto options = Options(0);
  Heads heads(options);
  heads.Append(1, 1, 500, 1, 1);  // larger than a segment: alone
  heads.Append(1, 2, 60, 1, 2);
  heads.Append(1, 3, 60, 1, 3);
  heads.Append(1, 4, 1, 9, 4);
  heads.Append(1, 5, 1, 2, 5);
  const std::vector<std::vector<int>> expected = {{1}, {2}, {3, 4}, {5}};
  for (const auto& items : expected) {
    EXPECT_EQ(Take(heads, 10), items);
    heads.UploadDone(1, kLongAgo);
  }
  EXPECT_TRUE(heads.empty());
}

TEST(ShardHeads, OneUploadPerShardAtATime) {
  const auto options = Options(0);
  Heads heads(options);
  heads.Append(1, 1, 1, 1, 1);
  EXPECT_EQ(Take(heads, 1), std::vector<int>{1});
  heads.Append(1, 2, 1, 1, 2);
  heads.Append(1, 3, 1, 1, 3);
  EXPECT_TRUE(Take(heads, 100).empty()) << "the shard is uploading";
  EXPECT_TRUE(Take(heads, 100, /*drain=*/true).empty());
  EXPECT_EQ(heads.NextDueNs(), kNever);
  heads.Append(2, 4, 1, 1, 4);
  EXPECT_EQ(Take(heads, 100), std::vector<int>{4}) << "another shard may";
  heads.UploadDone(1, 100);
  EXPECT_EQ(Take(heads, 100), (std::vector<int>{2, 3})) << "what came meanwhile goes together";
}

// Clients that wait for their answers come again as many as they were.
TEST(ShardHeads, UnderLoadAHeadWaitsAMillisecondForAsManyAsTheLastOneHad) {
  const auto options = Options(0);
  Heads heads(options);
  for (int item : {1, 2, 3}) heads.Append(1, item, 1, 1, 10);
  EXPECT_EQ(Take(heads, 10).size(), 3u);
  heads.Append(1, 4, 1, 1, 20);
  heads.UploadDone(1, 5'000'000);
  EXPECT_EQ(heads.NextDueNs(), 6'000'000);
  EXPECT_FALSE(heads.Append(1, 5, 1, 1, 5'100'000));
  EXPECT_TRUE(Take(heads, 5'200'000).empty());
  EXPECT_TRUE(heads.Append(1, 6, 1, 1, 5'300'000)) << "as many as last time: due now";
  EXPECT_EQ(Take(heads, 5'300'000), (std::vector<int>{4, 5, 6}));
  // Fewer come: a millisecond is all that they wait, and then so many are enough.
  heads.Append(1, 7, 1, 1, 5'400'000);
  heads.UploadDone(1, 7'000'000);
  EXPECT_TRUE(Take(heads, 7'999'999).empty());
  EXPECT_EQ(Take(heads, 8'000'000), (std::vector<int>{7}));
  heads.Append(1, 8, 1, 1, 8'100'000);
  heads.UploadDone(1, 9'000'000);
  EXPECT_EQ(Take(heads, 9'000'000), (std::vector<int>{8}));
}

TEST(ShardHeads, AShardThatWasIdleDoesNotWait) {
  const auto options = Options(0);
  Heads heads(options);
  for (int item : {1, 2, 3}) heads.Append(1, item, 1, 1, 10);
  EXPECT_EQ(Take(heads, 10).size(), 3u);
  heads.UploadDone(1, 20);
  heads.Append(1, 4, 1, 1, 30);
  EXPECT_EQ(Take(heads, 30), (std::vector<int>{4}));
}

TEST(ShardHeads, TheLongestWaitingGoesFirst) {
  const auto options = Options(5);
  Heads heads(options);
  heads.Append(1, 1, 1, 1, 30);
  heads.Append(2, 2, 1, 1, 10);
  heads.Append(3, 3, 1, 1, 20);
  EXPECT_EQ(Take(heads, 100), std::vector<int>{2});
  EXPECT_EQ(Take(heads, 100), std::vector<int>{3});
  EXPECT_EQ(Take(heads, 100), std::vector<int>{1});
}

TEST(ShardHeads, DrainDoesNotWait) {
  const auto options = Options(1'000'000);
  Heads heads(options);
  heads.Append(1, 1, 1, 1, 1);
  heads.Append(2, 2, 1, 1, 1);
  EXPECT_TRUE(Take(heads, 1).empty());
  EXPECT_EQ(Take(heads, 1, true).size(), 1u);
  EXPECT_EQ(Take(heads, 1, true).size(), 1u);
  EXPECT_FALSE(heads.empty()) << "still uploading";
  heads.UploadDone(1, 100);
  heads.UploadDone(2, 100);
  EXPECT_TRUE(heads.empty());
}

// Whatever the arrivals: each item comes out once, in order within its shard, within the limits, in time.
TEST(ShardHeads, RandomRunsLoseAndRepeatNothing) {
  const auto options = Options(7);
  testing::FakeRandom random(5);
  for (int round = 0; round < 50; ++round) {
    Heads heads(options);
    std::map<uint32_t, std::vector<int>> in, out;
    std::map<int, std::pair<size_t, size_t>> sizes;
    std::vector<uint32_t> uploading;
    int64_t now_ns = 1;
    const auto take = [&](bool drain) {
      while (auto sealed = heads.TakeDue(now_ns, drain)) {
        ASSERT_EQ(std::count(uploading.begin(), uploading.end(), sealed->shard), 0);
        uploading.push_back(sealed->shard);
        size_t bytes = 0, profiles = 0;
        for (int item : sealed->items) {
          out[sealed->shard].push_back(item);
          bytes += sizes[item].first;
          profiles += sizes[item].second;
        }
        if (sealed->items.size() > 1) {
          ASSERT_LE(bytes, options.segment_bytes_max);
          ASSERT_LE(profiles, options.segment_profiles_max);
        }
      }
    };
    for (int item = 0; item < 200; ++item) {
      const auto shard = static_cast<uint32_t>(random.Below(4));
      sizes[item] = {random.Below(60), random.Below(5)};
      heads.Append(shard, item, sizes[item].first, sizes[item].second, now_ns);
      in[shard].push_back(item);
      now_ns += static_cast<int64_t>(random.Below(4));
      take(false);
      ASSERT_GT(heads.NextDueNs(), now_ns) << "nothing due is left behind";
      while (!uploading.empty() && random.Below(2) == 0) {
        heads.UploadDone(uploading.back(), now_ns);
        uploading.pop_back();
      }
    }
    while (!heads.empty()) {
      take(true);
      for (uint32_t shard : uploading) heads.UploadDone(shard, now_ns);
      uploading.clear();
    }
    EXPECT_EQ(in, out) << "round " << round;
  }
}

}  // namespace
}  // namespace brazier::segment_writer
