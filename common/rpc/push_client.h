// PushClient: contract::Distributor of another process, over Thrift. For tools, tests and agents.
// Pushes are queued and run on a few threads of the client; repeating a push is safe. Thread-safe.
#pragma once

#include <functional>
#include <memory>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/distributor.h"
#include "common/observe/metrics.h"
#include "common/rpc/client_options.h"

namespace brazier::rpc {

class PushClient final : public contract::Distributor {
 public:
  // The references outlive the client.
  PushClient(ClientOptions options, const Clock& clock, Random& random, MetricsRegistry& metrics);
  // Calls that run fail with kUnavailable; every `done` has been called when this returns.
  ~PushClient() override;

  // PushRequest::tenant becomes the header's; PushRequest::source stays here.
  void Push(const contract::RequestContext& context, contract::PushRequest request,
            std::function<void(Result<contract::PushReceipt>)> done) override;
  // Asks the peer; blocks for ClientOptions::default_timeout_ms at most.
  Status Ready() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace brazier::rpc
