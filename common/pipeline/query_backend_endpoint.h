// QueryBackendEndpoint: serves a contract::QueryBackend on a pipeline server.
//
// Execute() blocks, so plans run on pools, of which there are two, so that backends that have each other do parts of a query
// cannot wait for each other in a circle (docs/query.md says why):
//   read pool   plans that this backend does by itself. They wait for nobody. Bounded in bytes to read, of all that wait and
//               run, and in bytes of plans that wait.
//   merge pool  plans that it may share out to other backends. A whole query (from a frontend) waits for a thread; a part of
//               one (from a backend) gets a thread at once or is refused, for whoever sent it holds one.
// Whatever is refused is answered at once with kResourceExhausted, reason "backend_busy". A query that was cancelled or whose deadline
// passed before a thread took it is dropped unstarted; one that runs sees the cancellation in its context.
// A header without a share (of an older frontend) is one of a whole query.
#pragma once

#include <atomic>
#include <memory>

#include "common/contract/query_backend.h"
#include "common/pipeline/server.h"
#include "common/pipeline/worker_pool.h"

namespace brazier::pipeline {

class QueryBackendEndpoint {
 public:
  struct Options {
    size_t threads = 4;                  // of either pool
    size_t queue_bytes_max = 32u << 20;  // of plans that wait, for either pool
    uint64_t work_bytes_max = 1u << 30;  // to read for the plans of the read pool; one plan alone may have more
  };
  // Registers the handler. REQUIRES: before server.Start(). `backend` and `metrics` outlive the
  // endpoint.
  QueryBackendEndpoint(Options options, PipelineServer& server, contract::QueryBackend& backend,
                       MetricsRegistry& metrics);
  ~QueryBackendEndpoint();
  // Drops queries that wait (the clients see kUnavailable) and joins those that run.
  // REQUIRES: after server.Stop(), or no new queries arrive otherwise. Idempotent.
  void Stop() {
    core_->merge_pool.Stop();
    core_->read_pool.Stop();
  }

 private:
  // Shared with the handler, which the server may keep longer than this object lives.
  struct Core {
    Core(const Options& options, contract::QueryBackend& backend, MetricsRegistry& metrics);
    const uint64_t work_bytes_max;
    contract::QueryBackend& backend;
    Counter& skipped_total;
    Counter& busy_total;
    Gauge& work_bytes_metric;
    std::atomic<uint64_t> work_bytes{0};
    WorkerPool read_pool;
    WorkerPool merge_pool;
  };
  // A request, and its place in the budget of bytes to read.
  struct Admitted {
    Admitted(Core& core, ServerRequest request, uint64_t bytes);
    ~Admitted();
    Core& core;
    ServerRequest request;
    const uint64_t bytes;
  };
  static void Enqueue(const std::shared_ptr<Core>& core, ServerRequest request);
  static void Run(Core& core, ServerRequest& request);

  const std::shared_ptr<Core> core_;
};

}  // namespace brazier::pipeline
