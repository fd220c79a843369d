// QueryFrontend: validates a query, finds its blocks, plans, executes on a query-backend, answers completely or with
// an error. A query that asks for nothing but labels goes to the index first: then only blocks that the index cannot answer
// are read. Stateless; blocks the caller's thread. Thread-safe.
#pragma once

#include <atomic>

#include "common/base/clock.h"
#include "common/contract/metastore.h"
#include "common/contract/peers.h"
#include "common/contract/query_frontend.h"
#include "common/observe/metrics.h"
#include "server/query_frontend/query_frontend_options.h"

namespace brazier::query_frontend {

class QueryFrontend final : public contract::QueryFrontend {
 public:
  QueryFrontend(QueryFrontendOptions options, contract::Metastore& metastore,
                contract::QueryBackendPeers& peers, const Clock& clock, MetricsRegistry& registry);

  Result<contract::QueryResponse> Query(const contract::RequestContext& context,
                                        const contract::QueryRequest& request) override;
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext& context,
                                               const std::string& tenant) override;
  Status Ready() override;

 private:
  // Finds, plans and executes once.
  Result<QueryResult> Attempt(const contract::RequestContext& context, const QuerySpec& spec,
                              const contract::FindBlocksRequest& find);
  Result<QueryResult> AttemptOverBlocks(const contract::RequestContext& context, const QuerySpec& spec,
                                        const contract::FindBlocksRequest& find);
  // Plans and executes over these blocks. An empty result when there is nothing to read.
  Result<QueryResult> Read(const contract::RequestContext& context, const QuerySpec& spec,
                           std::vector<BlockMeta> blocks);
  Result<QueryResult> Execute(const contract::RequestContext& context, const QueryPlan& plan);

  const QueryFrontendOptions options_;
  contract::Metastore& metastore_;
  contract::QueryBackendPeers& peers_;
  const Clock& clock_;
  Counter& queries_;
  Counter& failures_;
  Counter& cancelled_;
  Counter& retries_;
  // Label queries, by how they were answered.
  Counter& labels_by_index_;
  Counter& labels_by_both_;
  Counter& labels_by_blocks_;
  Histogram& seconds_;
  std::atomic<uint64_t> next_peer_{0};
};

}  // namespace brazier::query_frontend
