#include "common/rpc/metastore_handler.h"

#include <utility>

#include "common/rpc/blocking_answer.h"
#include "common/rpc/convert_metastore.h"
#include "common/rpc/rpc_limits.h"
#include "common/rpc/service_calls.h"
#include "common/rpc/thrift_service.h"
#include "idl/MetastoreService.h"

namespace brazier::rpc {

namespace {

// Room for the envelope of the answer and the headers of its parts.
constexpr size_t kAnswerBytesMax = (64u << 20) - (1u << 20);

class MetastoreHandler final : public idl::MetastoreServiceIf {
 public:
  MetastoreHandler(contract::Metastore& metastore, const Clock& clock, Random& random,
                   MetricsRegistry& metrics)
      : metastore_(metastore), calls_("metastore", clock, random, metrics) {}

  void addBlocks(idl::AddBlocksResponse& response, const idl::AddBlocksRequest& request) override {
    calls_.Run("addBlocks", request.header, [&](const contract::RequestContext& context) -> Status {
      contract::AddBlocksRequest add;
      ASSIGN_OR_RETURN(add.blocks, BlocksFromWire(request.blocks));
      BlockingAnswer<contract::AddBlocksResponse> answer;
      metastore_.AddBlocks(context, std::move(add), answer.Callback());
      ASSIGN_OR_RETURN(const contract::AddBlocksResponse result,
                       answer.Wait(calls_.clock(), context.deadline_ns));
      response = AddedToWire(result);
      return Status::Ok();
    });
  }

  void findBlocks(idl::FindBlocksResponse& response,
                  const idl::FindBlocksRequest& request) override {
    calls_.Run("findBlocks", request.header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(const std::vector<BlockMeta> blocks,
                       metastore_.FindBlocks(context, FindFromWire(request)));
      std::vector<idl::EncodedBlockMeta> wire = BlocksToWire(blocks);
      size_t bytes = 0;
      for (const auto& block : wire) bytes += block.data.size() + 16;
      if (bytes > kAnswerBytesMax) {
        return ResourceExhausted("metadata of " + std::to_string(blocks.size()) + " blocks has " +
                                 std::to_string(bytes) + " bytes, the limit is " +
                                 std::to_string(kAnswerBytesMax) + "; narrow the time range")
            .WithReason("answer_size_limit");
      }
      response.blocks = std::move(wire);
      return Status::Ok();
    });
  }

  void tenantStats(idl::TenantStats& stats, const idl::TenantStatsRequest& request) override {
    calls_.Run("tenantStats", request.header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(const contract::TenantStats result,
                       metastore_.GetTenantStats(context, request.tenant));
      stats = StatsToWire(result);
      return Status::Ok();
    });
  }

  void heartbeat(const idl::HeartbeatRequest& request) override {
    calls_.Run("heartbeat", request.header, [&](const contract::RequestContext& context) {
      return metastore_.Heartbeat(context, MemberFromWire(request.member));
    });
  }

  void members(idl::MemberList& members, const idl::RequestHeader& header) override {
    calls_.Run("members", header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(const MemberList result, metastore_.Members(context));
      members = MembersToWire(result);
      return Status::Ok();
    });
  }

  void ready(const idl::RequestHeader& header) override {
    calls_.Run("ready", header, [&](const auto&) { return metastore_.Ready(); });
  }

 private:
  contract::Metastore& metastore_;
  const ServiceCalls calls_;
};

}  // namespace

std::shared_ptr<ThriftService> MakeMetastoreService(contract::Metastore& metastore,
                                                    const Clock& clock, Random& random,
                                                    MetricsRegistry& metrics) {
  auto handler = std::make_shared<MetastoreHandler>(metastore, clock, random, metrics);
  return std::make_shared<ThriftService>(ThriftService{
      "MetastoreService", std::make_shared<idl::MetastoreServiceProcessor>(std::move(handler))});
}

}  // namespace brazier::rpc
