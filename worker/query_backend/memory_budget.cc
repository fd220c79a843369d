#include "worker/query_backend/memory_budget.h"

#include <string>

#include "common/contract/query_backend.h"

namespace brazier::query_backend {

MemoryBudget::Account::Account(MemoryBudget& budget) : budget_(budget), age_(budget.next_age_.fetch_add(1)) {
  std::lock_guard lock(budget_.mu_);
  budget_.accounts_[age_] = this;
}

MemoryBudget::Account::~Account() {
  std::lock_guard lock(budget_.mu_);
  budget_.bytes_ -= bytes_;
  budget_.accounts_.erase(age_);
  budget_.used_.Set(budget_.bytes_);
}

void MemoryBudget::Account::Add(int64_t bytes) { budget_.Add(*this, bytes); }

Status MemoryBudget::Account::Reason() const {
  const std::string limit = std::to_string(budget_.bytes_max_) + " bytes (query.backend-memory-bytes-max)";
  if (given_up_.load() == Verdict::kIsAlone) {
    return ResourceExhausted("the query needs more than the " + limit + " of a query-backend; narrow the selector or the range")
        .WithReason("query_memory_limit");
  }
  return ResourceExhausted("the queries of a query-backend need more than its " + limit + ", and this one came last")
      .WithReason(contract::kBackendBusy);
}

void MemoryBudget::Add(Account& account, int64_t bytes) {
  std::lock_guard lock(mu_);
  account.bytes_ += bytes;
  bytes_ += bytes;
  used_.Set(bytes_);
  if (bytes_max_ == 0 || bytes <= 0) return;
  // What is given up already will be free soon.
  int64_t left = bytes_;
  for (const auto& [age, each] : accounts_) left -= each->IsGivenUp() ? each->bytes_ : 0;
  for (auto it = accounts_.rbegin(); it != accounts_.rend() && left > static_cast<int64_t>(bytes_max_); ++it) {
    Account& last = *it->second;
    if (last.IsGivenUp()) continue;
    left -= last.bytes_;
    last.given_up_.store(accounts_.size() == 1 ? Account::Verdict::kIsAlone : Account::Verdict::kCameLast);
  }
}

}  // namespace brazier::query_backend
