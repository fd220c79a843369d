#include "common/pipeline/query_backend_client.h"

#include <chrono>
#include <future>

#include "common/codec/query_msgpack.h"

namespace brazier::pipeline {
namespace {

// How late a cancellation is passed on.
constexpr std::chrono::milliseconds kCancellationPoll{20};

}  // namespace

Result<std::unique_ptr<QueryBackendClient>> QueryBackendClient::Open(
    Loop& loop, PipelineClient::Options options, MetricsRegistry& metrics) {
  ASSIGN_OR_RETURN(auto client, PipelineClient::Open(loop, std::move(options), metrics));
  return std::unique_ptr<QueryBackendClient>(new QueryBackendClient(std::move(client)));
}

Result<QueryResult> QueryBackendClient::Execute(const contract::RequestContext& context,
                                                const QueryPlan& plan) {
  auto promise = std::make_shared<std::promise<Result<Frame>>>();
  std::future<Result<Frame>> future = promise->get_future();
  const uint64_t id =
      client_->Call(context, {.kind = Kind::kExecute}, codec::EncodeQueryPlan(plan),
                    [promise](Result<Frame> answer) { promise->set_value(std::move(answer)); });
  if (context.cancellation != nullptr) {
    while (future.wait_for(kCancellationPoll) == std::future_status::timeout) {
      if (!context.IsCancelled()) continue;
      client_->Cancel(id);
      break;
    }
  }
  // Decoded here: a large result must not hold up the loop.
  Result<Frame> answer = future.get();
  if (!answer.ok()) return answer.status();
  Result<QueryResult> result = codec::DecodeQueryResult(answer->bytes());
  if (!result.ok()) {
    return Internal("the answer of " + client_->address() + ": " + result.status().message());
  }
  return result;
}

}  // namespace brazier::pipeline
