#include "common/rpc/push_client.h"

#include <utility>

#include "common/rpc/call_queue.h"
#include "common/rpc/convert_push.h"
#include "common/rpc/rpc_metrics.h"
#include "common/rpc/thrift_channel.h"
#include "idl/PushService.h"

namespace brazier::rpc {

class PushClient::Impl {
 public:
  Impl(ClientOptions options, const Clock& clock, Random& random, MetricsRegistry& metrics)
      : channel(options, "PushService", clock, random, metrics),
        queue(options.threads, options.queue_bytes_max, ClientQueueBytes(metrics, "PushService"),
              "PushService") {}
  ~Impl() {
    queue.Stop([this] { channel.Shutdown(); });
  }

  Result<contract::PushReceipt> Push(const contract::RequestContext& context,
                                     idl::PushRequest& request) {
    const std::string tenant = request.header.tenant;
    idl::PushReceipt receipt;
    RETURN_IF_ERROR(channel.Call(
        context, "push", [&](const Protocol& protocol, const idl::RequestHeader& header) {
          receipt = {};  // of an attempt before
          request.header = header;
          request.header.tenant = tenant;
          idl::PushServiceClient(protocol).push(receipt, request);
        }));
    return ReceiptFromWire(receipt);
  }

  ThriftChannel channel;
  CallQueue queue;
};

PushClient::PushClient(ClientOptions options, const Clock& clock, Random& random,
                       MetricsRegistry& metrics)
    : impl_(std::make_unique<Impl>(std::move(options), clock, random, metrics)) {}
PushClient::~PushClient() = default;

void PushClient::Push(const contract::RequestContext& context, contract::PushRequest request,
                      std::function<void(Result<contract::PushReceipt>)> done) {
  size_t bytes = 0;
  for (const RawProfile& profile : request.profiles) bytes += profile.data.size() + profile.labels.Bytes();
  auto wire = std::make_shared<idl::PushRequest>(PushToWire(std::move(request)));
  impl_->queue.Post(bytes, [impl = impl_.get(), context, wire, done = std::move(done)](
                               const Status& status) {
    if (status.ok()) {
      done(impl->Push(context, *wire));
    } else {
      done(status);
    }
  });
}

Status PushClient::Ready() {
  return impl_->channel.Call(impl_->channel.DefaultContext(), "ready",
                             [](const Protocol& protocol, const idl::RequestHeader& header) {
                               idl::PushServiceClient(protocol).ready(header);
                             });
}

}  // namespace brazier::rpc
