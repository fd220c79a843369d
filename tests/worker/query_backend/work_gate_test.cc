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
  std::atomic<int> waiting{0};
  std::atomic<bool> may_end{false};
  std::vector<std::thread> threads;
  const std::string many = "many", few = "few";
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      const auto pass = gate.Wait(many);
      ++waiting;
      while (!may_end) Pause();
    });
  }
  while (waiting < 2) Pause();
  const auto wait = [&](const std::string& tenant) {
    const int before = waiting;
    threads.emplace_back([&, tenant] {
      ++waiting;
      const auto pass = gate.Wait(tenant);
      std::lock_guard lock(mu);
      order.push_back(tenant);
    });
    while (waiting == before) Pause();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  for (int i = 0; i < 10; ++i) wait(many);
  wait(few);
  may_end = true;
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(order.size(), 11u);
  // Both slots become free at about the same time: at most one of the others may be before it.
  EXPECT_TRUE(order[0] == few || order[1] == few) << "eleventh in the line, first or second in its turn";
}

}  // namespace
}  // namespace brazier::query_backend
