// The routes that take profiles in: push.v1.PusherService/Push (push_route.cc) and /ingest (ingest_route.cc).
// Handlers decode on the I/O thread and answer when the distributor does.
#pragma once

#include <chrono>
#include <cstddef>

#include "common/base/clock.h"
#include "common/contract/distributor.h"
#include "server/http/push_decoder.h"
#include "server/http/router.h"

namespace brazier::http {

struct WriteOptions {
  bool multitenancy = false;
  size_t body_bytes_max = 256 << 20;           // as sent, and inflated
  std::chrono::milliseconds timeout{30'000};   // when the client gives none
  PushLimits push;
};

// What the references point to outlives the router.
void AddPushRoutes(const WriteOptions& options, contract::Distributor& distributor, Router* router);
void AddIngestRoutes(const WriteOptions& options, contract::Distributor& distributor,
                     const Clock& clock, Router* router);

}  // namespace brazier::http
