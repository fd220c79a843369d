#include "common/rpc/metastore_client.h"

#include <algorithm>
#include <utility>

#include "common/rpc/call_queue.h"
#include "common/rpc/convert_compaction.h"
#include "common/rpc/convert_metastore.h"
#include "common/rpc/rpc_metrics.h"
#include "common/rpc/thrift_channel.h"
#include "idl/MetastoreService.h"

namespace brazier::rpc {

class MetastoreClient::Impl {
 public:
  Impl(ClientOptions options, const Clock& clock, Random& random, MetricsRegistry& metrics)
      : channel(options, "MetastoreService", clock, random, metrics),
        queue(options.threads, options.queue_bytes_max, ClientQueueBytes(metrics, "MetastoreService"),
              "MetastoreService") {}
  ~Impl() {
    queue.Stop([this] { channel.Shutdown(); });
  }

  // The blocks travel as bytes: encoded once, whatever the number of attempts, and counted exactly by the queue.
  Result<contract::AddBlocksResponse> AddBlocks(const contract::RequestContext& context,
                                                idl::AddBlocksRequest& request) {
    idl::AddBlocksResponse response;
    RETURN_IF_ERROR(channel.Call(
        context, "addBlocks", [&](const Protocol& protocol, const idl::RequestHeader& header) {
          response = {};  // of an attempt before
          request.header = header;
          idl::MetastoreServiceClient(protocol).addBlocks(response, request);
        }));
    return AddedFromWire(response, request.blocks.size());
  }

  Result<contract::ReplaceBlocksResponse> ReplaceBlocks(const contract::RequestContext& context,
                                                        idl::ReplaceBlocksRequest& request) {
    idl::ReplaceBlocksResponse response;
    RETURN_IF_ERROR(channel.Call(
        context, "replaceBlocks", [&](const Protocol& protocol, const idl::RequestHeader& header) {
          response = {};
          request.header = header;
          idl::MetastoreServiceClient(protocol).replaceBlocks(response, request);
        }));
    return contract::ReplaceBlocksResponse{.already_done = response.already_done};
  }

  Result<contract::PurgeTombstonesResponse> PurgeTombstones(const contract::RequestContext& context,
                                                            idl::PurgeTombstonesRequest& request) {
    idl::PurgeTombstonesResponse response;
    RETURN_IF_ERROR(channel.Call(
        context, "purgeTombstones", [&](const Protocol& protocol, const idl::RequestHeader& header) {
          response = {};
          request.header = header;
          idl::MetastoreServiceClient(protocol).purgeTombstones(response, request);
        }));
    return contract::PurgeTombstonesResponse{.purged = static_cast<uint64_t>(response.purged)};
  }

  ThriftChannel channel;
  CallQueue queue;
};

MetastoreClient::MetastoreClient(ClientOptions options, const Clock& clock, Random& random,
                                 MetricsRegistry& metrics)
    : impl_(std::make_unique<Impl>(std::move(options), clock, random, metrics)) {}
MetastoreClient::~MetastoreClient() = default;

void MetastoreClient::AddBlocks(const contract::RequestContext& context,
                                contract::AddBlocksRequest request,
                                std::function<void(Result<contract::AddBlocksResponse>)> done) {
  auto wire = std::make_shared<idl::AddBlocksRequest>();
  wire->blocks = BlocksToWire(request.blocks);
  size_t bytes = 0;
  for (const auto& block : wire->blocks) bytes += block.data.size();
  impl_->queue.Post(bytes, [impl = impl_.get(), context, wire, done = std::move(done)](
                               const Status& status) {
    if (status.ok()) {
      done(impl->AddBlocks(context, *wire));
    } else {
      done(status);
    }
  });
}

Result<std::vector<BlockMeta>> MetastoreClient::FindBlocks(
    const contract::RequestContext& context, const contract::FindBlocksRequest& request) {
  idl::FindBlocksRequest wire = FindToWire(request);
  idl::FindBlocksResponse response;
  RETURN_IF_ERROR(impl_->channel.Call(
      context, "findBlocks", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        response = {};  // of an attempt before
        wire.header = header;
        idl::MetastoreServiceClient(protocol).findBlocks(response, wire);
      }));
  Result<std::vector<BlockMeta>> blocks = BlocksFromWire(response.blocks);
  // What the peer sent is not the caller's fault.
  if (!blocks.ok()) return Internal("answer of findBlocks: " + blocks.status().message());
  return blocks;
}

Result<contract::TenantStats> MetastoreClient::GetTenantStats(
    const contract::RequestContext& context, const std::string& tenant) {
  idl::TenantStatsRequest wire;
  wire.tenant = tenant;
  idl::TenantStats stats;
  RETURN_IF_ERROR(impl_->channel.Call(
      context, "tenantStats", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        wire.header = header;
        idl::MetastoreServiceClient(protocol).tenantStats(stats, wire);
      }));
  return StatsFromWire(stats);
}

Result<contract::QueryLabelsResponse> MetastoreClient::QueryLabels(const contract::RequestContext& context,
                                                                   const contract::QueryLabelsRequest& request) {
  idl::QueryLabelsRequest wire = LabelsRequestToWire(request);
  idl::QueryLabelsResponse response;
  RETURN_IF_ERROR(impl_->channel.Call(
      context, "queryLabels", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        response = {};  // of an attempt before
        wire.header = header;
        idl::MetastoreServiceClient(protocol).queryLabels(response, wire);
      }));
  auto labels = LabelsFromWire(response, request.reports);
  if (!labels.ok()) return Internal("answer of queryLabels: " + labels.status().message());
  return labels;
}

Result<contract::GetBlocksResponse> MetastoreClient::GetBlocks(const contract::RequestContext& context,
                                                               const std::vector<Ulid>& ids) {
  idl::GetBlocksRequest wire;
  wire.ids = IdsToWire(ids);
  idl::GetBlocksResponse response;
  RETURN_IF_ERROR(impl_->channel.Call(
      context, "getBlocks", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        response = {};
        wire.header = header;
        idl::MetastoreServiceClient(protocol).getBlocks(response, wire);
      }));
  const auto decode = [&]() -> Result<contract::GetBlocksResponse> {
    contract::GetBlocksResponse out;
    ASSIGN_OR_RETURN(out.blocks, BlocksFromWire(response.blocks));
    ASSIGN_OR_RETURN(out.unknown, IdsFromWire(response.unknown_ids));
    return out;
  };
  auto decoded = decode();
  if (!decoded.ok()) return Internal("answer of getBlocks: " + decoded.status().message());
  return decoded;
}

Result<std::vector<Ulid>> MetastoreClient::ListBlocks(const contract::RequestContext& context,
                                                      const std::optional<Ulid>& after, size_t limit) {
  if (limit == 0) return std::vector<Ulid>();  // on the wire 0 means "as many as there may be"
  idl::ListBlocksRequest wire;
  if (after.has_value()) wire.after = IdsToWire({*after});
  wire.limit = static_cast<int32_t>(std::min(limit, kIdsPerListMax));
  idl::ListBlocksResponse response;
  RETURN_IF_ERROR(impl_->channel.Call(
      context, "listBlocks", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        response = {};
        wire.header = header;
        idl::MetastoreServiceClient(protocol).listBlocks(response, wire);
      }));
  auto ids = IdsFromWire(response.ids);
  if (!ids.ok()) return Internal("answer of listBlocks: " + ids.status().message());
  return ids;
}

Result<std::vector<contract::TenantListing>> MetastoreClient::ListTenants(const contract::RequestContext& context,
                                                                          const std::string& after, size_t limit) {
  if (limit == 0) return std::vector<contract::TenantListing>();
  idl::ListTenantsRequest wire;
  wire.after = after;
  wire.limit = static_cast<int32_t>(std::min(limit, kTenantsPerListMax));
  idl::ListTenantsResponse response;
  RETURN_IF_ERROR(impl_->channel.Call(
      context, "listTenants", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        response = {};
        wire.header = header;
        idl::MetastoreServiceClient(protocol).listTenants(response, wire);
      }));
  std::vector<contract::TenantListing> tenants;
  for (const idl::TenantListing& listing : response.tenants) {
    tenants.push_back({listing.tenant, StatsFromWire(listing.stats)});
  }
  return tenants;
}

Result<std::vector<contract::BlockQueue>> MetastoreClient::ListQueues(const contract::RequestContext& context,
                                                                      const std::optional<contract::BlockQueue>& after,
                                                                      size_t limit) {
  if (limit == 0) return std::vector<contract::BlockQueue>();
  idl::ListQueuesRequest wire;
  if (after.has_value()) wire.__set_after(QueueToWire(*after));
  wire.limit = static_cast<int32_t>(std::min(limit, kQueuesPerListMax));
  idl::ListQueuesResponse response;
  RETURN_IF_ERROR(impl_->channel.Call(
      context, "listQueues", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        response = {};
        wire.header = header;
        idl::MetastoreServiceClient(protocol).listQueues(response, wire);
      }));
  auto queues = QueuesFromWire(response.queues);
  if (!queues.ok()) return Internal("answer of listQueues: " + queues.status().message());
  return queues;
}

Result<std::vector<contract::QueuedBlock>> MetastoreClient::ListQueuedBlocks(const contract::RequestContext& context,
                                                                             const contract::BlockQueue& queue,
                                                                             const std::optional<Ulid>& after,
                                                                             size_t limit) {
  if (limit == 0) return std::vector<contract::QueuedBlock>();
  idl::ListQueuedBlocksRequest wire;
  wire.__set_queue(QueueToWire(queue));
  if (after.has_value()) wire.after = IdsToWire({*after});
  wire.limit = static_cast<int32_t>(std::min(limit, kQueuedBlocksPerListMax));
  idl::ListQueuedBlocksResponse response;
  RETURN_IF_ERROR(impl_->channel.Call(
      context, "listQueuedBlocks", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        response = {};
        wire.header = header;
        idl::MetastoreServiceClient(protocol).listQueuedBlocks(response, wire);
      }));
  auto blocks = QueuedFromWire(response.blocks);
  if (!blocks.ok()) return Internal("answer of listQueuedBlocks: " + blocks.status().message());
  return blocks;
}

void MetastoreClient::ReplaceBlocks(const contract::RequestContext& context, contract::ReplaceBlocksRequest request,
                                    std::function<void(Result<contract::ReplaceBlocksResponse>)> done) {
  auto wire = std::make_shared<idl::ReplaceBlocksRequest>(ReplaceToWire(request));
  size_t bytes = wire->inputs.size();
  for (const auto& block : wire->outputs) bytes += block.data.size();
  impl_->queue.Post(bytes, [impl = impl_.get(), context, wire, done = std::move(done)](const Status& status) {
    done(status.ok() ? impl->ReplaceBlocks(context, *wire) : Result<contract::ReplaceBlocksResponse>(status));
  });
}

Result<std::vector<contract::Tombstone>> MetastoreClient::ListTombstones(
    const contract::RequestContext& context, int64_t before_ns, const std::optional<contract::TombstoneCursor>& after,
    size_t limit) {
  if (limit == 0) return std::vector<contract::Tombstone>();
  idl::ListTombstonesRequest wire;
  wire.before_ns = before_ns;
  if (after.has_value()) {
    wire.after_removed_ns = after->removed_ns;
    wire.after = IdsToWire({after->id});
  }
  wire.limit = static_cast<int32_t>(std::min(limit, kTombstonesPerListMax));
  idl::ListTombstonesResponse response;
  RETURN_IF_ERROR(impl_->channel.Call(
      context, "listTombstones", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        response = {};
        wire.header = header;
        idl::MetastoreServiceClient(protocol).listTombstones(response, wire);
      }));
  auto tombstones = TombstonesFromWire(response.tombstones);
  if (!tombstones.ok()) return Internal("answer of listTombstones: " + tombstones.status().message());
  return tombstones;
}

void MetastoreClient::PurgeTombstones(const contract::RequestContext& context, std::vector<Ulid> ids,
                                      std::function<void(Result<contract::PurgeTombstonesResponse>)> done) {
  auto wire = std::make_shared<idl::PurgeTombstonesRequest>();
  wire->ids = IdsToWire(ids);
  impl_->queue.Post(wire->ids.size(), [impl = impl_.get(), context, wire, done = std::move(done)](const Status& status) {
    done(status.ok() ? impl->PurgeTombstones(context, *wire) : Result<contract::PurgeTombstonesResponse>(status));
  });
}

Status MetastoreClient::Heartbeat(const contract::RequestContext& context, const Member& member) {
  idl::HeartbeatRequest wire;
  wire.member = MemberToWire(member);
  return impl_->channel.Call(
      context, "heartbeat", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        wire.header = header;
        idl::MetastoreServiceClient(protocol).heartbeat(wire);
      });
}

Status MetastoreClient::ReportSuspectBlock(const contract::RequestContext& context, const Ulid& id, const std::string& why) {
  idl::ReportSuspectBlockRequest wire;
  wire.id = IdsToWire({id});
  wire.why = why;
  return impl_->channel.Call(
      context, "reportSuspectBlock", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        wire.header = header;
        idl::MetastoreServiceClient(protocol).reportSuspectBlock(wire);
      });
}

Result<MemberList> MetastoreClient::Members(const contract::RequestContext& context) {
  idl::MemberList members;
  RETURN_IF_ERROR(impl_->channel.Call(
      context, "members", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        idl::MetastoreServiceClient(protocol).members(members, header);
      }));
  return MembersFromWire(members);
}

Result<contract::PlacementResponse> MetastoreClient::Placement(const contract::RequestContext& context,
                                                               const std::string& tenant, const std::string& service) {
  idl::PlacementRequest wire;
  wire.tenant = tenant;
  wire.service_name = service;
  idl::PlacementResponse response;
  RETURN_IF_ERROR(impl_->channel.Call(
      context, "placement", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        response = {};
        wire.header = header;
        idl::MetastoreServiceClient(protocol).placement(response, wire);
      }));
  auto placement = PlacementFromWire(response);
  if (!placement.ok()) return Internal("answer of placement: " + placement.status().message());
  return placement;
}

Status MetastoreClient::Ready() {
  return impl_->channel.Call(impl_->channel.DefaultContext(), "ready",
                             [](const Protocol& protocol, const idl::RequestHeader& header) {
                               idl::MetastoreServiceClient(protocol).ready(header);
                             });
}

}  // namespace brazier::rpc
