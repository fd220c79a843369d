#include "server/query_frontend/fair_queue.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace brazier::query_frontend {
namespace {

// Long before the virtual times could overflow: a query adds kCostMax at most.
constexpr uint64_t kRebaseAt = uint64_t{1} << 62;

Status Refuse(const std::string& tenant, const std::string& what, uint64_t limit, const char* of) {
  return ResourceExhausted("tenant \"" + tenant + "\": " + what + ", the limit is " + std::to_string(limit) + " (" + of + ")")
      .WithReason(FairQueue::kReason);
}

}  // namespace

FairQueue::FairQueue(FairQueueLimits limits) : limits_(limits) { CHECK(limits.concurrency > 0); }

size_t FairQueue::RunningMax(const Tenant& tenant) const {
  const size_t of_all = std::max<size_t>(1, limits_.concurrency - 1);
  return tenant.share.concurrency == 0 ? of_all : std::min(of_all, tenant.share.concurrency);
}

// Nobody who could run waits while there is room: so it is this one's.
bool FairQueue::RunsAtOnce(const Tenant& tenant) const {
  return tenant.waiting.empty() && running_ < limits_.concurrency && tenant.running < RunningMax(tenant);
}

Status FairQueue::CheckRoom(const Tenant& tenant, const Query& query) const {
  if (RunsAtOnce(tenant)) return Status::Ok();
  if (waiting_ >= limits_.waiting_max) {
    return Refuse(query.tenant, std::to_string(waiting_) + " queries of all tenants wait already", limits_.waiting_max,
                  "query.queue-max");
  }
  if (tenant.waiting.size() >= limits_.waiting_per_tenant_max) {
    return Refuse(query.tenant, std::to_string(tenant.waiting.size()) + " of its queries wait already",
                  limits_.waiting_per_tenant_max, "one tenant's part of query.queue-max");
  }
  // Refusing the only one would refuse it for ever.
  if (waiting_ > 0 && query.memory_bytes > limits_.waiting_bytes_max - std::min(waiting_bytes_, limits_.waiting_bytes_max)) {
    return Refuse(query.tenant, "queries that wait hold plans of " + std::to_string(waiting_bytes_) + " bytes already",
                  limits_.waiting_bytes_max, "bytes of plans that wait");
  }
  return Status::Ok();
}

Result<std::vector<FairQueue::Id>> FairQueue::Arrive(Query query) {
  CHECK(of_.count(query.id) == 0);
  const auto [it, is_new] = tenants_.try_emplace(query.tenant);
  Tenant& tenant = it->second;
  const TenantShare share = std::exchange(tenant.share, query.share);
  if (const Status room = CheckRoom(tenant, query); !room.ok()) {
    tenant.share = share;
    if (is_new) tenants_.erase(it);
    return room;
  }
  tenant.share.weight = std::max<uint32_t>(1, tenant.share.weight);
  tenant.waiting.push_back({query.id, std::clamp(query.cost, kCostMin, kCostMax), query.memory_bytes});
  of_[query.id] = &tenant;
  ++waiting_;
  waiting_bytes_ += query.memory_bytes;
  Refresh(tenant);
  ForgetIdle();
  return Admit();
}

std::vector<FairQueue::Id> FairQueue::Leave(Id id) {
  const auto found = of_.find(id);
  CHECK(found != of_.end());
  Tenant& tenant = *found->second;
  of_.erase(found);
  const auto waits =
      std::find_if(tenant.waiting.begin(), tenant.waiting.end(), [&](const Waiting& waiting) { return waiting.id == id; });
  if (waits != tenant.waiting.end()) {
    --waiting_;
    waiting_bytes_ -= waits->memory_bytes;
    tenant.waiting.erase(waits);
  } else {
    --running_;
    --tenant.running;
  }
  Refresh(tenant);
  if (of_.empty()) {
    // Nobody is there: nobody is ahead of anybody.
    tenants_.clear();
    now_ = 0;
  }
  return Admit();
}

void FairQueue::Refresh(Tenant& tenant) {
  const bool is_ready = !tenant.waiting.empty() && tenant.running < RunningMax(tenant);
  if (is_ready == tenant.is_ready) return;
  tenant.is_ready = is_ready;
  if (!is_ready) {
    ready_.erase(&tenant);
    return;
  }
  // Neither idle time nor time at its own limit is a credit: others have used what it could not.
  tenant.start = std::max(tenant.start, now_);
  tenant.order = ++orders_;
  ready_.insert(&tenant);
}

std::vector<FairQueue::Id> FairQueue::Admit() {
  std::vector<Id> admitted;
  while (running_ < limits_.concurrency && !ready_.empty()) {
    Tenant& tenant = **ready_.begin();
    ready_.erase(ready_.begin());
    tenant.is_ready = false;
    const Waiting next = tenant.waiting.front();
    tenant.waiting.pop_front();
    --waiting_;
    waiting_bytes_ -= next.memory_bytes;
    ++running_;
    ++tenant.running;
    admitted.push_back(next.id);
    const uint64_t start = tenant.start;
    tenant.start += next.cost / tenant.share.weight;
    MoveTo(start);
    Refresh(tenant);
  }
  return admitted;
}

void FairQueue::MoveTo(uint64_t now) {
  now_ = now;
  if (now_ < kRebaseAt) return;
  // The order of ready_ stays: nobody in it starts before now_. Who is not in it and does starts at now_ in any case.
  for (auto& [name, tenant] : tenants_) tenant.start -= std::min(tenant.start, now_);
  now_ = 0;
}

// A tenant without queries is remembered for what its last query was ahead. When more tenants than kIdleTenantsMax come and go
// before that has passed, the smaller half of it is forgiven, and virtual time moves on as far: else those who wait would be
// passed by ever new tenants.
void FairQueue::ForgetIdle() {
  if (tenants_.size() <= kIdleTenantsMax + waiting_ + running_) return;
  const auto is_idle = [](const Tenant& tenant) { return tenant.waiting.empty() && tenant.running == 0; };
  std::vector<uint64_t> starts;
  for (const auto& [name, tenant] : tenants_) {
    if (is_idle(tenant)) starts.push_back(tenant.start);
  }
  const auto middle = starts.begin() + static_cast<ptrdiff_t>(starts.size() / 2);
  std::nth_element(starts.begin(), middle, starts.end());
  const uint64_t forgiven = std::max(now_, *middle);
  std::erase_if(tenants_, [&](const auto& entry) { return is_idle(entry.second) && entry.second.start <= forgiven; });
  const std::vector<Tenant*> ready(ready_.begin(), ready_.end());
  ready_.clear();
  for (Tenant* tenant : ready) {
    tenant->start = std::max(tenant->start, forgiven);
    ready_.insert(tenant);
  }
  MoveTo(forgiven);
}

}  // namespace brazier::query_frontend
