#include "app/doors.h"

#include <thread>

#include "app/role_options.h"
#include "app/ui_files.h"
#include "app/version.h"
#include "common/rpc/admin_handler.h"
#include "common/rpc/metastore_handler.h"
#include "common/rpc/push_handler.h"
#include "common/rpc/query_handler.h"
#include "server/http/ops_routes.h"
#include "server/http/querier_routes.h"
#include "server/http/ui_routes.h"
#include "server/http/write_routes.h"

namespace brazier::app {
namespace {

Status NameSetting(const Status& status, std::string_view key) {
  if (status.code() != Code::kUnavailable) return status;  // OK, or not about the address
  return Status(status.code(), status.message() + "; choose another address with " +
                                   std::string(key));
}

}  // namespace

Result<std::unique_ptr<Doors>> Doors::Open(const config::Config& config,
                                           const std::string& member_id, Served served,
                                           const Readiness& readiness, pipeline::Loop& loop,
                                           const Clock& clock, Random& random,
                                           MetricsRegistry& metrics) {
  std::unique_ptr<Doors> doors(new Doors());
  if (!config.thrift.listen.empty()) {
    RETURN_IF_ERROR(NameSetting(
        doors->OpenThrift(config, member_id, served, readiness, clock, random, metrics),
        "thrift.listen"));
  }
  RETURN_IF_ERROR(NameSetting(doors->OpenZeromq(config, served, loop, metrics),
                              "zeromq.listen or zeromq.pull-listen"));
  // Last: whoever sees /ready answer may use every other door.
  if (!config.http.listen.empty()) {
    RETURN_IF_ERROR(doors->OpenHttp(config, served, readiness, clock, random, metrics));
  }
  return doors;
}

Status Doors::OpenHttp(const config::Config& config, Served served, const Readiness& readiness,
                       const Clock& clock, Random& random, MetricsRegistry& metrics) {
  http::AddOpsRoutes({.ready = [&readiness] { return readiness.Check(); },
                      .metrics = [&metrics] { return metrics.Render(); },
                      .version = kVersion,
                      .multitenancy = config.multitenancy},
                     &router_);
  if (served.distributor != nullptr) {
    const http::WriteOptions options = WriteOptionsOf(config);
    http::AddPushRoutes(options, *served.distributor, &router_);
    http::AddIngestRoutes(options, *served.distributor, clock, &router_);
  }
  if (served.query_frontend != nullptr) {
    http::AddQuerierRoutes(ReadOptionsOf(config), *served.query_frontend, clock, &router_);
    http::StaticAssets files = EmbeddedUiFiles();
    if (!config.ui_dir.empty()) {
      ASSIGN_OR_RETURN(files, UiFilesOf(config.ui_dir));
    }
    http::AddUiRoutes(std::move(files), &router_);
  }
  http_ = std::make_unique<http::HttpServer>(HttpServerOptionsOf(config), router_, metrics, clock,
                                             random);
  return NameSetting(http_->Start(), "http.listen");
}

Status Doors::OpenThrift(const config::Config& config, const std::string& member_id, Served served,
                         const Readiness& readiness, const Clock& clock, Random& random,
                         MetricsRegistry& metrics) {
  std::vector<std::shared_ptr<rpc::ThriftService>> services;
  services.push_back(rpc::MakeAdminService(
      {.version = kVersion,
       .member_id = member_id,
       .roles = readiness.checks(),
       .metastore_group = served.metastore_group,
       .lifecycle = served.lifecycle},
      clock, random, metrics));
  if (served.distributor != nullptr) {
    services.push_back(rpc::MakePushService({.multitenancy = config.multitenancy},
                                            *served.distributor, clock, random, metrics));
  }
  if (served.query_frontend != nullptr) {
    services.push_back(rpc::MakeQueryService(QueryHandlerOptionsOf(config), *served.query_frontend,
                                             clock, random, metrics));
  }
  if (served.metastore != nullptr) {
    services.push_back(rpc::MakeMetastoreService(*served.metastore, clock, random, metrics));
  }
  thrift_ = std::make_unique<rpc::ThriftServer>(ThriftOptionsOf(config), std::move(services), clock,
                                                metrics);
  return thrift_->Start();
}

Status Doors::OpenZeromq(const config::Config& config, Served served, pipeline::Loop& loop,
                         MetricsRegistry& metrics) {
  const pipeline::IngestEndpoint::Options options = IngestEndpointOptionsOf(config);
  if (served.distributor == nullptr) return Status::Ok();
  if (options.address.empty() && options.pull_address.empty()) return Status::Ok();
  auto endpoint =
      std::make_unique<pipeline::IngestEndpoint>(loop, options, *served.distributor, metrics);
  RETURN_IF_ERROR(endpoint->Start());
  zeromq_ = std::move(endpoint);
  return Status::Ok();
}

Doors::~Doors() { Close(std::chrono::milliseconds(0)); }

void Doors::Close(std::chrono::milliseconds drain) {
  // Together: each stops taking requests at once, and none waits for another's.
  std::jthread thrift([this] {
    if (thrift_) thrift_->Stop();
  });
  std::jthread zeromq([this, drain] {
    if (zeromq_) zeromq_->Stop(drain.count());
  });
  if (http_) http_->Stop(drain);
}

uint16_t Doors::http_port() const { return http_ ? http_->bound_port() : 0; }
uint16_t Doors::thrift_port() const { return thrift_ ? thrift_->port() : 0; }

}  // namespace brazier::app
