#include "common/rpc/push_handler.h"

#include <utility>

#include "common/rpc/blocking_answer.h"
#include "common/rpc/convert_push.h"
#include "common/rpc/service_calls.h"
#include "common/rpc/tenant_header.h"
#include "common/rpc/thrift_service.h"
#include "idl/PushService.h"

namespace brazier::rpc {

namespace {

class PushHandler final : public idl::PushServiceIf {
 public:
  PushHandler(const PushHandlerOptions& options, contract::Distributor& distributor,
              const Clock& clock, Random& random, MetricsRegistry& metrics)
      : options_(options), distributor_(distributor), calls_("push", clock, random, metrics) {}

  void push(idl::PushReceipt& receipt, const idl::PushRequest& request) override {
    // The generated caller owns the request, is not const, and drops it after this call: taking the profiles' bytes
    // out of it saves a copy of every push.
    auto& owned = const_cast<idl::PushRequest&>(request);
    calls_.Run("push", request.header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(std::string tenant,
                       WriteTenant(options_.multitenancy, request.header.tenant));
      BlockingAnswer<contract::PushReceipt> answer;
      distributor_.Push(context, PushFromWire(std::move(owned), std::move(tenant)),
                        answer.Callback());
      ASSIGN_OR_RETURN(const contract::PushReceipt result,
                       answer.Wait(calls_.clock(), context.deadline_ns));
      receipt = ReceiptToWire(result);
      return Status::Ok();
    });
  }

  void ready(const idl::RequestHeader& header) override {
    calls_.Run("ready", header, [&](const auto&) { return distributor_.Ready(); });
  }

 private:
  const PushHandlerOptions options_;
  contract::Distributor& distributor_;
  const ServiceCalls calls_;
};

}  // namespace

std::shared_ptr<ThriftService> MakePushService(const PushHandlerOptions& options,
                                               contract::Distributor& distributor,
                                               const Clock& clock, Random& random,
                                               MetricsRegistry& metrics) {
  auto handler = std::make_shared<PushHandler>(options, distributor, clock, random, metrics);
  return std::make_shared<ThriftService>(
      ThriftService{"PushService", std::make_shared<idl::PushServiceProcessor>(std::move(handler))});
}

}  // namespace brazier::rpc
