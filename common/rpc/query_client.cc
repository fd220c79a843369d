#include "common/rpc/query_client.h"

#include <utility>

#include "common/codec/query_msgpack.h"
#include "common/rpc/convert_metastore.h"
#include "common/rpc/convert_query.h"
#include "common/rpc/thrift_channel.h"
#include "idl/QueryService.h"

namespace brazier::rpc {

class QueryClient::Impl {
 public:
  Impl(ClientOptions options, const Clock& clock, Random& random, MetricsRegistry& metrics)
      : channel(std::move(options), "QueryService", clock, random, metrics) {}
  ThriftChannel channel;
};

QueryClient::QueryClient(ClientOptions options, const Clock& clock, Random& random,
                         MetricsRegistry& metrics)
    : impl_(std::make_unique<Impl>(std::move(options), clock, random, metrics)) {}
QueryClient::~QueryClient() = default;

Result<contract::QueryResponse> QueryClient::Query(const contract::RequestContext& context,
                                                   const contract::QueryRequest& request) {
  idl::QueryRequest wire = QueryToWire(request);
  wire.encoding = idl::AnswerEncoding::MSGPACK;
  const std::string tenant = wire.header.tenant;
  idl::QueryResponse response;
  RETURN_IF_ERROR(impl_->channel.Call(
      context, "query", [&](const Protocol& protocol, const idl::RequestHeader& header) {
        response = {};  // of an attempt before
        wire.header = header;
        wire.header.tenant = tenant;
        idl::QueryServiceClient(protocol).query(response, wire);
      }));
  if (!response.__isset.encoded_result) {
    return Status(Code::kUnimplemented, "the peer does not send encoded results");
  }
  Result<QueryResult> result = codec::DecodeQueryResult(AsBytes(response.encoded_result));
  if (!result.ok()) return Internal("answer of query: " + result.status().message());
  return contract::QueryResponse{.reports = std::move(result->reports),
                                 .stats = std::move(result->stats),
                                 .explanation = std::move(response.explanation)};
}

Result<contract::TenantStats> QueryClient::GetTenantStats(const contract::RequestContext& context,
                                                          const std::string& tenant) {
  idl::TenantStats stats;
  RETURN_IF_ERROR(impl_->channel.Call(
      context, "tenantStats", [&](const Protocol& protocol, idl::RequestHeader header) {
        header.tenant = tenant;
        idl::QueryServiceClient(protocol).tenantStats(stats, header);
      }));
  return StatsFromWire(stats);
}

Status QueryClient::Ready() {
  return impl_->channel.Call(impl_->channel.DefaultContext(), "ready",
                             [](const Protocol& protocol, const idl::RequestHeader& header) {
                               idl::QueryServiceClient(protocol).ready(header);
                             });
}

}  // namespace brazier::rpc
