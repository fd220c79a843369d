// What the querier's routes share: one call from its HTTP request to its answer. Internal to server/http.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/contract/query_frontend.h"
#include "server/http/connect.h"
#include "server/http/querier_routes.h"
#include "server/http/router.h"
#include "server/http/status_mapping.h"
#include "server/http/tenant.h"

namespace brazier::http {

struct QuerierServices {
  ReadOptions options;
  contract::QueryFrontend& frontend;
  const Clock& clock;
};

// One call. Lives while its handler runs.
class QuerierCall {
 public:
  QuerierCall(const QuerierServices& services, const HttpRequest& request, ConnectCall call,
              std::vector<std::string> tenants)
      : services_(services), request_(request), call_(std::move(call)), tenants_(std::move(tenants)),
        started_ns_(services.clock.MonotonicNs()) {}

  const ReadOptions& options() const { return services_.options; }
  const Headers& headers() const { return request_.headers; }
  ConnectCodec codec() const { return call_.codec; }
  const ConnectCall& connect() const { return call_; }
  const std::vector<std::string>& tenants() const { return tenants_; }
  contract::QueryFrontend& frontend() { return services_.frontend; }
  int64_t now_ns() const { return services_.clock.NowNs(); }

  // A query of these tenants with one report.
  contract::QueryRequest MakeQuery(int64_t start_ms, int64_t end_ms, ReportKind kind) const;
  // Runs it; its statistics go into the answer's headers. The one report.
  Result<Report> Query(const contract::QueryRequest& query);
  // `message` is encoded in the call's codec.
  HttpResponse Answer(std::string message) const;

 private:
  const QuerierServices& services_;
  const HttpRequest& request_;
  const ConnectCall call_;
  const std::vector<std::string> tenants_;
  const int64_t started_ns_;
  QueryStats stats_;
};

int64_t MsToNs(int64_t milliseconds);  // saturates
int64_t StepToNs(double seconds);      // at most 1e9 s. REQUIRES: seconds is positive

// Adds /querier.v1.QuerierService/<method>. `handle` turns the message into the answer.
template <typename Message>
void AddQuerierRoute(const QuerierServices& services, std::string_view method,
                     std::function<Result<HttpResponse>(QuerierCall&, Message&)> handle, Router* router) {
  Route route;
  route.method = "POST";
  route.path = "/querier.v1.QuerierService/" + std::string(method);
  route.blocking = true;
  route.handler = [services, handle = std::move(handle)](HttpRequest&& request, Responder responder) {
    ConnectOptions options;
    options.default_timeout = options.timeout_max = services.options.timeout;
    ConnectBegin begin = BeginConnect(request, options);
    if (!begin.ok) return responder.Send(std::move(begin.refusal));
    auto tenants = ReadTenants(request.headers, services.options.multitenancy);
    if (!tenants.ok()) return responder.Send(ConnectError(tenants.status()));
    Message message;
    const Status parsed = ParseMessage(begin.call.codec, begin.call.message, &message);
    if (!parsed.ok()) return responder.Send(ConnectError(parsed));
    QuerierCall call(services, request, std::move(begin.call), std::move(*tenants));
    Result<HttpResponse> answer = handle(call, message);
    responder.Send(answer.ok() ? std::move(*answer) : ConnectError(answer.status()));
  };
  router->Add(std::move(route));
}

void AddMetadataRoutes(const QuerierServices& services, Router* router);     // querier_metadata.cc
void AddStacktraceRoutes(const QuerierServices& services, Router* router);   // querier_stacktraces.cc
void AddSeriesRoutes(const QuerierServices& services, Router* router);       // querier_series.cc
void AddHeatmapRoutes(const QuerierServices& services, Router* router);      // querier_heatmap.cc

}  // namespace brazier::http
