#include "common/rpc/metastore_handler.h"

#include <optional>
#include <utility>

#include "common/rpc/blocking_answer.h"
#include "common/rpc/convert_compaction.h"
#include "common/rpc/convert_lifecycle.h"
#include "common/rpc/convert_metastore.h"
#include "common/rpc/rpc_limits.h"
#include "common/rpc/service_calls.h"
#include "common/rpc/thrift_service.h"
#include "idl/MetastoreService.h"

namespace brazier::rpc {

namespace {

// Room for the envelope of the answer and the headers of its parts.
constexpr size_t kSuspectReasonBytesMax = 1'000;
constexpr size_t kAnswerBytesMax = (64u << 20) - (1u << 20);

Status CheckSize(const std::vector<idl::EncodedBlockMeta>& blocks, size_t bytes, const char* advice) {
  for (const auto& block : blocks) bytes += block.data.size() + 16;
  if (bytes <= kAnswerBytesMax) return Status::Ok();
  return ResourceExhausted("an answer with metadata of " + std::to_string(blocks.size()) + " blocks has " +
                           std::to_string(bytes) + " bytes, the limit is " + std::to_string(kAnswerBytesMax) + "; " +
                           advice)
      .WithReason("answer_size_limit");
}

size_t LimitOf(int32_t limit) { return limit > 0 ? static_cast<size_t>(limit) : SIZE_MAX; }

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
      RETURN_IF_ERROR(CheckSize(wire, 0, "narrow the time range"));
      response.blocks = std::move(wire);
      return Status::Ok();
    });
  }

  void queryLabels(idl::QueryLabelsResponse& response, const idl::QueryLabelsRequest& request) override {
    calls_.Run("queryLabels", request.header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(const contract::QueryLabelsRequest query, LabelsRequestFromWire(request));
      ASSIGN_OR_RETURN(const contract::QueryLabelsResponse result, metastore_.QueryLabels(context, query));
      idl::QueryLabelsResponse wire = LabelsToWire(result);
      RETURN_IF_ERROR(CheckSize(wire.unanswered, wire.encoded_result.size(), "narrow the time range"));
      response = std::move(wire);
      return Status::Ok();
    });
  }

  void getBlocks(idl::GetBlocksResponse& response, const idl::GetBlocksRequest& request) override {
    calls_.Run("getBlocks", request.header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(const std::vector<Ulid> ids, IdsFromWire(request.ids));
      ASSIGN_OR_RETURN(const contract::GetBlocksResponse result, metastore_.GetBlocks(context, ids));
      std::vector<idl::EncodedBlockMeta> wire = BlocksToWire(result.blocks);
      RETURN_IF_ERROR(CheckSize(wire, 0, "ask for fewer"));
      response.blocks = std::move(wire);
      response.unknown_ids = IdsToWire(result.unknown);
      return Status::Ok();
    });
  }

  void listBlocks(idl::ListBlocksResponse& response, const idl::ListBlocksRequest& request) override {
    calls_.Run("listBlocks", request.header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(const std::vector<Ulid> after, IdsFromWire(request.after));
      if (after.size() > 1) return InvalidArgument("'after' is more than one id");
      ASSIGN_OR_RETURN(const std::vector<Ulid> ids,
                       metastore_.ListBlocks(context, after.empty() ? std::nullopt : std::optional(after[0]),
                                             LimitOf(request.limit)));
      response.ids = IdsToWire(ids);
      return Status::Ok();
    });
  }

  void listTenants(idl::ListTenantsResponse& response, const idl::ListTenantsRequest& request) override {
    calls_.Run("listTenants", request.header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(const std::vector<contract::TenantListing> tenants,
                       metastore_.ListTenants(context, request.after, LimitOf(request.limit)));
      for (const contract::TenantListing& listing : tenants) {
        idl::TenantListing& wire = response.tenants.emplace_back();
        wire.tenant = listing.tenant;
        wire.stats = StatsToWire(listing.stats);
      }
      return Status::Ok();
    });
  }

  void listQueues(idl::ListQueuesResponse& response, const idl::ListQueuesRequest& request) override {
    calls_.Run("listQueues", request.header, [&](const contract::RequestContext& context) -> Status {
      std::optional<contract::BlockQueue> after;
      if (request.__isset.after) {
        ASSIGN_OR_RETURN(after, QueueFromWire(request.after));
      }
      ASSIGN_OR_RETURN(const std::vector<contract::BlockQueue> queues,
                       metastore_.ListQueues(context, after, LimitOf(request.limit)));
      response.queues = QueuesToWire(queues);
      return Status::Ok();
    });
  }

  void listQueuedBlocks(idl::ListQueuedBlocksResponse& response, const idl::ListQueuedBlocksRequest& request) override {
    calls_.Run("listQueuedBlocks", request.header, [&](const contract::RequestContext& context) -> Status {
      if (!request.__isset.queue) return InvalidArgument("no queue is named");
      ASSIGN_OR_RETURN(const contract::BlockQueue queue, QueueFromWire(request.queue));
      ASSIGN_OR_RETURN(const std::optional<Ulid> after, AfterFromWire(request.after));
      ASSIGN_OR_RETURN(const std::vector<contract::QueuedBlock> blocks,
                       metastore_.ListQueuedBlocks(context, queue, after, LimitOf(request.limit)));
      response.blocks = QueuedToWire(blocks);
      return Status::Ok();
    });
  }

  void replaceBlocks(idl::ReplaceBlocksResponse& response, const idl::ReplaceBlocksRequest& request) override {
    calls_.Run("replaceBlocks", request.header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(contract::ReplaceBlocksRequest replace, ReplaceFromWire(request));
      BlockingAnswer<contract::ReplaceBlocksResponse> answer;
      metastore_.ReplaceBlocks(context, std::move(replace), answer.Callback());
      ASSIGN_OR_RETURN(const contract::ReplaceBlocksResponse result, answer.Wait(calls_.clock(), context.deadline_ns));
      response.already_done = result.already_done;
      return Status::Ok();
    });
  }

  void listTombstones(idl::ListTombstonesResponse& response, const idl::ListTombstonesRequest& request) override {
    calls_.Run("listTombstones", request.header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(const std::optional<Ulid> id, AfterFromWire(request.after));
      std::optional<contract::TombstoneCursor> after;
      if (id.has_value()) after = contract::TombstoneCursor{request.after_removed_ns, *id};
      ASSIGN_OR_RETURN(const std::vector<contract::Tombstone> tombstones,
                       metastore_.ListTombstones(context, request.before_ns, after, LimitOf(request.limit)));
      response.tombstones = TombstonesToWire(tombstones);
      return Status::Ok();
    });
  }

  void purgeTombstones(idl::PurgeTombstonesResponse& response, const idl::PurgeTombstonesRequest& request) override {
    calls_.Run("purgeTombstones", request.header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(std::vector<Ulid> ids, IdsFromWire(request.ids));
      BlockingAnswer<contract::PurgeTombstonesResponse> answer;
      metastore_.PurgeTombstones(context, std::move(ids), answer.Callback());
      ASSIGN_OR_RETURN(const contract::PurgeTombstonesResponse result, answer.Wait(calls_.clock(), context.deadline_ns));
      response.purged = static_cast<int64_t>(result.purged);
      return Status::Ok();
    });
  }

  void placement(idl::PlacementResponse& response, const idl::PlacementRequest& request) override {
    calls_.Run("placement", request.header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(const contract::PlacementResponse result,
                       metastore_.Placement(context, request.tenant, request.service_name));
      response = PlacementToWire(result);
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

  void reportSuspectBlock(const idl::ReportSuspectBlockRequest& request) override {
    calls_.Run("reportSuspectBlock", request.header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(const Ulid id, OneIdFromWire(request.id));
      return metastore_.ReportSuspectBlock(context, id, request.why.substr(0, kSuspectReasonBytesMax));
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
