#include "common/rpc/admin_handler.h"

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

 private:
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
