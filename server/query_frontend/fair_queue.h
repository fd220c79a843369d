// FairQueue: which query runs next. Queries wait by tenant; when there is room, the one with the smallest virtual start goes
// (start-time fair queueing: Goyal, Vin and Cheng, 1996). A tenant's virtual time is the bytes that its queries were
// admitted for, divided by its weight; the queue's is the start of what was admitted last.
//
// Room: at most `concurrency` queries run, of one tenant at most its own limit, and never all of `concurrency` when that is
// more than one: whoever has nothing running need not wait for a single other tenant's long queries.
//
// What it guarantees. Let a tenant f have a query that waits and lacks nothing but a free slot, from one moment to another.
// Then for every other tenant m
//   cost(m) / weight(m) <= cost(f) / weight(f) + largest(m) / weight(m) + ahead(f)
// where cost is what was admitted meanwhile, largest one query's, and ahead(f) <= largest(f) / weight(f) what f's query before
// was ahead: nothing when f was idle for long. So a tenant that was idle waits for a free slot, not for what others have
// queued before. It gets no credit for idle time, nor for the time at its own limit.
//
// Bounds: queries that wait, of one tenant and of all, and the memory that they hold; tenants that are remembered though they
// have none. A query that runs at once is never refused. Pure: no threads, no clock; Thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace brazier::query_frontend {

struct FairQueueLimits {
  size_t concurrency = 16;
  size_t waiting_max = 1'000;
  size_t waiting_per_tenant_max = 500;
  uint64_t waiting_bytes_max = uint64_t{256} << 20;  // memory of what waits; a single query may always wait
};

// As of a tenant's last query.
struct TenantShare {
  size_t concurrency = 0;  // queries that run at once; 0: any
  uint32_t weight = 1;     // 0 counts as 1
};

class FairQueue {
 public:
  using Id = uint64_t;
  // What even the cheapest query counts: it has a turn, a plan, an answer.
  static constexpr uint64_t kCostMin = uint64_t{1} << 20;
  static constexpr uint64_t kCostMax = uint64_t{1} << 60;
  static constexpr size_t kIdleTenantsMax = 1'000;

  struct Query {
    Id id = 0;  // of nobody else that waits or runs
    std::string tenant;
    uint64_t cost = 0;          // bytes that it reads
    uint64_t memory_bytes = 0;  // that it holds while it waits
    TenantShare share = {};
  };

  explicit FairQueue(FairQueueLimits limits);

  // Who runs from now on: this one or none, and others of the tenant where its share grew. kResourceExhausted with kReason: it
  // can not wait; nothing has changed.
  Result<std::vector<Id>> Arrive(Query query);
  // It has ended, or does not want to wait any longer. Who runs from now on.
  std::vector<Id> Leave(Id id);

  size_t waiting() const { return waiting_; }
  size_t running() const { return running_; }
  size_t remembered_tenants() const { return tenants_.size(); }

  static constexpr const char* kReason = "query_queue_limit";

 private:
  struct Waiting {
    Id id;
    uint64_t cost;
    uint64_t memory_bytes;
  };
  struct Tenant {
    TenantShare share;
    std::deque<Waiting> waiting;
    size_t running = 0;
    uint64_t start = 0;  // virtual, of its next query
    uint64_t order = 0;  // between equal starts: who has it longer
    bool is_ready = false;  // in ready_
  };
  // The first is next.
  struct IsNext {
    bool operator()(const Tenant* a, const Tenant* b) const {
      return a->start != b->start ? a->start < b->start : a->order < b->order;
    }
  };

  size_t RunningMax(const Tenant& tenant) const;
  bool RunsAtOnce(const Tenant& tenant) const;
  Status CheckRoom(const Tenant& tenant, const Query& query) const;
  // After its queue, its running queries or its share have changed.
  void Refresh(Tenant& tenant);
  std::vector<Id> Admit();
  // REQUIRES: no tenant in ready_ starts before it.
  void MoveTo(uint64_t now);
  void ForgetIdle();

  const FairQueueLimits limits_;
  std::map<std::string, Tenant, std::less<>> tenants_;
  std::set<Tenant*, IsNext> ready_;  // something waits, and the tenant's own limit has room
  std::map<Id, Tenant*> of_;         // all that wait or run
  uint64_t now_ = 0;                 // virtual; no tenant in ready_ starts before it
  uint64_t orders_ = 0;
  size_t waiting_ = 0;
  size_t running_ = 0;
  uint64_t waiting_bytes_ = 0;
};

}  // namespace brazier::query_frontend
