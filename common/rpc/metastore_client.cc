#include "common/rpc/metastore_client.h"

#include <algorithm>
#include <utility>

#include "common/rpc/call_queue.h"
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

Status MetastoreClient::Heartbeat(const contract::RequestContext& context, const Member& member) {
  idl::HeartbeatRequest wire;
  wire.member = MemberToWire(member);
  return impl_->channel.Call(
      context, "heartbeat", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        wire.header = header;
        idl::MetastoreServiceClient(protocol).heartbeat(wire);
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

Status MetastoreClient::Ready() {
  return impl_->channel.Call(impl_->channel.DefaultContext(), "ready",
                             [](const Protocol& protocol, const idl::RequestHeader& header) {
                               idl::MetastoreServiceClient(protocol).ready(header);
                             });
}

}  // namespace brazier::rpc
