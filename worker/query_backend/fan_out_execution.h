// FanOutExecution: one merge node whose children are done by several backends: what FanOut decides, carried out.
//
// The caller's thread waits for ends, decodes answers, merges them as they come and asks FanOut what next; a thread of the
// execution's own reads the parts that stay here, one at a time. Peers are asked through contract::QueryBackend::Begin, which holds
// no thread and waits for no room. The caller's thread is never without something to wait for that ends: see docs/query.md.
//
// Bounds: FanOutLimits; bytes of what is merged so far; the deadline, which travels with each part; a cancellation is passed on
// within kPollMs. When Run() returns, peers have been told to forget what is still open, and the thread has ended.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/contract/peers.h"
#include "worker/query_backend/fan_out.h"
#include "worker/query_backend/memory_budget.h"
#include "worker/query_backend/query_backend_metrics.h"

namespace brazier::query_backend {

class FanOutExecution {
 public:
  static constexpr int kPollMs = 10;

  struct Environment {
    const Clock& clock;
    QueryBackendMetrics& metrics;
    FanOutLimits limits;
    size_t memory_bytes_max = 0;  // of the merged reports
    MemoryBudget& budget;         // of all executions of this process
    std::string name;             // ours, among the backends
    // Reads a node of the plan in this process, on the thread that calls.
    std::function<Result<QueryResult>(const contract::RequestContext& context, const PlanNode& node)> execute_here;
  };

  // The backends to take part; empty: there is nobody, or the plan may not be shared out. Never us, and only those with a
  // connection.
  static std::vector<contract::QueryBackendPeer> PeersFor(const QueryPlan& plan, const FanOutLimits& limits,
                                                          contract::QueryBackendPeers& peers);

  // REQUIRES: the root of `plan` is a merge node with children; `peers` is not empty. What is borrowed outlives Run().
  FanOutExecution(Environment environment, const contract::RequestContext& context, const QueryPlan& plan,
                  std::vector<contract::QueryBackendPeer> peers);
  ~FanOutExecution();
  FanOutExecution(const FanOutExecution&) = delete;
  FanOutExecution& operator=(const FanOutExecution&) = delete;

  // Once.
  Result<QueryResult> Run();

 private:
  class Mailbox;
  struct LocalWork;

  Status CarryOut(const FanOut::Step& step);
  void BeginAt(const FanOut::Attempt& attempt);
  // What the attempt led to, told to FanOut.
  Status OnEnd(uint64_t attempt);
  Result<QueryResult> TakeAnswer(uint64_t attempt);
  Status Merge(const FanOut::Attempt& attempt, QueryResult answer);
  void RunHere();

  const Environment environment_;
  const contract::RequestContext& context_;
  const QueryPlan& plan_;
  const std::vector<contract::QueryBackendPeer> peers_;
  FanOut fan_out_;
  uint32_t part_backends_max_ = 1;  // of a part that is a merge node
  std::map<uint64_t, FanOut::Attempt> attempts_;  // open ones
  std::map<uint64_t, std::unique_ptr<contract::BegunExecution>> begun_;  // at peers
  const std::shared_ptr<Mailbox> mailbox_;
  std::thread local_thread_;  // started with the first part that stays here
  QueryResult result_;
  MemoryBudget::Account account_;  // of result_
  size_t counted_bytes_ = 0;       // in it
  std::vector<ExecutedNode> executed_;  // by part
};

}  // namespace brazier::query_backend
