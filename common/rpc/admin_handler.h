// AdminHandler: what an operator asks of one process over Thrift: is it ready, what is it, its metrics; and, where a
// metastore runs, about its group and the life of its data.
// The references, and what the functions refer to, outlive the service.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/contract/lifecycle.h"
#include "common/contract/metastore_group.h"
#include "common/observe/metrics.h"

namespace brazier::rpc {

struct ThriftService;

struct AdminHandlerOptions {
  std::string version;
  std::string member_id;
  // Role name and its Ready(), in the order to be shown. Called from connection threads.
  std::vector<std::pair<std::string, std::function<Status()>>> roles;
  // Null: no metastore runs here, and calls about its group are kUnimplemented. Called from connection threads.
  contract::MetastoreGroup* metastore_group = nullptr;
  // Likewise, about compaction, deletion and scrub.
  contract::Lifecycle* lifecycle = nullptr;
};

std::shared_ptr<ThriftService> MakeAdminService(AdminHandlerOptions options, const Clock& clock,
                                                Random& random, MetricsRegistry& metrics);

}  // namespace brazier::rpc
