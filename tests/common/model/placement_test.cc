#include "common/model/placement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace brazier {
namespace {

constexpr uint32_t kShards = 2000;

std::vector<std::string> Writers(int count) {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i) ids.push_back("writer-" + std::to_string(i));
  return ids;
}
std::string OwnerOf(const std::vector<std::string>& ids, const Ring& ring, uint32_t shard) {
  return ids[ring.WritersOf(shard, 1).at(0)];
}

TEST(ShardOf, CountsFromOneAndUsesAllShards) {
  std::map<uint32_t, int> uses;
  for (int i = 0; i < 4000; ++i) ++uses[ShardOf("t", "service-" + std::to_string(i), 8)];
  ASSERT_EQ(uses.size(), 8u);
  EXPECT_EQ(uses.begin()->first, 1u);
  EXPECT_EQ(uses.rbegin()->first, 8u);
  for (const auto& [shard, n] : uses) EXPECT_NEAR(n, 500, 125) << "shard " << shard;
}

TEST(ShardOf, TenantAndServiceAreBothTheKey) {
  int tenants = 0, services = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string n = std::to_string(i);
    tenants += ShardOf("t" + n, "s", 1000) != ShardOf("t", "s", 1000);
    services += ShardOf("t", "s" + n, 1000) != ShardOf("t", "s", 1000);
  }
  EXPECT_GT(tenants, 90);
  EXPECT_GT(services, 90);
}

TEST(ShardOf, AnotherShardTakesOnlyItsShare) {
  int moved = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::string service = "service-" + std::to_string(i);
    const uint32_t before = ShardOf("t", service, 8);
    const uint32_t after = ShardOf("t", service, 9);
    if (before == after) continue;
    EXPECT_EQ(after, 9u) << "what moves, moves to the new shard";
    ++moved;
  }
  EXPECT_NEAR(moved, 4000 / 9, 120);
}

// These numbers are a promise: every distributor, of every version, must decide alike.
TEST(Placement, GoldenDecisions) {
  EXPECT_EQ(ShardOf("anonymous", "api", 16), 9u);
  EXPECT_EQ(ShardOf("anonymous", "web", 16), 7u);
  EXPECT_EQ(ShardOf("tenant-a", "api", 1000), 418u);
  const Ring ring(Writers(5));
  EXPECT_EQ(ring.WritersOf(1, 5), (std::vector<size_t>{2, 4, 1, 0, 3}));
  EXPECT_EQ(ring.WritersOf(42, 2), (std::vector<size_t>{0, 4}));
}

TEST(Ring, NamesEachWriterOnceTheOwnerFirst) {
  const Ring ring(Writers(5));
  for (uint32_t shard = 1; shard <= 200; ++shard) {
    const auto all = ring.WritersOf(shard, 100);
    EXPECT_EQ(all.size(), 5u);
    EXPECT_EQ(std::set<size_t>(all.begin(), all.end()).size(), 5u);
    const auto two = ring.WritersOf(shard, 2);
    EXPECT_EQ(two, std::vector<size_t>(all.begin(), all.begin() + 2));
  }
  EXPECT_TRUE(Ring().WritersOf(1, 3).empty());
  EXPECT_TRUE(ring.WritersOf(1, 0).empty());
}

TEST(Ring, SpreadsOverAllWriters) {
  const auto ids = Writers(8);
  const Ring ring(ids);
  std::map<std::string, int> uses;
  for (uint32_t shard = 1; shard <= kShards; ++shard) ++uses[OwnerOf(ids, ring, shard)];
  ASSERT_EQ(uses.size(), 8u);
  for (const auto& [id, n] : uses) EXPECT_NEAR(n, kShards / 8.0, kShards / 16.0) << id;
}

TEST(Ring, TheOrderOfTheListDoesNotMatter) {
  auto shuffled = Writers(7);
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(3));
  const Ring a(Writers(7)), b(shuffled);
  for (uint32_t shard = 1; shard <= kShards; ++shard) {
    ASSERT_EQ(OwnerOf(Writers(7), a, shard), OwnerOf(shuffled, b, shard)) << shard;
  }
}

TEST(Ring, AJoiningWriterTakesOnlyItsShare) {
  const auto before = Writers(5), after = Writers(6);
  const Ring old_ring(before), new_ring(after);
  int moved = 0;
  for (uint32_t shard = 1; shard <= kShards; ++shard) {
    const std::string owner = OwnerOf(after, new_ring, shard);
    if (owner == OwnerOf(before, old_ring, shard)) continue;
    EXPECT_EQ(owner, "writer-5");
    ++moved;
  }
  EXPECT_GT(moved, 0);
  EXPECT_LT(moved, kShards * 3 / 10);
}

TEST(Ring, ALeavingWritersShardsGoToTheNextInLine) {
  const auto before = Writers(5);
  auto after = before;
  after.erase(after.begin() + 2);
  const Ring old_ring(before), new_ring(after);
  for (uint32_t shard = 1; shard <= kShards; ++shard) {
    const auto line = old_ring.WritersOf(shard, 2);
    const std::string expected = before[line[0] == 2 ? line[1] : line[0]];
    ASSERT_EQ(OwnerOf(after, new_ring, shard), expected) << shard;
  }
}

}  // namespace
}  // namespace brazier
