// Who works next: never more than the slots, the tenant with fewest first, nobody forgotten.
#include "worker/query_backend/work_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

namespace brazier::query_backend {
namespace {

void Pause() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

TEST(WorkGate, NeverMoreThanItsSlotsAndNobodyIsForgotten) {
  WorkGate gate(3);
  std::atomic<int> running{0}, most{0}, done{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 12; ++t) {
    threads.emplace_back([&, tenant = "t" + std::to_string(t % 4)] {
      for (int i = 0; i < 300; ++i) {
        const auto pass = gate.Wait(tenant);
        const int now = ++running;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        if (i % 50 == 0) std::this_thread::yield();
        --running;
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 3);
  EXPECT_EQ(done, 12 * 300);
}

// Ten pieces of one tenant wait before one of another does, which is the next all the same.
TEST(WorkGate, WhoHasNothingRunningIsNext) {
  WorkGate gate(2);
  std::mutex mu;
  std::vector<std::string> order;
  std::atomic<int> holding{0};
  std::atomic<int> may_end{0};  // holders
  std::vector<std::thread> threads;
  const std::string many = "many", few = "few";
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      const auto pass = gate.Wait(many);
      ++holding;
      while (may_end <= i) Pause();
    });
  }
  while (holding < 2) Pause();
  const auto wait = [&](const std::string& tenant) {
    const size_t before = gate.waiting();
    threads.emplace_back([&, tenant] {
      const auto pass = gate.Wait(tenant);
      std::lock_guard lock(mu);
      order.push_back(tenant);
    });
    while (gate.waiting() == before) Pause();
  };
  for (int i = 0; i < 10; ++i) wait(many);
  wait(few);
  // One slot: nobody else works before it is done.
  may_end = 1;
  for (bool is_first = false; !is_first; Pause()) {
    std::lock_guard lock(mu);
    is_first = !order.empty();
  }
  may_end = 2;
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(order.size(), 11u);
  EXPECT_EQ(order[0], few) << "eleventh in the line, first in its turn";
}

}  // namespace
}  // namespace brazier::query_backend
