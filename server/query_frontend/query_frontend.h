// QueryFrontend: validates a query, finds its blocks, plans, waits for its tenant's turn, executes on a query-backend, answers
// completely or with an error. The one exception: blocks that the index has quarantined are left out, and the answer names
// them. A query that asks for nothing but labels goes to the index first: then only blocks that the index cannot answer
// are read. No state but who runs and who waits (query_admission.h); blocks the caller's thread. Thread-safe.
#pragma once

#include <atomic>
#include <functional>

#include "common/base/clock.h"
#include "common/config/overrides.h"
#include "common/contract/metastore.h"
#include "common/contract/peers.h"
#include "common/contract/query_frontend.h"
#include "common/observe/metrics.h"
#include "server/query_frontend/query_admission.h"
#include "server/query_frontend/query_frontend_options.h"

namespace brazier::query_frontend {

class QueryFrontend final : public contract::QueryFrontend {
 public:
  // Told of a block that a query could not read though the index, asked again, still names it: its object is damaged or
  // missing. Called by the query's thread, from any number of queries, and for one block again and again; must not block.
  using ReportBadBlock = std::function<void(const Ulid& block, const std::string& reason)>;

  // `overrides`: limits that tenants have of their own; null: none.
  QueryFrontend(QueryFrontendOptions options, contract::Metastore& metastore, contract::QueryBackendPeers& peers,
                const Clock& clock, MetricsRegistry& registry, ReportBadBlock report_bad_block = {},
                const config::TenantOverrides* overrides = nullptr);

  Result<contract::QueryResponse> Query(const contract::RequestContext& context,
                                        const contract::QueryRequest& request) override;
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext& context,
                                               const std::string& tenant) override;
  Status Ready() override;

 private:
  struct Answer {
    QueryResult result;
    std::string explanation;  // empty unless asked for
  };
  struct Question;
  // Counts it when a limit is why; false: something else is.
  bool CountRefusal(const Status& status);
  void LogWhenSlow(const Question& question, int64_t took_ns, const Result<Answer>& answer);
  // Finds, plans and executes once.
  Result<Answer> Attempt(const Question& question);
  Result<Answer> AttemptOverBlocks(const Question& question);
  // Plans, waits for its turn and executes over these blocks. Without reports when there is nothing to read.
  Result<Answer> Read(const Question& question, std::vector<BlockMeta> blocks);
  Result<QueryResult> Execute(const contract::RequestContext& context, const QueryPlan& plan);

  const QueryFrontendOptions options_;
  contract::Metastore& metastore_;
  contract::QueryBackendPeers& peers_;
  const Clock& clock_;
  const ReportBadBlock report_bad_block_;
  const config::TenantOverrides* const overrides_;
  QueryAdmission admission_;
  Counter& queries_;
  Counter& failures_;
  Counter& cancelled_;
  Counter& retries_;
  Counter& incomplete_;
  Counter& slow_;
  Counter& bad_blocks_;
  // Label queries, by how they were answered.
  Counter& labels_by_index_;
  Counter& labels_by_both_;
  Counter& labels_by_blocks_;
  // Queries refused, by the limit.
  Counter& refused_range_;
  Counter& refused_bytes_;
  Counter& refused_queue_;
  Histogram& seconds_;
  std::atomic<uint64_t> next_peer_{0};
};

}  // namespace brazier::query_frontend
