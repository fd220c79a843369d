// QueryBackendClient: contract::QueryBackend of another process, over the execute pipeline.
//
// Execute() blocks the caller until the answer, a failure or the deadline (which the client's loop
// enforces, so that it cannot hang) or, within 20 ms, the context's cancellation; while the backend's credit is used up, it waits. Begin() holds no
// thread and does not wait for credit. The backend is told to forget a query whose deadline has passed, that was cancelled, or whose execution was destroyed. Not from the loop thread. Failures: see PipelineClient; what a server of any version answers because one of its bounds
// is reached has the reason "backend_busy". Thread-safe.
#pragma once

#include <memory>

#include "common/contract/query_backend.h"
#include "common/pipeline/client.h"

namespace brazier::pipeline {

class QueryBackendClient final : public contract::QueryBackend {
 public:
  static Result<std::unique_ptr<QueryBackendClient>> Open(Loop& loop,
                                                          PipelineClient::Options options,
                                                          MetricsRegistry& metrics);
  Result<QueryResult> Execute(const contract::RequestContext& context,
                              const QueryPlan& plan) override;
  std::unique_ptr<contract::BegunExecution> Begin(const contract::RequestContext& context, const PlanPart& part,
                                                  std::function<void()> on_end) override;
  Status Ready() override { return client_->Ready(); }

 private:
  class Begun;
  explicit QueryBackendClient(std::unique_ptr<PipelineClient> client)
      : client_(std::move(client)) {}
  const std::shared_ptr<PipelineClient> client_;  // shared with executions under way
};

}  // namespace brazier::pipeline
