#include "common/pipeline/query_backend_client.h"

#include <chrono>
#include <future>
#include <mutex>
#include <optional>

#include "common/codec/query_msgpack.h"

namespace brazier::pipeline {
namespace {

// How late a cancellation is passed on.
constexpr std::chrono::milliseconds kCancellationPoll{20};

Envelope HeaderOf(const PlanPart& part) {
  Envelope header{.kind = Kind::kExecute};
  // What has no children is given to nobody else.
  header.backends_max = part.root.kind == PlanNode::Kind::kRead ? 1 : part.share.backends_max;
  header.retries_max = part.share.retries_max;
  header.work_bytes = part.root.bytes;
  return header;
}

// Servers of before this reason was known have none.
Status WithBusyReason(const Status& status) {
  if (status.code() != Code::kResourceExhausted || !status.reason().empty()) return status;
  return Status(status).WithReason(contract::kBackendBusy);
}

Result<QueryResult> Decode(const PipelineClient& client, const Result<Frame>& answer) {
  if (!answer.ok()) return WithBusyReason(answer.status());
  Result<QueryResult> result = codec::DecodeQueryResult(answer->bytes());
  if (!result.ok()) return Internal("the answer of " + client.address() + ": " + result.status().message());
  return result;
}

}  // namespace

class QueryBackendClient::Begun final : public contract::BegunExecution {
 public:
  // What the loop writes and Take() reads; the loop may be later than the execution lives.
  struct Answer {
    std::mutex mu;
    std::optional<Result<Frame>> frame;  // guarded by mu
  };

  Begun(std::shared_ptr<PipelineClient> client, std::shared_ptr<Answer> answer, uint64_t id)
      : client_(std::move(client)), answer_(std::move(answer)), id_(id) {}
  ~Begun() override {
    if (!HasEnded()) client_->Cancel(id_);
  }
  Result<QueryResult> Take() override {
    std::optional<Result<Frame>> frame;
    {
      std::lock_guard lock(answer_->mu);
      frame.swap(answer_->frame);
    }
    has_been_taken_ = true;
    if (!frame.has_value()) return Internal("an answer was taken that is not there");
    return Decode(*client_, *frame);
  }

 private:
  bool HasEnded() const {
    std::lock_guard lock(answer_->mu);
    return has_been_taken_ || answer_->frame.has_value();
  }

  const std::shared_ptr<PipelineClient> client_;
  const std::shared_ptr<Answer> answer_;
  const uint64_t id_;
  bool has_been_taken_ = false;
};

Result<std::unique_ptr<QueryBackendClient>> QueryBackendClient::Open(
    Loop& loop, PipelineClient::Options options, MetricsRegistry& metrics) {
  ASSIGN_OR_RETURN(auto client, PipelineClient::Open(loop, std::move(options), metrics));
  return std::unique_ptr<QueryBackendClient>(new QueryBackendClient(std::move(client)));
}

Result<QueryResult> QueryBackendClient::Execute(const contract::RequestContext& context,
                                                const QueryPlan& plan) {
  const PlanPart part{plan.spec, plan.root, plan.share};
  auto promise = std::make_shared<std::promise<Result<Frame>>>();
  std::future<Result<Frame>> future = promise->get_future();
  const uint64_t id =
      client_->Call(context, HeaderOf(part), codec::EncodePlanPart(part),
                    [promise](Result<Frame> answer) { promise->set_value(std::move(answer)); });
  if (context.cancellation != nullptr) {
    while (future.wait_for(kCancellationPoll) == std::future_status::timeout) {
      if (!context.IsCancelled()) continue;
      client_->Cancel(id);
      break;
    }
  }
  // Decoded here: a large result must not hold up the loop.
  return Decode(*client_, future.get());
}

std::unique_ptr<contract::BegunExecution> QueryBackendClient::Begin(const contract::RequestContext& context,
                                                                    const PlanPart& part, std::function<void()> on_end) {
  auto answer = std::make_shared<Begun::Answer>();
  const uint64_t id = client_->Call(
      context, HeaderOf(part), codec::EncodePlanPart(part),
      [answer, on_end = std::move(on_end)](Result<Frame> frame) {
        {
          std::lock_guard lock(answer->mu);
          answer->frame = std::move(frame);
        }
        on_end();
      },
      PipelineClient::NoRoom::kRefuse);
  return std::make_unique<Begun>(client_, std::move(answer), id);
}

}  // namespace brazier::pipeline
