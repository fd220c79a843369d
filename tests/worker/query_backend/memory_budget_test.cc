// The memory of all executions together: who came last is given up, the oldest goes on.
#include "worker/query_backend/memory_budget.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "common/contract/query_backend.h"
#include "tests/support/fake_random.h"

namespace brazier::query_backend {
namespace {

struct MemoryBudgetTest : ::testing::Test {
  MetricsRegistry registry;
  Gauge& used = registry.GetGauge("used", "");
  MemoryBudget budget{100, used};
};

TEST_F(MemoryBudgetTest, WhoCameLastIsGivenUp) {
  MemoryBudget::Account first(budget), second(budget), third(budget);
  first.Add(40);
  second.Add(30);
  third.Add(30);
  EXPECT_EQ(used.value(), 100);
  EXPECT_FALSE(first.IsGivenUp() || second.IsGivenUp() || third.IsGivenUp());
  first.Add(1);
  EXPECT_FALSE(first.IsGivenUp() || second.IsGivenUp());
  EXPECT_TRUE(third.IsGivenUp());
  EXPECT_TRUE(contract::IsBusy(third.Reason())) << third.Reason().ToString();
  first.Add(29);
  EXPECT_FALSE(second.IsGivenUp()) << "what the third has will be free soon";
  first.Add(1);
  EXPECT_TRUE(second.IsGivenUp());
  EXPECT_FALSE(first.IsGivenUp());
}

TEST_F(MemoryBudgetTest, AloneItIsTheQuerysOwnLimit) {
  MemoryBudget::Account only(budget);
  only.Add(101);
  EXPECT_TRUE(only.IsGivenUp());
  EXPECT_EQ(only.Reason().reason(), "query_memory_limit");
  EXPECT_FALSE(contract::IsBusy(only.Reason()));
}

TEST_F(MemoryBudgetTest, WhatIsGivenBackIsFree) {
  {
    MemoryBudget::Account first(budget);
    first.Add(90);
    first.Add(-50);
    MemoryBudget::Account second(budget);
    second.Add(60);
    EXPECT_FALSE(first.IsGivenUp() || second.IsGivenUp());
    EXPECT_EQ(used.value(), 100);
  }
  EXPECT_EQ(used.value(), 0);
  MemoryBudget::Account third(budget);
  third.Add(100);
  EXPECT_FALSE(third.IsGivenUp());
}

TEST_F(MemoryBudgetTest, ZeroIsAny) {
  MemoryBudget any(0, used);
  MemoryBudget::Account account(any);
  account.Add(INT64_MAX / 2);
  EXPECT_FALSE(account.IsGivenUp());
}

// Whatever happens: what goes on fits, the oldest of them is never given up for another, and all is given back.
TEST_F(MemoryBudgetTest, WhatGoesOnFits) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    testing::FakeRandom random(seed);
    struct Entry {
      std::unique_ptr<MemoryBudget::Account> account;
      int64_t bytes = 0;
    };
    std::vector<Entry> all;
    for (int step = 0; step < 100; ++step) {
      if (all.empty() || random.Below(4) == 0) all.push_back({std::make_unique<MemoryBudget::Account>(budget), 0});
      Entry& entry = all[random.Below(all.size())];
      const bool was_oldest = !entry.account->IsGivenUp() && entry.account == all.front().account;
      const int64_t bytes = static_cast<int64_t>(random.Below(30));
      entry.account->Add(bytes);
      entry.bytes += bytes;
      int64_t going_on = 0;
      for (const Entry& each : all) going_on += each.account->IsGivenUp() ? 0 : each.bytes;
      ASSERT_LE(going_on, 100) << "seed " << seed;
      if (was_oldest && entry.bytes <= 100) {
        ASSERT_FALSE(entry.account->IsGivenUp()) << "seed " << seed;
      }
      std::erase_if(all, [&](const Entry& each) { return each.account->IsGivenUp() || random.Below(10) == 0; });
    }
    all.clear();
    ASSERT_EQ(used.value(), 0);
  }
}

TEST_F(MemoryBudgetTest, ManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 500; ++i) {
        MemoryBudget::Account account(budget);
        for (int k = 0; k < 10 && !account.IsGivenUp(); ++k) account.Add(7);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(used.value(), 0);
}

}  // namespace
}  // namespace brazier::query_backend
