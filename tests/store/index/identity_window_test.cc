#include "store/index/identity_window.h"

#include <gtest/gtest.h>

#include <list>
#include <random>
#include <set>

namespace brazier::index {
namespace {

TEST(IdentityWindowTest, RemembersUntilDropped) {
  IdentityWindow window(1);
  EXPECT_FALSE(window.Contains({1, 1}));
  window.BeginEntry(10, Ulid{{0, 1}});
  EXPECT_FALSE(window.Add({1, 1}));
  EXPECT_TRUE(window.Add({1, 1}));
  EXPECT_TRUE(window.Contains({1, 1}));
  EXPECT_FALSE(window.Contains({1, 2}));
  EXPECT_EQ(window.entries().front().identities, 2u);
  EXPECT_EQ(window.bytes(), 32u);
  window.DropOldest();
  EXPECT_FALSE(window.Contains({1, 1}));
  EXPECT_TRUE(window.entries().empty());
}

TEST(IdentityWindowTest, ARepeatIsForgottenWithItsNewestEntry) {
  IdentityWindow window(1);
  for (int64_t t = 1; t <= 3; ++t) {
    window.BeginEntry(t, Ulid{});
    EXPECT_EQ(window.Add({7, 7}), t > 1);
  }
  window.DropOldest();
  EXPECT_TRUE(window.Contains({7, 7}));
  window.DropOldest();
  EXPECT_TRUE(window.Contains({7, 7}));
  window.DropOldest();
  EXPECT_FALSE(window.Contains({7, 7}));
}

TEST(IdentityWindowTest, EntriesWithoutIdentities) {
  IdentityWindow window(1);
  window.BeginEntry(1, Ulid{});
  window.BeginEntry(2, Ulid{});
  window.Add({1, 2});
  window.DropOldest();
  EXPECT_TRUE(window.Contains({1, 2}));
}

// Against lists and sets, with few distinct identities (many repeats, long runs) and with many (growth, shrinking).
TEST(IdentityWindowTest, AgreesWithAModel) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    std::mt19937_64 rng(seed);
    const uint64_t distinct = seed % 3 == 0 ? 50 : seed % 3 == 1 ? 3000 : 1'000'000;
    IdentityWindow window(rng());
    std::list<std::vector<Hash128>> model;
    int64_t time = 0;
    for (int step = 0; step < 300; ++step) {
      // Phases of growth and of shrinking.
      const bool grow = (step / 60) % 2 == 0;
      if (model.empty() || rng() % 4 < (grow ? 3u : 1u)) {
        window.BeginEntry(++time, Ulid{{0, static_cast<uint64_t>(time)}});
        model.emplace_back();
        std::set<Hash128> known;
        for (const auto& entry : model) known.insert(entry.begin(), entry.end());
        for (uint64_t n = rng() % 60; n > 0; --n) {
          const uint64_t value = rng() % distinct;
          const Hash128 identity{value >> 3, value & 7};
          ASSERT_EQ(window.Add(identity), !known.insert(identity).second) << "seed " << seed;
          model.back().push_back(identity);
        }
      } else {
        window.DropOldest();
        model.pop_front();
      }
      size_t size = 0;
      for (const auto& entry : model) size += entry.size();
      ASSERT_EQ(window.size(), size);
      ASSERT_EQ(window.entries().size(), model.size());
    }
    std::set<Hash128> known;
    for (const auto& entry : model) known.insert(entry.begin(), entry.end());
    for (uint64_t value = 0; value < std::min<uint64_t>(distinct, 5000); ++value) {
      const Hash128 identity{value >> 3, value & 7};
      ASSERT_EQ(window.Contains(identity), known.contains(identity)) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace brazier::index
