#include "worker/query_backend/query_backend.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>

#include "worker/query_backend/block_scan.h"

namespace brazier::query_backend {
namespace {

constexpr int kPlanDepthMax = 32;

Status CollectReads(const PlanNode& node, int depth, std::vector<const BlockRead*>* out) {
  if (depth > kPlanDepthMax) {
    return InvalidArgument("query plan: deeper than the limit of " + std::to_string(kPlanDepthMax));
  }
  for (const BlockRead& read : node.reads) out->push_back(&read);
  for (const PlanNode& child : node.children) RETURN_IF_ERROR(CollectReads(child, depth + 1, out));
  return Status::Ok();
}

}  // namespace

// One plan being executed. Readers take blocks by number; whoever finishes its share merges it in.
struct QueryBackend::Execution {
  Execution(const QuerySpec& spec, const Selector& selector, int64_t deadline_ns, size_t memory_max)
      : spec(spec), selector(selector), deadline_ns(deadline_ns), memory_bytes_max(memory_max) {}

  const QuerySpec& spec;
  const Selector& selector;
  const int64_t deadline_ns;
  const size_t memory_bytes_max;
  std::vector<const BlockRead*> reads;
  std::atomic<size_t> next{0};
  std::atomic<size_t> memory_bytes{0};  // of the builders of all threads
  std::atomic<bool> has_failed{false};

  std::mutex mu;
  std::condition_variable changed;
  int active = 0;      // guarded by mu: threads that read for it now
  bool is_closed = false;  // guarded by mu: no thread may join any more
  Status status;       // guarded by mu: the first failure
  QueryResult result;  // guarded by mu
  bool has_result = false;

  bool Join() {
    std::lock_guard lock(mu);
    if (is_closed || next.load() >= reads.size()) return false;
    ++active;
    return true;
  }
  void Leave() {
    std::lock_guard lock(mu);
    --active;
    changed.notify_all();
  }
  void Fail(Status s) {
    has_failed.store(true);
    std::lock_guard lock(mu);
    if (status.ok()) status = std::move(s);
  }
  // Merging happens outside the lock: a share is taken out, merged, and put back.
  void MergeIn(QueryResult share) {
    while (true) {
      QueryResult other;
      {
        std::lock_guard lock(mu);
        if (!has_result) {
          result = std::move(share);
          has_result = true;
          return;
        }
        other = std::move(result);
        has_result = false;
      }
      for (size_t i = 0; i < share.reports.size(); ++i) {
        FindReportKind(share.reports[i].kind)->merge(share.reports[i], std::move(other.reports[i]));
      }
      share.stats.Add(other.stats);
    }
  }
};

QueryBackend::QueryBackend(QueryBackendOptions options, object::ObjectStore& store,
                           const Clock& clock, MetricsRegistry& registry)
    : options_(options), store_(store), clock_(clock), metrics_(registry) {
  int threads = options_.threads;
  if (threads <= 0) threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  // The caller of Execute() reads too.
  for (int i = 1; i < threads; ++i) {
    readers_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "query-reader");
      ReaderLoop();
    });
  }
}

QueryBackend::~QueryBackend() {
  {
    std::lock_guard lock(mu_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& reader : readers_) reader.join();
}

Result<QueryResult> QueryBackend::Execute(const contract::RequestContext& context,
                                          const QueryPlan& plan) {
  const int64_t begun_ns = clock_.MonotonicNs();
  Result<QueryResult> result = Run(context, plan);
  metrics_.executions.Add();
  metrics_.seconds.Observe(static_cast<double>(clock_.MonotonicNs() - begun_ns) / 1e9);
  if (result.ok()) {
    metrics_.blocks.Add(result->stats.blocks_read);
    metrics_.bytes.Add(result->stats.bytes_read);
  } else {
    metrics_.failures.Add();
  }
  return result;
}

Result<QueryResult> QueryBackend::Run(const contract::RequestContext& context,
                                      const QueryPlan& plan) {
  if (plan.spec.reports.empty()) return InvalidArgument("query plan: no report is asked for");
  if (plan.spec.tenants.empty()) return InvalidArgument("query plan: no tenant");
  for (const ReportRequest& request : plan.spec.reports) {
    if (FindReportKind(request.kind) == nullptr) {
      return InvalidArgument("query plan: report kind " +
                             std::to_string(static_cast<int>(request.kind)) + " is not known");
    }
  }
  ASSIGN_OR_RETURN(const Selector selector, Selector::Parse(plan.spec.selector));
  const size_t memory_max = plan.spec.memory_bytes_max > 0
                                ? static_cast<size_t>(plan.spec.memory_bytes_max)
                                : options_.memory_bytes_max;
  auto execution =
      std::make_shared<Execution>(plan.spec, selector, context.deadline_ns, memory_max);
  RETURN_IF_ERROR(CollectReads(plan.root, 0, &execution->reads));
  if (execution->reads.size() > 1 && !readers_.empty()) {
    std::lock_guard lock(mu_);
    queue_.push_back(execution);
    changed_.notify_all();
  }
  {
    std::lock_guard lock(execution->mu);
    ++execution->active;
  }
  ReadBlocks(*execution);
  {
    std::lock_guard lock(mu_);
    std::erase(queue_, execution);
  }
  std::unique_lock lock(execution->mu);
  --execution->active;
  execution->is_closed = true;
  execution->changed.wait(lock, [&] { return execution->active == 0; });
  if (!execution->status.ok()) return execution->status;
  execution->result.stats.blocks_planned = execution->reads.size();
  return std::move(execution->result);
}

void QueryBackend::ReadBlocks(Execution& execution) {
  BlockScan scan(execution.spec, execution.selector, store_);
  size_t counted_bytes = 0;  // of this scan, in execution.memory_bytes
  while (!execution.has_failed.load(std::memory_order_relaxed)) {
    const size_t i = execution.next.fetch_add(1, std::memory_order_relaxed);
    if (i >= execution.reads.size()) break;
    if (clock_.MonotonicNs() > execution.deadline_ns) {
      execution.Fail(DeadlineExceeded("the query's deadline passed after " + std::to_string(i) +
                                      " of " + std::to_string(execution.reads.size()) + " blocks"));
      return;
    }
    if (Status s = scan.Read(*execution.reads[i]); !s.ok()) {
      execution.Fail(std::move(s));
      return;
    }
    const size_t bytes = scan.MemoryBytes();
    // Wraps when a builder shrank, and comes out right.
    const size_t delta = bytes - counted_bytes;
    counted_bytes = bytes;
    if (execution.memory_bytes.fetch_add(delta) + delta > execution.memory_bytes_max) {
      execution.Fail(ResourceExhausted("the query's partial results need more than " +
                                       std::to_string(execution.memory_bytes_max) +
                                       " bytes; narrow the selector or the range")
                         .WithReason("query_memory_limit"));
      return;
    }
  }
  QueryResult share;
  share.stats = scan.stats();
  share.reports = scan.Finish();
  execution.MergeIn(std::move(share));
}

void QueryBackend::ReaderLoop() {
  std::unique_lock lock(mu_);
  while (true) {
    std::shared_ptr<Execution> execution;
    for (const auto& candidate : queue_) {
      if (candidate->Join()) {
        execution = candidate;
        break;
      }
    }
    if (execution == nullptr) {
      if (is_stopping_) return;
      changed_.wait(lock);
      continue;
    }
    lock.unlock();
    ReadBlocks(*execution);
    execution->Leave();
    execution.reset();
    lock.lock();
  }
}

}  // namespace brazier::query_backend
