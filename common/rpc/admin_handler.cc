#include "common/rpc/admin_handler.h"

#include "common/rpc/convert_group.h"
#include "common/rpc/convert_lifecycle.h"
#include "common/rpc/convert_metastore.h"
#include "common/rpc/convert_status.h"
#include "common/rpc/service_calls.h"
#include "common/rpc/thrift_service.h"
#include "idl/AdminService.h"

namespace brazier::rpc {

namespace {

class AdminHandler final : public idl::AdminServiceIf {
 public:
  AdminHandler(AdminHandlerOptions options, const Clock& clock, Random& random,
               MetricsRegistry& metrics)
      : options_(std::move(options)),
        start_ns_(clock.MonotonicNs()),
        metrics_(metrics),
        calls_("admin", clock, random, metrics) {}

  void status(idl::ProcessStatus& status, const idl::RequestHeader& header) override {
    calls_.Run("status", header, [&](const auto&) {
      status.version = options_.version;
      status.member_id = options_.member_id;
      status.uptime_ms = (calls_.clock().MonotonicNs() - start_ns_) / kNsPerMs;
      for (const auto& [role, ready] : options_.roles) {
        const Status role_status = ready();
        idl::RoleStatus& wire = status.roles.emplace_back();
        wire.role = role;
        wire.ready = role_status.ok();
        if (!role_status.ok()) wire.message = CutMessage(role_status.ToString());
      }
      return Status::Ok();
    });
  }

  void metricsText(std::string& text, const idl::RequestHeader& header) override {
    calls_.Run("metricsText", header, [&](const auto&) {
      text = metrics_.Render();
      return Status::Ok();
    });
  }

  void ready(const idl::RequestHeader& header) override {
    calls_.Run("ready", header, [&](const auto&) {
      for (const auto& [role, ready] : options_.roles) {
        if (const Status status = ready(); !status.ok()) return Unavailable(role + ": " + status.message());
      }
      return Status::Ok();
    });
  }

  void identify(idl::GroupIdentity& identity, const idl::RequestHeader& header) override {
    AskGroup("identify", header, [&](auto& group, const auto& context) -> Status {
      ASSIGN_OR_RETURN(const contract::GroupIdentity own, group.Identify(context));
      identity = IdentityToWire(own);
      return Status::Ok();
    });
  }

  void groupStatus(idl::GroupStatus& status, const idl::RequestHeader& header) override {
    AskGroup("groupStatus", header, [&](auto& group, const auto& context) -> Status {
      ASSIGN_OR_RETURN(const contract::GroupStatus own, group.GetGroupStatus(context));
      status = GroupStatusToWire(own);
      return Status::Ok();
    });
  }

  int64_t foundGroup(const idl::FoundGroupRequest& request) override {
    int64_t group_id = 0;
    AskGroup("foundGroup", request.header, [&](auto& group, const auto& context) -> Status {
      ASSIGN_OR_RETURN(const uint64_t id, group.FoundGroup(context, request.rpc_addresses));
      group_id = IdToWire(id);
      return Status::Ok();
    });
    return group_id;
  }

  void adoptGroup(const idl::AdoptGroupRequest& request) override {
    AskGroup("adoptGroup", request.header, [&](auto& group, const auto& context) {
      std::vector<GroupMember> founders;
      for (const auto& founder : request.founders) founders.push_back(GroupMemberFromWire(founder));
      return group.AdoptGroup(context, IdFromWire(request.group_id), founders);
    });
  }

  int64_t addMember(const idl::AddMemberRequest& request) override {
    int64_t node_id = 0;
    AskGroup("addMember", request.header, [&](auto& group, const auto& context) -> Status {
      ASSIGN_OR_RETURN(const uint64_t id, group.AddMember(context, request.rpc_address));
      node_id = IdToWire(id);
      return Status::Ok();
    });
    return node_id;
  }

  void promoteMember(const idl::GroupMemberRequest& request) override {
    AskGroup("promoteMember", request.header, [&](auto& group, const auto& context) {
      return group.PromoteMember(context, IdFromWire(request.node_id));
    });
  }

  void removeMember(const idl::GroupMemberRequest& request) override {
    AskGroup("removeMember", request.header, [&](auto& group, const auto& context) {
      return group.RemoveMember(context, IdFromWire(request.node_id));
    });
  }

  void transferLeadership(const idl::GroupMemberRequest& request) override {
    AskGroup("transferLeadership", request.header, [&](auto& group, const auto& context) {
      return group.TransferLeadership(context, IdFromWire(request.node_id));
    });
  }

  void takeSnapshot(idl::GroupSnapshot& snapshot, const idl::RequestHeader& header) override {
    AskGroup("takeSnapshot", header, [&](auto& group, const auto& context) -> Status {
      ASSIGN_OR_RETURN(const contract::GroupSnapshot taken, group.TakeSnapshot(context));
      snapshot = SnapshotToWire(taken);
      return Status::Ok();
    });
  }

  void compactionStatus(idl::CompactionStatus& status, const idl::RequestHeader& header) override {
    AskLifecycle("compactionStatus", header, [&](auto& lifecycle, const auto& context) -> Status {
      ASSIGN_OR_RETURN(const contract::CompactionOverview overview, lifecycle.GetCompaction(context));
      status = CompactionToWire(overview);
      return Status::Ok();
    });
  }

  void pauseCompaction(const idl::PauseCompactionRequest& request) override {
    AskLifecycle("pauseCompaction", request.header, [&](auto& lifecycle, const auto& context) {
      return lifecycle.SetCompactionPaused(context, request.paused);
    });
  }

  void forceCompaction(const idl::ForceCompactionRequest& request) override {
    AskLifecycle("forceCompaction", request.header, [&](auto& lifecycle, const auto& context) -> Status {
      ASSIGN_OR_RETURN(const std::vector<uint32_t> levels, LevelsFromWire(request.levels));
      return lifecycle.ForceCompaction(context, levels, request.tenant);
    });
  }

  int64_t retryFailed(const idl::BlocksRequest& request) override {
    int64_t count = 0;
    AskLifecycle("retryFailed", request.header, [&](auto& lifecycle, const auto& context) -> Status {
      ASSIGN_OR_RETURN(const std::vector<Ulid> ids, IdsFromWire(request.ids));
      ASSIGN_OR_RETURN(const uint64_t retried, lifecycle.RetryFailed(context, ids));
      count = IdToWire(retried);
      return Status::Ok();
    });
    return count;
  }

  void deleteData(idl::DataDeletion& deletion, const idl::DeleteDataRequest& request) override {
    AskLifecycle("deleteData", request.header, [&](auto& lifecycle, const auto& context) -> Status {
      ASSIGN_OR_RETURN(const Ulid id, OneIdFromWire(request.id));
      ASSIGN_OR_RETURN(const contract::DeletionView view, lifecycle.Delete(context, id, FilterFromWire(request.filter)));
      deletion = DeletionToWire(view);
      return Status::Ok();
    });
  }

  void listDeletions(idl::DeletionList& list, const idl::ListDeletionsRequest& request) override {
    AskLifecycle("listDeletions", request.header, [&](auto& lifecycle, const auto& context) -> Status {
      ASSIGN_OR_RETURN(const auto deletions, lifecycle.ListDeletions(context, request.tenant));
      for (const contract::DeletionView& view : deletions) list.deletions.push_back(DeletionToWire(view));
      return Status::Ok();
    });
  }

  void listQuarantined(idl::QuarantineList& list, const idl::RequestHeader& header) override {
    AskLifecycle("listQuarantined", header, [&](auto& lifecycle, const auto& context) -> Status {
      ASSIGN_OR_RETURN(const auto blocks, lifecycle.ListQuarantined(context));
      for (const contract::QuarantinedBlockView& view : blocks) list.blocks.push_back(QuarantinedToWire(view));
      return Status::Ok();
    });
  }

  int64_t releaseQuarantined(const idl::BlocksRequest& request) override {
    int64_t count = 0;
    AskLifecycle("releaseQuarantined", request.header, [&](auto& lifecycle, const auto& context) -> Status {
      ASSIGN_OR_RETURN(const std::vector<Ulid> ids, IdsFromWire(request.ids));
      ASSIGN_OR_RETURN(const uint64_t released, lifecycle.ReleaseQuarantined(context, ids));
      count = IdToWire(released);
      return Status::Ok();
    });
    return count;
  }

  void startScrub(const idl::StartScrubRequest& request) override {
    AskLifecycle("startScrub", request.header, [&](auto& lifecycle, const auto& context) {
      return lifecycle.StartScrub(context, request.repairs);
    });
  }

  void scrubStatus(idl::ScrubStatus& status, const idl::RequestHeader& header) override {
    AskLifecycle("scrubStatus", header, [&](auto& lifecycle, const auto& context) -> Status {
      ASSIGN_OR_RETURN(const contract::ScrubReport report, lifecycle.GetScrub(context));
      status = ScrubToWire(report);
      return Status::Ok();
    });
  }

 private:
  // Runs `ask(group, context)`; throws what it answers, unless OK.
  template <typename F>
  void AskGroup(const char* method, const idl::RequestHeader& header, const F& ask) {
    Ask(method, header, options_.metastore_group, ask);
  }
  template <typename F>
  void AskLifecycle(const char* method, const idl::RequestHeader& header, const F& ask) {
    Ask(method, header, options_.lifecycle, ask);
  }
  template <typename T, typename F>
  void Ask(const char* method, const idl::RequestHeader& header, T* asked, const F& ask) {
    calls_.Run(method, header, [&](const contract::RequestContext& context) -> Status {
      if (asked == nullptr) {
        return Status(Code::kUnimplemented,
                      "process " + options_.member_id + " does not play the role metastore")
            .WithReason("no_metastore");
      }
      return ask(*asked, context);
    });
  }

  const AdminHandlerOptions options_;
  const int64_t start_ns_;
  MetricsRegistry& metrics_;
  const ServiceCalls calls_;
};

}  // namespace

std::shared_ptr<ThriftService> MakeAdminService(AdminHandlerOptions options, const Clock& clock,
                                                Random& random, MetricsRegistry& metrics) {
  auto handler = std::make_shared<AdminHandler>(std::move(options), clock, random, metrics);
  return std::make_shared<ThriftService>(ThriftService{
      "AdminService", std::make_shared<idl::AdminServiceProcessor>(std::move(handler))});
}

}  // namespace brazier::rpc
