// QueryBackend: executes plans: reads blocks, feeds them to the report builders, merges.
//
// A plan's blocks are shared out, one by one, to the caller's thread and to a pool of readers that all queries share;
// each thread has its own builders, merged at the end. Bounded: memory of partial results per query; the deadline is
// looked at between blocks. Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/contract/query_backend.h"
#include "store/object/object_store.h"
#include "worker/query_backend/query_backend_metrics.h"
#include "worker/query_backend/query_backend_options.h"

namespace brazier::query_backend {

class QueryBackend final : public contract::QueryBackend {
 public:
  QueryBackend(QueryBackendOptions options, object::ObjectStore& store, const Clock& clock,
               MetricsRegistry& registry);
  ~QueryBackend() override;

  Result<QueryResult> Execute(const contract::RequestContext& context,
                              const QueryPlan& plan) override;
  Status Ready() override { return Status::Ok(); }

 private:
  struct Execution;
  Result<QueryResult> Run(const contract::RequestContext& context, const QueryPlan& plan);
  void ReadBlocks(Execution& execution);
  void ReaderLoop();

  const QueryBackendOptions options_;
  object::ObjectStore& store_;
  const Clock& clock_;
  QueryBackendMetrics metrics_;

  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Execution>> queue_;  // guarded by mu_; an execution that wants readers
  bool is_stopping_ = false;                      // guarded by mu_
  std::vector<std::thread> readers_;
};

}  // namespace brazier::query_backend
