// MetastoreClient: contract::Metastore of other processes, over Thrift.
//
// AddBlocks, ReplaceBlocks and PurgeTombstones are queued and run on a few threads of the client; the other calls block
// their caller until the answer or the deadline. Attempts that fail in transit, or with kUnavailable (a metastore member
// that does not lead), are repeated at the next address: every method is idempotent. Failures count per peer. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/metastore.h"
#include "common/observe/metrics.h"
#include "common/rpc/client_options.h"

namespace brazier::rpc {

class MetastoreClient final : public contract::Metastore {
 public:
  // The references outlive the client.
  MetastoreClient(ClientOptions options, const Clock& clock, Random& random,
                  MetricsRegistry& metrics);
  // Calls that run fail with kUnavailable; every `done` has been called when this returns.
  ~MetastoreClient() override;

  void AddBlocks(const contract::RequestContext& context, contract::AddBlocksRequest request,
                 std::function<void(Result<contract::AddBlocksResponse>)> done) override;
  Result<std::vector<BlockMeta>> FindBlocks(const contract::RequestContext& context,
                                            const contract::FindBlocksRequest& request) override;
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext& context,
                                               const std::string& tenant) override;
  Result<contract::QueryLabelsResponse> QueryLabels(const contract::RequestContext& context,
                                                    const contract::QueryLabelsRequest& request) override;
  Result<contract::GetBlocksResponse> GetBlocks(const contract::RequestContext& context,
                                                const std::vector<Ulid>& ids) override;
  Result<std::vector<Ulid>> ListBlocks(const contract::RequestContext& context, const std::optional<Ulid>& after,
                                       size_t limit) override;
  Result<std::vector<contract::TenantListing>> ListTenants(const contract::RequestContext& context,
                                                           const std::string& after, size_t limit) override;
  Result<std::vector<contract::BlockQueue>> ListQueues(const contract::RequestContext& context,
                                                       const std::optional<contract::BlockQueue>& after,
                                                       size_t limit) override;
  Result<std::vector<contract::QueuedBlock>> ListQueuedBlocks(const contract::RequestContext& context,
                                                              const contract::BlockQueue& queue,
                                                              const std::optional<Ulid>& after, size_t limit) override;
  Result<std::vector<contract::Tombstone>> ListTombstones(const contract::RequestContext& context, int64_t before_ns,
                                                          const std::optional<contract::TombstoneCursor>& after,
                                                          size_t limit) override;
  void ReplaceBlocks(const contract::RequestContext& context, contract::ReplaceBlocksRequest request,
                     std::function<void(Result<contract::ReplaceBlocksResponse>)> done) override;
  void PurgeTombstones(const contract::RequestContext& context, std::vector<Ulid> ids,
                       std::function<void(Result<contract::PurgeTombstonesResponse>)> done) override;
  Status ReportSuspectBlock(const contract::RequestContext& context, const Ulid& id, const std::string& why) override;
  Status Heartbeat(const contract::RequestContext& context, const Member& member) override;
  Result<MemberList> Members(const contract::RequestContext& context) override;
  Result<contract::PlacementResponse> Placement(const contract::RequestContext& context, const std::string& tenant,
                                                const std::string& service) override;
  // Asks the peer; blocks for ClientOptions::default_timeout_ms at most.
  Status Ready() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace brazier::rpc
