#include "common/rpc/query_handler.h"

#include <utility>

#include "common/rpc/convert_metastore.h"
#include "common/rpc/convert_query.h"
#include "common/rpc/service_calls.h"
#include "common/rpc/tenant_header.h"
#include "common/rpc/thrift_service.h"
#include "idl/QueryService.h"

namespace brazier::rpc {

namespace {

class QueryHandler final : public idl::QueryServiceIf {
 public:
  QueryHandler(const QueryHandlerOptions& options, contract::QueryFrontend& frontend,
               const Clock& clock, Random& random, MetricsRegistry& metrics)
      : options_(options),
        frontend_(frontend),
        calls_("query", {.default_ms = options.timeout_ms, .max_ms = options.timeout_ms}, clock,
               random, metrics) {}

  void query(idl::QueryResponse& response, const idl::QueryRequest& request) override {
    calls_.Run("query", request.header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(std::vector<std::string> tenants,
                       ReadTenants(options_.multitenancy, request.header.tenant));
      ASSIGN_OR_RETURN(const contract::QueryRequest query,
                       QueryFromWire(request, std::move(tenants)));
      ASSIGN_OR_RETURN(const contract::QueryResponse result, frontend_.Query(context, query));
      ASSIGN_OR_RETURN(response, AnswerToWire(request, result, options_.answer_bytes_max));
      return Status::Ok();
    });
  }

  void tenantStats(idl::TenantStats& stats, const idl::RequestHeader& header) override {
    calls_.Run("tenantStats", header, [&](const contract::RequestContext& context) -> Status {
      ASSIGN_OR_RETURN(const std::string tenant, WriteTenant(options_.multitenancy, header.tenant));
      ASSIGN_OR_RETURN(const contract::TenantStats result,
                       frontend_.GetTenantStats(context, tenant));
      stats = StatsToWire(result);
      return Status::Ok();
    });
  }

  void ready(const idl::RequestHeader& header) override {
    calls_.Run("ready", header, [&](const auto&) { return frontend_.Ready(); });
  }

 private:
  const QueryHandlerOptions options_;
  contract::QueryFrontend& frontend_;
  const ServiceCalls calls_;
};

}  // namespace

std::shared_ptr<ThriftService> MakeQueryService(const QueryHandlerOptions& options,
                                                contract::QueryFrontend& frontend,
                                                const Clock& clock, Random& random,
                                                MetricsRegistry& metrics) {
  auto handler = std::make_shared<QueryHandler>(options, frontend, clock, random, metrics);
  return std::make_shared<ThriftService>(ThriftService{
      "QueryService", std::make_shared<idl::QueryServiceProcessor>(std::move(handler))});
}

}  // namespace brazier::rpc
