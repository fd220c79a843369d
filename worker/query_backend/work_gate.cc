#include "worker/query_backend/work_gate.h"

namespace brazier::query_backend {

void WorkGate::Begin(const std::string& tenant) {
  --free_;
  ++running_[tenant];
}

void WorkGate::Enter(const std::string& tenant) {
  std::unique_lock lock(mu_);
  if (free_ > 0) return Begin(tenant);
  Waiter waiter{.tenant = tenant, .turn = {}};
  waiting_.push_back(&waiter);
  waiter.turn.wait(lock, [&] { return waiter.has_turn; });
}

void WorkGate::Leave(const std::string& tenant) {
  std::lock_guard lock(mu_);
  ++free_;
  if (const auto it = running_.find(tenant); --it->second == 0) running_.erase(it);
  auto next = waiting_.end();
  size_t fewest = 0;
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    const auto running = running_.find((*it)->tenant);
    const size_t count = running == running_.end() ? 0 : running->second;
    if (next != waiting_.end() && count >= fewest) continue;
    next = it;
    fewest = count;
  }
  if (next == waiting_.end()) return;
  Waiter& waiter = **next;
  waiting_.erase(next);
  Begin(waiter.tenant);
  waiter.has_turn = true;
  // Under the mutex: the waiter lives on the stack of a thread that may go as soon as it is let go.
  waiter.turn.notify_one();
}

}  // namespace brazier::query_backend
