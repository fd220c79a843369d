// QueryBackend: executes plans: reads blocks, feeds them to the report builders, merges. A merge node is shared out to other backends
// where there are any and the plan allows it (fan_out.h decides, fan_out_execution.h does); all else is done here:
//
// A plan's blocks are fetched in batches of bounded size, one request each; then the datasets of a batch are read service
// by service, in runs (dataset_runs.h). Small datasets of flame graph queries stay in a cache (dataset_cache.h). All work
// is shared out to the caller's thread and to a pool of readers that all queries share; each thread has its own builders,
// merged at the end.
// Bounded: bytes of a batch, of the cache, and of partial results per query; deadline and cancellation are looked at between
// blocks and between datasets. Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/contract/peers.h"
#include "common/contract/query_backend.h"
#include "store/object/object_store.h"
#include "worker/query_backend/dataset_cache.h"
#include "worker/query_backend/dataset_runs.h"
#include "worker/query_backend/memory_budget.h"
#include "worker/query_backend/query_backend_metrics.h"
#include "worker/query_backend/query_backend_options.h"
#include "worker/query_backend/work_gate.h"

namespace brazier::query_backend {

class QueryBackend final : public contract::QueryBackend {
 public:
  // `peers`: the other backends, never this one; null: there are none. All outlive the backend's executions.
  QueryBackend(QueryBackendOptions options, object::ObjectStore& store, const Clock& clock,
               MetricsRegistry& registry, contract::QueryBackendPeers* peers = nullptr);
  ~QueryBackend() override;

  Result<QueryResult> Execute(const contract::RequestContext& context,
                              const QueryPlan& plan) override;
  Status Ready() override { return Status::Ok(); }

 private:
  struct Execution;
  struct Scan;
  struct Step;
  Result<QueryResult> Run(const contract::RequestContext& context, const QueryPlan& plan);
  // All of it in this process; waits for nobody but the object store. REQUIRES: the spec is valid.
  Result<QueryResult> ReadHere(const contract::RequestContext& context, const QuerySpec& spec, const PlanNode& root);
  Result<QueryResult> ReadBlocks(const contract::RequestContext& context, const QuerySpec& spec, const PlanNode& root);
  size_t MemoryBytesMax(const QuerySpec& spec) const;
  struct Batch;
  // Reads the datasets of one batch of blocks: those in the cache from there, the others from blocks that it loads.
  void ReadBatch(Execution& execution, Batch& batch);
  void LookUp(Execution& execution, Batch& batch);
  Status FindFunctions(const Execution& execution, Batch& batch, size_t block);
  bool Load(Execution& execution, Batch& batch);
  // Calls read(thread's scan, dataset) for each, in runs.
  void ReadRuns(Execution& execution, Batch& batch, std::vector<DatasetRef> datasets,
                const std::function<Status(Scan&, const DatasetRef&)>& read);
  // Calls work(i) for every i below count, on this thread and on readers that are free; returns when all calls did.
  void ShareOut(size_t count, const std::function<void(size_t)>& work);
  void ReaderLoop();

  const QueryBackendOptions options_;
  object::ObjectStore& store_;
  contract::QueryBackendPeers* const peers_;
  const Clock& clock_;
  QueryBackendMetrics metrics_;
  DatasetCache cache_;
  MemoryBudget budget_;
  WorkGate gate_;  // of reading datasets

  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Step>> queue_;  // guarded by mu_; steps that want readers
  bool is_stopping_ = false;                      // guarded by mu_
  std::vector<std::thread> readers_;
};

}  // namespace brazier::query_backend
