#include <utility>

#include "server/http/connect.h"
#include "server/http/receipt.h"
#include "server/http/status_mapping.h"
#include "server/http/tenant.h"
#include "server/http/write_routes.h"

namespace brazier::http {
namespace {

// What is left of a call while the distributor works.
struct Pending {
  ConnectCodec codec;
  bool gzip_answer;
};

HttpResponse AnswerPush(const Pending& pending, const Result<contract::PushReceipt>& receipt) {
  if (!receipt.ok()) return ConnectError(receipt.status());
  const Status status = ReceiptStatus(*receipt);
  HttpResponse response;
  if (status.ok()) {
    ConnectCall call;
    call.codec = pending.codec;
    call.gzip_answer = pending.gzip_answer;
    response = ConnectAnswer(call, pending.codec == ConnectCodec::kJson ? "{}" : "");
  } else {
    response = ConnectError(status);
  }
  AddReceiptHeaders(*receipt, &response.headers);
  return response;
}

void HandlePush(const WriteOptions& options, contract::Distributor& distributor,
                HttpRequest&& request, const Responder& responder) {
  ConnectOptions connect;
  connect.default_timeout = options.timeout;
  connect.message_bytes_max = options.body_bytes_max;
  ConnectBegin begin = BeginConnect(request, connect);
  if (!begin.ok) return responder.Send(std::move(begin.refusal));
  Result<std::string> tenant = WriteTenant(request.headers, options.multitenancy);
  if (!tenant.ok()) return responder.Send(ConnectError(tenant.status()));
  Result<std::vector<RawProfile>> profiles =
      DecodePush(begin.call.codec, begin.call.message, options.push);
  if (!profiles.ok()) return responder.Send(ConnectError(profiles.status()));
  begin.call.message = std::string();

  contract::PushRequest push;
  push.tenant = std::move(*tenant);
  push.source = "http";
  push.profiles = std::move(*profiles);
  distributor.Push(begin.call.context, std::move(push),
                   [responder, pending = Pending{begin.call.codec, begin.call.gzip_answer}](
                       Result<contract::PushReceipt> receipt) {
                     responder.Send(AnswerPush(pending, receipt));
                   });
}

}  // namespace

void AddPushRoutes(const WriteOptions& options, contract::Distributor& distributor, Router* router) {
  Route route;
  route.method = "POST";
  route.path = "/push.v1.PusherService/Push";
  route.body_bytes_max = options.body_bytes_max;
  route.handler = [options, &distributor](HttpRequest&& request, Responder responder) {
    HandlePush(options, distributor, std::move(request), responder);
  };
  router->Add(std::move(route));
}

}  // namespace brazier::http
