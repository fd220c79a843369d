// The doors of a process: HTTP, Thrift and, for profile shippers, ZeroMQ, open for the roles that it plays. They are opened last and closed first.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "app/readiness.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "common/config/config.h"
#include "common/contract/distributor.h"
#include "common/contract/lifecycle.h"
#include "common/contract/metastore.h"
#include "common/contract/metastore_group.h"
#include "common/contract/query_frontend.h"
#include "common/observe/metrics.h"
#include "common/pipeline/ingest_endpoint.h"
#include "common/pipeline/loop.h"
#include "common/rpc/thrift_server.h"
#include "server/http/http_server.h"
#include "server/http/router.h"

namespace brazier::app {

// What lies behind the doors; null: not played here, and its routes and services are not there. Borrowed; outlives them.
struct Served {
  contract::Distributor* distributor = nullptr;
  contract::QueryFrontend* query_frontend = nullptr;
  contract::Metastore* metastore = nullptr;             // only when this process is the metastore
  contract::MetastoreGroup* metastore_group = nullptr;  // likewise; null: calls about the group are refused
  contract::Lifecycle* lifecycle = nullptr;             // likewise
};

// Open and Close from one thread.
class Doors {
 public:
  // Binds every address that is not empty. Errors name the setting to change. The references outlive the doors.
  static Result<std::unique_ptr<Doors>> Open(const config::Config& config,
                                             const std::string& member_id, Served served,
                                             const Readiness& readiness, pipeline::Loop& loop,
                                             const Clock& clock, Random& random,
                                             MetricsRegistry& metrics);
  ~Doors();
  // Takes nothing new, lets what came in be answered: HTTP and ZeroMQ for at most `drain`, Thrift until the calls'
  // deadlines. Idempotent.
  void Close(std::chrono::milliseconds drain);

  uint16_t http_port() const;    // 0: off
  uint16_t thrift_port() const;  // 0: off

 private:
  Doors() = default;
  Status OpenHttp(const config::Config& config, Served served, const Readiness& readiness,
                  const Clock& clock, Random& random, MetricsRegistry& metrics);
  Status OpenThrift(const config::Config& config, const std::string& member_id, Served served,
                    const Readiness& readiness, const Clock& clock, Random& random,
                    MetricsRegistry& metrics);
  Status OpenZeromq(const config::Config& config, Served served, pipeline::Loop& loop,
                    MetricsRegistry& metrics);

  http::Router router_;
  std::unique_ptr<http::HttpServer> http_;
  std::unique_ptr<rpc::ThriftServer> thrift_;
  std::unique_ptr<pipeline::IngestEndpoint> zeromq_;
};

}  // namespace brazier::app
