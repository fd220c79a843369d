// QueryBackendEndpoint: serves a contract::QueryBackend on a pipeline server.
//
// Execute() blocks, so queries run on a small pool; its queue is bounded in bytes of plans, and a
// full one answers kResourceExhausted. A query that was cancelled or whose deadline passed before a
// thread took it is dropped unstarted; one that runs sees the cancellation in its context.
#pragma once

#include <memory>

#include "common/contract/query_backend.h"
#include "common/pipeline/server.h"
#include "common/pipeline/worker_pool.h"

namespace brazier::pipeline {

class QueryBackendEndpoint {
 public:
  struct Options {
    size_t threads = 4;
    size_t queue_bytes_max = 32u << 20;
  };
  // Registers the handler. REQUIRES: before server.Start(). `backend` and `metrics` outlive the
  // endpoint.
  QueryBackendEndpoint(Options options, PipelineServer& server, contract::QueryBackend& backend,
                       MetricsRegistry& metrics);
  ~QueryBackendEndpoint();
  // Drops queries that wait (the clients see kUnavailable) and joins those that run.
  // REQUIRES: after server.Stop(), or no new queries arrive otherwise. Idempotent.
  void Stop() { core_->pool.Stop(); }

 private:
  // Shared with the handler, which the server may keep longer than this object lives.
  struct Core {
    Core(const Options& options, contract::QueryBackend& backend, MetricsRegistry& metrics);
    contract::QueryBackend& backend;
    Counter& skipped_total;
    WorkerPool pool;
  };
  static void Enqueue(const std::shared_ptr<Core>& core, ServerRequest request);
  static void Run(Core& core, ServerRequest& request);

  const std::shared_ptr<Core> core_;
};

}  // namespace brazier::pipeline
