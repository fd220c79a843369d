// RemoteMetastore: the metastore of another process, with a Ready() that never waits for the network.
//
// /ready is asked often and on threads that must not block. Each heartbeat (Membership sends one a second, on its own
// thread) also asks the peer whether it can commit; Ready() repeats the last answer, and is kUnavailable until there
// was one, when the last heartbeat failed, and when there was none for MemberList::kTtlMs.
// Everything else goes straight through. Borrows client and clock. Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/contract/metastore.h"

namespace brazier::app {

class RemoteMetastore final : public contract::Metastore {
 public:
  RemoteMetastore(contract::Metastore& client, const Clock& clock);

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
  Status Ready() override;

 private:
  void Remember(const Status& status);

  contract::Metastore& client_;
  const Clock& clock_;
  std::mutex mu_;
  Status last_;               // guarded by mu_
  int64_t last_time_ns_ = 0;  // guarded by mu_
};

}  // namespace brazier::app
