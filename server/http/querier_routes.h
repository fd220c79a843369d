// querier.v1.QuerierService as translations to contract::QueryFrontend. Selectors, profile types and time ranges are
// judged by the frontend; what only rendering needs (node limits, steps, formats) is judged here.
#pragma once

#include <chrono>
#include <cstdint>

#include "common/base/clock.h"
#include "common/contract/query_frontend.h"
#include "server/http/router.h"

namespace brazier::http {

struct ReadOptions {
  bool multitenancy = false;
  std::chrono::milliseconds timeout{30'000};   // longest; when the client gives none
  int64_t flame_graph_nodes_default = 8'192;
  int64_t flame_graph_nodes_max = 1'048'576;
};

// What the references point to outlives the router. All routes block: they run on the worker pool.
void AddQuerierRoutes(const ReadOptions& options, contract::QueryFrontend& frontend,
                      const Clock& clock, Router* router);

}  // namespace brazier::http
