#include "common/rpc/metastore_client.h"

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
