// QueryClient: contract::QueryFrontend of another process, over Thrift. For tools and tests.
// Results travel complete (AnswerEncoding MSGPACK), so that the caller renders them as the server would.
// Calls block until the answer or the deadline. Thread-safe.
#pragma once

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/query_frontend.h"
#include "common/observe/metrics.h"
#include "common/rpc/client_options.h"

namespace brazier::rpc {

class QueryClient final : public contract::QueryFrontend {
 public:
  // The references outlive the client.
  QueryClient(ClientOptions options, const Clock& clock, Random& random, MetricsRegistry& metrics);
  ~QueryClient() override;

  Result<contract::QueryResponse> Query(const contract::RequestContext& context,
                                        const contract::QueryRequest& request) override;
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext& context,
                                               const std::string& tenant) override;
  // Asks the peer; blocks for ClientOptions::default_timeout_ms at most.
  Status Ready() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace brazier::rpc
