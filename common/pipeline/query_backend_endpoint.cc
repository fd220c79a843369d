#include "common/pipeline/query_backend_endpoint.h"

#include "common/base/clock.h"
#include "common/codec/query_msgpack.h"

namespace brazier::pipeline {

QueryBackendEndpoint::Core::Core(const Options& options, contract::QueryBackend& backend_in,
                                 MetricsRegistry& metrics)
    : backend(backend_in),
      skipped_total(
          metrics.GetCounter("brazier_pipeline_queries_skipped_total",
                             "Queries cancelled or past their deadline before they started")),
      pool("query-pool", options.threads, options.queue_bytes_max) {}

QueryBackendEndpoint::QueryBackendEndpoint(Options options, PipelineServer& server,
                                           contract::QueryBackend& backend,
                                           MetricsRegistry& metrics)
    : core_(std::make_shared<Core>(options, backend, metrics)) {
  server.Handle(Kind::kExecute,
                [core = core_](ServerRequest request) { Enqueue(core, std::move(request)); });
}

QueryBackendEndpoint::~QueryBackendEndpoint() { Stop(); }

void QueryBackendEndpoint::Enqueue(const std::shared_ptr<Core>& core, ServerRequest request) {
  const size_t bytes = request.payload.size();
  auto shared = std::make_shared<ServerRequest>(std::move(request));
  // The pool belongs to the core, so a task of it does not need to keep the core alive.
  Task task([core = core.get(), shared] { Run(*core, *shared); });
  if (Status posted = core->pool.Post(bytes, task); !posted.ok()) shared->responder.Answer(posted);
}

void QueryBackendEndpoint::Run(Core& core, ServerRequest& request) {
  if (request.context.IsCancelled()) {
    core.skipped_total.Add();
    return request.responder.Answer(
        Status(Code::kCancelled, "the query was cancelled before it started"));
  }
  if (request.context.deadline_ns <= SystemClock().MonotonicNs()) {
    core.skipped_total.Add();
    return request.responder.Answer(
        DeadlineExceeded("the deadline passed while the query waited for a thread of the backend"));
  }
  Result<QueryPlan> plan = codec::DecodeQueryPlan(request.payload.bytes());
  if (!plan.ok()) return request.responder.Answer(plan.status());
  request.payload = Frame();
  Result<QueryResult> result = core.backend.Execute(request.context, *plan);
  if (!result.ok()) return request.responder.Answer(result.status());
  request.responder.Answer(codec::EncodeQueryResult(*result));
}

}  // namespace brazier::pipeline
