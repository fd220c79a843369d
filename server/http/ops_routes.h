// Routes for operators and tools; no tenant. Callbacks run on I/O threads: they must be quick and Thread-safe.
#pragma once

#include <functional>
#include <string>

#include "common/base/status.h"
#include "server/http/router.h"

namespace brazier::http {

struct OpsOptions {
  std::function<Status()> ready;          // OK when the process can serve
  std::function<std::string()> metrics;   // the Prometheus page
  std::string version;
  std::string revision;
  bool multitenancy = false;
};

// GET /ready, /metrics, /api/v1/status/buildinfo, /api/v1/ui/config
void AddOpsRoutes(OpsOptions options, Router* router);

}  // namespace brazier::http
