// QueryBackendClient: contract::QueryBackend of another process, over the execute pipeline.
//
// Execute() blocks the caller until the answer, a failure or the deadline (which the client's loop
// enforces, so that it cannot hang) or, within 20 ms, the context's cancellation. The backend is told to
// forget a query whose deadline has passed or that was cancelled. Not from the loop thread. Failures: see PipelineClient. Thread-safe.
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
  Status Ready() override { return client_->Ready(); }

 private:
  explicit QueryBackendClient(std::unique_ptr<PipelineClient> client)
      : client_(std::move(client)) {}
  const std::unique_ptr<PipelineClient> client_;
};

}  // namespace brazier::pipeline
