// MetastoreHandler: the Thrift door of the metastore, for members of the cluster only (it knows all tenants).
// A call blocks its connection's thread until the metastore has answered or the deadline is reached.
// The references outlive the service.
#pragma once

#include <memory>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/metastore.h"
#include "common/observe/metrics.h"

namespace brazier::rpc {

struct ThriftService;

std::shared_ptr<ThriftService> MakeMetastoreService(contract::Metastore& metastore,
                                                    const Clock& clock, Random& random,
                                                    MetricsRegistry& metrics);

}  // namespace brazier::rpc
