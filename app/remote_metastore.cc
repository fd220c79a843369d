#include "app/remote_metastore.h"

#include <utility>

namespace brazier::app {

RemoteMetastore::RemoteMetastore(contract::Metastore& client, const Clock& clock)
    : client_(client),
      clock_(clock),
      last_(Unavailable("the metastore has not been reached yet")),
      last_time_ns_(clock.MonotonicNs()) {}

void RemoteMetastore::AddBlocks(const contract::RequestContext& context,
                                contract::AddBlocksRequest request,
                                std::function<void(Result<contract::AddBlocksResponse>)> done) {
  client_.AddBlocks(context, std::move(request), std::move(done));
}

Result<std::vector<BlockMeta>> RemoteMetastore::FindBlocks(
    const contract::RequestContext& context, const contract::FindBlocksRequest& request) {
  return client_.FindBlocks(context, request);
}

Result<contract::TenantStats> RemoteMetastore::GetTenantStats(
    const contract::RequestContext& context, const std::string& tenant) {
  return client_.GetTenantStats(context, tenant);
}

Result<contract::QueryLabelsResponse> RemoteMetastore::QueryLabels(const contract::RequestContext& context,
                                                             const contract::QueryLabelsRequest& request) {
  return client_.QueryLabels(context, request);
}

Result<contract::GetBlocksResponse> RemoteMetastore::GetBlocks(const contract::RequestContext& context,
                                                     const std::vector<Ulid>& ids) {
  return client_.GetBlocks(context, ids);
}

Result<std::vector<Ulid>> RemoteMetastore::ListBlocks(const contract::RequestContext& context,
                                            const std::optional<Ulid>& after, size_t limit) {
  return client_.ListBlocks(context, after, limit);
}

Result<std::vector<contract::TenantListing>> RemoteMetastore::ListTenants(const contract::RequestContext& context,
                                                                const std::string& after, size_t limit) {
  return client_.ListTenants(context, after, limit);
}

Result<std::vector<contract::BlockQueue>> RemoteMetastore::ListQueues(
    const contract::RequestContext& context, const std::optional<contract::BlockQueue>& after, size_t limit) {
  return client_.ListQueues(context, after, limit);
}

Result<std::vector<contract::QueuedBlock>> RemoteMetastore::ListQueuedBlocks(const contract::RequestContext& context,
                                                                   const contract::BlockQueue& queue,
                                                                   const std::optional<Ulid>& after, size_t limit) {
  return client_.ListQueuedBlocks(context, queue, after, limit);
}

Result<std::vector<contract::Tombstone>> RemoteMetastore::ListTombstones(
    const contract::RequestContext& context, int64_t before_ns, const std::optional<contract::TombstoneCursor>& after,
    size_t limit) {
  return client_.ListTombstones(context, before_ns, after, limit);
}

void RemoteMetastore::ReplaceBlocks(const contract::RequestContext& context, contract::ReplaceBlocksRequest request,
                          std::function<void(Result<contract::ReplaceBlocksResponse>)> done) {
  client_.ReplaceBlocks(context, std::move(request), std::move(done));
}

void RemoteMetastore::PurgeTombstones(const contract::RequestContext& context, std::vector<Ulid> ids,
                            std::function<void(Result<contract::PurgeTombstonesResponse>)> done) {
  client_.PurgeTombstones(context, std::move(ids), std::move(done));
}

Status RemoteMetastore::ReportSuspectBlock(const contract::RequestContext& context, const Ulid& id, const std::string& why) {
  return client_.ReportSuspectBlock(context, id, why);
}

Status RemoteMetastore::Heartbeat(const contract::RequestContext& context, const Member& member) {
  const Status heartbeat = client_.Heartbeat(context, member);
  Remember(heartbeat.ok() ? client_.Ready() : heartbeat);
  return heartbeat;
}

Result<MemberList> RemoteMetastore::Members(const contract::RequestContext& context) {
  return client_.Members(context);
}

Result<contract::PlacementResponse> RemoteMetastore::Placement(const contract::RequestContext& context, const std::string& tenant,
                                                     const std::string& service) {
  return client_.Placement(context, tenant, service);
}

Status RemoteMetastore::Ready() {
  std::lock_guard lock(mu_);
  if (last_.ok() && clock_.MonotonicNs() - last_time_ns_ > MemberList::kTtlMs * kNsPerMs) {
    return Unavailable("the metastore has not answered for " +
                       std::to_string(MemberList::kTtlMs / 1000) + " s");
  }
  return last_;
}

void RemoteMetastore::Remember(const Status& status) {
  std::lock_guard lock(mu_);
  last_ = status;
  last_time_ns_ = clock_.MonotonicNs();
}

}  // namespace brazier::app
