#include "server/query_frontend/query_admission.h"

#include <algorithm>
#include <chrono>

namespace brazier::query_frontend {

QueryAdmission::QueryAdmission(FairQueueLimits limits, const Clock& clock, MetricsRegistry& registry)
    : clock_(clock),
      queue_length_(registry.GetGauge("brazier_query_frontend_queue_length", "Queries that wait for their turn.")),
      wait_seconds_(registry.GetHistogram("brazier_query_frontend_queue_wait_seconds",
                                          "From a query's plan to its turn, of those that got it.", LatencyBounds())),
      queue_(limits) {}

Result<QueryAdmission::Ticket> QueryAdmission::Admit(const contract::RequestContext& context, const AdmissionRequest& request) {
  const int64_t begun_ns = clock_.MonotonicNs();
  std::unique_lock lock(mu_);
  const FairQueue::Id id = ++last_id_;
  Waiter waiter;
  const auto registered = waiters_.emplace(id, &waiter).first;
  auto admitted = queue_.Arrive({.id = id,
                                 .tenant = request.tenant,
                                 .cost = request.cost,
                                 .memory_bytes = request.memory_bytes,
                                 .share = request.share});
  Status status = admitted.status();
  if (status.ok()) {
    Wake(*admitted);
    status = Await(context, request.tenant, waiter, lock);
    if (!status.ok()) Wake(queue_.Leave(id));
  }
  waiters_.erase(registered);
  lock.unlock();
  RETURN_IF_ERROR(status);
  wait_seconds_.Observe(static_cast<double>(clock_.MonotonicNs() - begun_ns) / 1e9);
  return Ticket(this, id);
}

Status QueryAdmission::Await(const contract::RequestContext& context, const std::string& tenant, Waiter& waiter,
                             std::unique_lock<std::mutex>& lock) const {
  while (!waiter.is_admitted) {
    if (context.IsCancelled()) return {Code::kCancelled, "nobody waits for the query's answer any more"};
    const int64_t left_ns = context.deadline_ns - clock_.MonotonicNs();
    if (left_ns <= 0) {
      return DeadlineExceeded("the query's time ended before its turn came: others, or other queries of tenant \"" + tenant +
                              "\", are before it");
    }
    waiter.changed.wait_for(lock, std::chrono::nanoseconds(std::min(left_ns, kPollNs)), [&] { return waiter.is_admitted; });
  }
  return Status::Ok();
}

void QueryAdmission::Leave(FairQueue::Id id) {
  std::lock_guard lock(mu_);
  Wake(queue_.Leave(id));
}

void QueryAdmission::Wake(const std::vector<FairQueue::Id>& admitted) {
  for (const FairQueue::Id id : admitted) {
    Waiter& waiter = *waiters_.at(id);
    waiter.is_admitted = true;
    // Under the mutex: the waiter lives on the stack of a thread that may go as soon as it is let go.
    waiter.changed.notify_one();
  }
  queue_length_.Set(static_cast<int64_t>(queue_.waiting()));
}

}  // namespace brazier::query_frontend
