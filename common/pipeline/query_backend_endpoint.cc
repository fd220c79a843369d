#include "common/pipeline/query_backend_endpoint.h"

#include <algorithm>

#include "common/base/clock.h"
#include "common/codec/query_msgpack.h"

namespace brazier::pipeline {

QueryBackendEndpoint::Core::Core(const Options& options, contract::QueryBackend& backend_in,
                                 MetricsRegistry& metrics)
    : work_bytes_max(options.work_bytes_max),
      backend(backend_in),
      skipped_total(
          metrics.GetCounter("brazier_pipeline_queries_skipped_total",
                             "Queries cancelled or past their deadline before they started")),
      busy_total(metrics.GetCounter("brazier_pipeline_queries_busy_total",
                                    "Plans and parts of plans refused because a bound was reached")),
      work_bytes_metric(metrics.GetGauge("brazier_pipeline_queries_work_bytes",
                                         "Bytes to read for plans that wait or run")),
      read_pool("query-pool", options.threads, options.queue_bytes_max),
      merge_pool("merge-pool", options.threads, options.queue_bytes_max) {}

QueryBackendEndpoint::Admitted::Admitted(Core& core_in, ServerRequest request_in, uint64_t bytes_in)
    : core(core_in), request(std::move(request_in)), bytes(bytes_in) {}

QueryBackendEndpoint::Admitted::~Admitted() {
  core.work_bytes.fetch_sub(bytes);
  core.work_bytes_metric.Add(-static_cast<int64_t>(bytes));
}

QueryBackendEndpoint::QueryBackendEndpoint(Options options, PipelineServer& server,
                                           contract::QueryBackend& backend,
                                           MetricsRegistry& metrics)
    : core_(std::make_shared<Core>(options, backend, metrics)) {
  server.Handle(Kind::kExecute,
                [core = core_](ServerRequest request) { Enqueue(core, std::move(request)); });
}

QueryBackendEndpoint::~QueryBackendEndpoint() { Stop(); }

void QueryBackendEndpoint::Enqueue(const std::shared_ptr<Core>& core, ServerRequest request) {
  const uint32_t backends_max = request.header.backends_max;
  const size_t plan_bytes = request.payload.size();
  // What is shared out is mostly read elsewhere, and its parts are counted where they are. A number that nobody can
  // mean must not overflow the sum.
  const uint64_t work_bytes = backends_max == 1 ? std::min(request.header.work_bytes, core->work_bytes_max) : 0;
  const uint64_t before = core->work_bytes.fetch_add(work_bytes);
  core->work_bytes_metric.Add(static_cast<int64_t>(work_bytes));
  auto admitted = std::make_shared<Admitted>(*core, std::move(request), work_bytes);
  Status posted;
  if (before > 0 && work_bytes > 0 && before + work_bytes > core->work_bytes_max) {
    posted = ResourceExhausted("plans with " + std::to_string(before) + " bytes to read wait or run, the limit is " +
                               std::to_string(core->work_bytes_max));
  } else {
    // The pools belong to the core, so a task of theirs does not need to keep the core alive.
    Task task([core = core.get(), admitted] { Run(*core, admitted->request); });
    if (backends_max == 1) {
      posted = core->read_pool.Post(plan_bytes, task);
    } else if (backends_max == 0) {
      posted = core->merge_pool.Post(plan_bytes, task);
    } else {
      posted = core->merge_pool.PostIfIdle(plan_bytes, task);
    }
  }
  if (posted.ok()) return;
  if (posted.code() == Code::kResourceExhausted) {
    core->busy_total.Add();
    posted = std::move(posted).WithReason(contract::kBackendBusy);
  }
  admitted->request.responder.Answer(posted);
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
  // As the header says, for it decided on the pool.
  plan->share.backends_max = request.header.backends_max;
  if (request.header.backends_max != 0) plan->share.retries_max = request.header.retries_max;
  request.payload = Frame();
  Result<QueryResult> result = core.backend.Execute(request.context, *plan);
  if (!result.ok()) return request.responder.Answer(result.status());
  request.responder.Answer(codec::EncodeQueryResult(*result));
}

}  // namespace brazier::pipeline
