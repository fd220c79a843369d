// PushHandler: the Thrift door of the distributor. A call blocks its connection's thread until the distributor has
// answered or the caller's deadline is reached. `distributor` and the other references outlive the service.
#pragma once

#include <memory>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/distributor.h"
#include "common/observe/metrics.h"

namespace brazier::rpc {

struct ThriftService;

struct PushHandlerOptions {
  // Off: every push belongs to kAnonymousTenant. On: the header must name a valid tenant.
  bool multitenancy = false;
};

std::shared_ptr<ThriftService> MakePushService(const PushHandlerOptions& options,
                                               contract::Distributor& distributor,
                                               const Clock& clock, Random& random,
                                               MetricsRegistry& metrics);

}  // namespace brazier::rpc
