// QueryAdmission: lets queries run in the order of a FairQueue. Admit() blocks its caller until it is its turn; the ticket that
// it gets is the place among those that run, and is given back when it is destroyed.
//
// Looks every kPollNs whether the query is still wanted. Owns no thread; one mutex, held for a step of the queue. Thread-safe.
// Outlives its tickets.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/contract/context.h"
#include "common/observe/metrics.h"
#include "server/query_frontend/fair_queue.h"

namespace brazier::query_frontend {

// What one query asks for.
struct AdmissionRequest {
  std::string tenant;         // that is charged
  uint64_t cost = 0;          // bytes to read
  uint64_t memory_bytes = 0;  // held while it waits
  TenantShare share = {};
};

class QueryAdmission {
 public:
  static constexpr int64_t kPollNs = 20 * kNsPerMs;

  class Ticket {
   public:
    Ticket(Ticket&& other) noexcept : admission_(std::exchange(other.admission_, nullptr)), id_(other.id_) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() {
      if (admission_ != nullptr) admission_->Leave(id_);
    }

   private:
    friend class QueryAdmission;
    Ticket(QueryAdmission* admission, FairQueue::Id id) : admission_(admission), id_(id) {}
    QueryAdmission* admission_;
    FairQueue::Id id_;
  };

  QueryAdmission(FairQueueLimits limits, const Clock& clock, MetricsRegistry& registry);

  // kResourceExhausted (FairQueue::kReason) at once when it can not wait; kCancelled, kDeadlineExceeded by its context. A query
  // that need not wait is let in whatever its deadline: whoever executes it looks.
  Result<Ticket> Admit(const contract::RequestContext& context, const AdmissionRequest& request);

 private:
  // On the stack of its caller.
  struct Waiter {
    std::condition_variable changed;
    bool is_admitted = false;  // guarded by mu_
  };

  void Leave(FairQueue::Id id);
  // Waits for the waiter's turn. REQUIRES: lock holds mu_.
  Status Await(const contract::RequestContext& context, const std::string& tenant, Waiter& waiter,
               std::unique_lock<std::mutex>& lock) const;
  // REQUIRES: mu_ is held.
  void Wake(const std::vector<FairQueue::Id>& admitted);

  const Clock& clock_;
  Gauge& queue_length_;
  Histogram& wait_seconds_;

  std::mutex mu_;
  FairQueue queue_;                             // guarded by mu_
  std::map<FairQueue::Id, Waiter*> waiters_;    // guarded by mu_
  FairQueue::Id last_id_ = 0;                   // guarded by mu_
};

}  // namespace brazier::query_frontend
