// What a query-frontend (or a backend that fans out) asks of a query-backend: execute this plan, or this part of one.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "common/base/result.h"
#include "common/contract/context.h"
#include "common/model/query.h"

namespace brazier::contract {

// The reason of kResourceExhausted when a backend has not begun: it holds as much work as it may. Another one, or whoever asks, may
// have room. Other kResourceExhausted are the query's own fault, and would come from everybody.
inline constexpr std::string_view kBackendBusy = "backend_busy";
inline bool IsBusy(const Status& status) {
  return status.code() == Code::kResourceExhausted &&
         (status.reason() == kBackendBusy || status.reason() == "pipeline_full");
}

// An execution that was begun. Owned by whoever began it; destroying it says that nobody waits for the answer, and does not wait.
class BegunExecution {
 public:
  virtual ~BegunExecution() = default;
  // The answer; decoding it costs the caller's time. Once. REQUIRES: it has ended.
  virtual Result<QueryResult> Take() = 0;
};

class QueryBackend {
 public:
  virtual ~QueryBackend() = default;
  // Blocks until the answer, the deadline, a cancellation (kCancelled), or a failure. A block that is gone or corrupt makes the answer fail with
  // kUnavailable or kCorruption naming it: partial answers are never silent. Thread-safe.
  virtual Result<QueryResult> Execute(const RequestContext& context, const QueryPlan& plan) = 0;
  // Begins to execute `part`, which need not outlive the call. `on_end` is called once when it has ended, by any thread, also before
  // Begin returns and after the execution was destroyed; it must not block. Does not wait for room: a backend that cannot begin
  // soon ends it with IsBusy(). The context's cancellation is not watched: whoever waits destroys the execution. Thread-safe.
  // Here: for a backend of this process, which executes it before Begin returns.
  virtual std::unique_ptr<BegunExecution> Begin(const RequestContext& context, const PlanPart& part, std::function<void()> on_end);
  virtual Status Ready() = 0;
};

inline std::unique_ptr<BegunExecution> QueryBackend::Begin(const RequestContext& context, const PlanPart& part,
                                                           std::function<void()> on_end) {
  struct Ended final : BegunExecution {
    explicit Ended(Result<QueryResult> answer) : answer(std::move(answer)) {}
    Result<QueryResult> Take() override { return std::move(answer); }
    Result<QueryResult> answer;
  };
  auto ended = std::make_unique<Ended>(Execute(context, {part.spec, part.root, part.share}));
  on_end();
  return ended;
}

}  // namespace brazier::contract
