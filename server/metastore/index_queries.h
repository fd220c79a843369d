// IndexQueries: the questions of contract::Metastore that the index alone answers. Each takes a read barrier, which concurrent
// readers share, and then reads a snapshot of the store on the caller's thread: linearizable on every member.
// Limits: index_limits.h, and those of the contract. Borrows everything it is given. Thread-safe.
#pragma once

#include "common/base/clock.h"
#include "common/contract/metastore.h"
#include "server/metastore/metastore_metrics.h"
#include "store/consensus/consensus.h"
#include "store/index/index_reader.h"

namespace brazier::metastore {

class IndexQueries {
 public:
  IndexQueries(const index::QueryLimits& limits, consensus::Consensus& consensus, const kv::KeyValueStore& store,
               const Clock& clock, MetricsRegistry& registry);

  Result<std::vector<BlockMeta>> FindBlocks(const contract::RequestContext& context,
                                            const contract::FindBlocksRequest& request);
  Result<contract::QueryLabelsResponse> QueryLabels(const contract::RequestContext& context,
                                                    const contract::QueryLabelsRequest& request);
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext& context, const std::string& tenant);
  Result<contract::GetBlocksResponse> GetBlocks(const contract::RequestContext& context, const std::vector<Ulid>& ids);
  Result<std::vector<Ulid>> ListBlocks(const contract::RequestContext& context, const std::optional<Ulid>& after,
                                       size_t limit);
  Result<std::vector<contract::TenantListing>> ListTenants(const contract::RequestContext& context,
                                                           const std::string& after, size_t limit);
  Result<std::vector<contract::BlockQueue>> ListQueues(const contract::RequestContext& context,
                                                       const std::optional<contract::BlockQueue>& after,
                                                       size_t limit);
  Result<std::vector<contract::QueuedBlock>> ListQueuedBlocks(const contract::RequestContext& context,
                                                              const contract::BlockQueue& queue,
                                                              const std::optional<Ulid>& after, size_t limit);
  Result<std::vector<contract::Tombstone>> ListTombstones(const contract::RequestContext& context, int64_t before_ns,
                                                          const std::optional<contract::TombstoneCursor>& after,
                                                          size_t limit);

 private:
  // Runs `query` over a snapshot behind the barrier; measures, and says in the error what was done.
  template <typename T, typename Query>
  Result<T> Run(const contract::RequestContext& context, RequestMetrics& metrics, std::string_view doing, Query query);

  const index::QueryLimits limits_;
  consensus::Consensus& consensus_;
  const kv::KeyValueStore& store_;
  const Clock& clock_;
  RequestMetrics find_blocks_, query_labels_, get_tenant_stats_, get_blocks_, list_blocks_, list_tenants_,
      list_queues_, list_queued_blocks_, list_tombstones_;
};

}  // namespace brazier::metastore
