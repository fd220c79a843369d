// MemoryBudget: the memory that all executions of a query-backend may use together, so that many large queries at a time end some of
// themselves and not the process.
//
// When it is used up, the execution that began last is given up, then the one before it, until what is left fits: the oldest always
// goes on, so that something is answered however many come. One that is given up learns so at its next step; until then it may be over by
// what the threads of an execution read at a time (a batch of blocks). Answers that are under way to whoever asked are not counted.
// No threads, no clock; Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>

#include "common/base/status.h"
#include "common/observe/metrics.h"

namespace brazier::query_backend {

class MemoryBudget {
 public:
  // `used` shows what is counted. bytes_max 0: any.
  MemoryBudget(size_t bytes_max, Gauge& used) : bytes_max_(bytes_max), used_(used) {}

  // What one execution uses; gives all of it back when it is destroyed. Thread-safe.
  class Account {
   public:
    explicit Account(MemoryBudget& budget);
    ~Account();
    Account(const Account&) = delete;
    Account& operator=(const Account&) = delete;

    // May be negative.
    void Add(int64_t bytes);
    bool IsGivenUp() const { return given_up_.load(std::memory_order_relaxed) != Verdict::kGoesOn; }
    // Why: busy when others use the rest, which another backend may not; the query's own limit when it is alone.
    Status Reason() const;

   private:
    friend class MemoryBudget;
    enum class Verdict : uint8_t { kGoesOn, kCameLast, kIsAlone };
    MemoryBudget& budget_;
    const uint64_t age_;
    int64_t bytes_ = 0;  // guarded by the budget's mu_
    std::atomic<Verdict> given_up_{Verdict::kGoesOn};
  };

 private:
  void Add(Account& account, int64_t bytes);

  const size_t bytes_max_;
  Gauge& used_;
  std::mutex mu_;
  std::map<uint64_t, Account*> accounts_;  // guarded by mu_; by age, oldest first
  int64_t bytes_ = 0;                      // guarded by mu_
  std::atomic<uint64_t> next_age_{0};
};

}  // namespace brazier::query_backend
