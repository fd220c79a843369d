#include "common/rpc/lifecycle_client.h"

#include <utility>

#include "common/rpc/convert_group.h"
#include "common/rpc/convert_lifecycle.h"
#include "common/rpc/convert_metastore.h"
#include "common/rpc/thrift_channel.h"
#include "idl/AdminService.h"

namespace brazier::rpc {
namespace {

constexpr int64_t kFirstAttemptMs = 10'000;  // a deletion looks at every block of its range

ClientOptions Options(std::vector<std::string> addresses) {
  ClientOptions options = MetastoreClientOptions(std::move(addresses));
  options.first_attempt_ms = kFirstAttemptMs;
  return options;
}

}  // namespace

class LifecycleClient::Impl {
 public:
  Impl(std::vector<std::string> addresses, const Clock& clock, Random& random, MetricsRegistry& metrics)
      : channel(Options(std::move(addresses)), "AdminService", clock, random, metrics) {}

  // Runs `call(client, header)`, which keeps its answer; an attempt that failed may have left a part of one.
  template <typename F>
  Status Run(const contract::RequestContext& context, const char* method, const F& call) {
    return channel.Call(context, method, [&](const Protocol& protocol, const idl::RequestHeader& header) {
      idl::AdminServiceClient client(protocol);
      call(client, header);
    });
  }
  Result<uint64_t> Count(const contract::RequestContext& context, const char* method,
                         int64_t (idl::AdminServiceClient::*call)(const idl::BlocksRequest&), const std::vector<Ulid>& ids) {
    int64_t count = 0;
    RETURN_IF_ERROR(Run(context, method, [&](auto& client, const auto& header) {
      idl::BlocksRequest request;
      request.header = header;
      request.ids = IdsToWire(ids);
      count = (client.*call)(request);
    }));
    return IdFromWire(count);
  }

  ThriftChannel channel;
};

LifecycleClient::LifecycleClient(std::vector<std::string> addresses, const Clock& clock, Random& random,
                                 MetricsRegistry& metrics)
    : impl_(std::make_unique<Impl>(std::move(addresses), clock, random, metrics)) {}
LifecycleClient::~LifecycleClient() = default;

Result<contract::CompactionOverview> LifecycleClient::GetCompaction(const contract::RequestContext& context) {
  idl::CompactionStatus wire;
  RETURN_IF_ERROR(impl_->Run(context, "compactionStatus", [&](auto& client, const auto& header) {
    wire = {};
    client.compactionStatus(wire, header);
  }));
  return CompactionFromWire(wire);
}

Status LifecycleClient::SetCompactionPaused(const contract::RequestContext& context, bool is_paused) {
  return impl_->Run(context, "pauseCompaction", [&](auto& client, const auto& header) {
    idl::PauseCompactionRequest request;
    request.header = header;
    request.paused = is_paused;
    client.pauseCompaction(request);
  });
}

Status LifecycleClient::ForceCompaction(const contract::RequestContext& context, const std::vector<uint32_t>& levels,
                                        const std::string& tenant) {
  return impl_->Run(context, "forceCompaction", [&](auto& client, const auto& header) {
    idl::ForceCompactionRequest request;
    request.header = header;
    for (const uint32_t level : levels) request.levels.push_back(static_cast<int32_t>(level));
    request.tenant = tenant;
    client.forceCompaction(request);
  });
}

Result<uint64_t> LifecycleClient::RetryFailed(const contract::RequestContext& context, const std::vector<Ulid>& ids) {
  return impl_->Count(context, "retryFailed", &idl::AdminServiceClient::retryFailed, ids);
}

Result<contract::DeletionView> LifecycleClient::Delete(const contract::RequestContext& context, const Ulid& id,
                                                       const DataFilter& filter) {
  idl::DataDeletion wire;
  RETURN_IF_ERROR(impl_->Run(context, "deleteData", [&](auto& client, const auto& header) {
    idl::DeleteDataRequest request;
    request.header = header;
    request.id = IdsToWire({id});
    request.filter = FilterToWire(filter);
    wire = {};
    client.deleteData(wire, request);
  }));
  return DeletionFromWire(wire);
}

Result<std::vector<contract::DeletionView>> LifecycleClient::ListDeletions(const contract::RequestContext& context,
                                                                           const std::string& tenant) {
  idl::DeletionList wire;
  RETURN_IF_ERROR(impl_->Run(context, "listDeletions", [&](auto& client, const auto& header) {
    idl::ListDeletionsRequest request;
    request.header = header;
    request.tenant = tenant;
    wire = {};
    client.listDeletions(wire, request);
  }));
  std::vector<contract::DeletionView> views;
  for (const idl::DataDeletion& deletion : wire.deletions) {
    ASSIGN_OR_RETURN(contract::DeletionView view, DeletionFromWire(deletion));
    views.push_back(std::move(view));
  }
  return views;
}

Result<std::vector<contract::QuarantinedBlockView>> LifecycleClient::ListQuarantined(
    const contract::RequestContext& context) {
  idl::QuarantineList wire;
  RETURN_IF_ERROR(impl_->Run(context, "listQuarantined", [&](auto& client, const auto& header) {
    wire = {};
    client.listQuarantined(wire, header);
  }));
  std::vector<contract::QuarantinedBlockView> views;
  for (const idl::QuarantinedBlock& block : wire.blocks) {
    ASSIGN_OR_RETURN(contract::QuarantinedBlockView view, QuarantinedFromWire(block));
    views.push_back(std::move(view));
  }
  return views;
}

Result<uint64_t> LifecycleClient::ReleaseQuarantined(const contract::RequestContext& context, const std::vector<Ulid>& ids) {
  return impl_->Count(context, "releaseQuarantined", &idl::AdminServiceClient::releaseQuarantined, ids);
}

Status LifecycleClient::StartScrub(const contract::RequestContext& context, bool repairs) {
  return impl_->Run(context, "startScrub", [&](auto& client, const auto& header) {
    idl::StartScrubRequest request;
    request.header = header;
    request.repairs = repairs;
    client.startScrub(request);
  });
}

Result<contract::ScrubReport> LifecycleClient::GetScrub(const contract::RequestContext& context) {
  idl::ScrubStatus wire;
  RETURN_IF_ERROR(impl_->Run(context, "scrubStatus", [&](auto& client, const auto& header) {
    wire = {};
    client.scrubStatus(wire, header);
  }));
  return ScrubFromWire(wire);
}

}  // namespace brazier::rpc
