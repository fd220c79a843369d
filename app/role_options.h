// From the settings of a process to the option structs of its roles: the only translation between the two. Pure
// functions. REQUIRES everywhere: config has passed config::ValidateConfig.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/config/config.h"
#include "common/pipeline/ingest_endpoint.h"
#include "common/pipeline/query_backend_endpoint.h"
#include "common/rpc/client_options.h"
#include "common/rpc/query_handler.h"
#include "common/rpc/thrift_server.h"
#include "server/distributor/distributor_options.h"
#include "server/http/http_server.h"
#include "server/http/querier_routes.h"
#include "server/http/write_routes.h"
#include "server/metastore/metastore_role.h"
#include "server/query_frontend/query_frontend_options.h"
#include "worker/compaction/compaction_worker.h"
#include "worker/query_backend/query_backend_options.h"
#include "worker/segment_writer/segment_writer_options.h"

namespace brazier::app {

distributor::DistributorOptions DistributorOptionsOf(const config::Config& config);
segment_writer::SegmentWriterOptions SegmentWriterOptionsOf(const config::Config& config);
query_frontend::QueryFrontendOptions QueryFrontendOptionsOf(const config::Config& config);
query_backend::QueryBackendOptions QueryBackendOptionsOf(const config::Config& config);
// Only where compaction.concurrency is not 0.
compaction::CompactionWorker::Options CompactionWorkerOptionsOf(const config::Config& config, const std::string& member_id);
metastore::CompactionPolicy CompactionPolicyOf(const config::Config& config);
// Without overrides.
metastore::LifecycleOptions LifecycleOptionsOf(const config::Config& config);
http::HttpServerOptions HttpServerOptionsOf(const config::Config& config);
http::WriteOptions WriteOptionsOf(const config::Config& config);
http::ReadOptions ReadOptionsOf(const config::Config& config);
rpc::QueryHandlerOptions QueryHandlerOptionsOf(const config::Config& config);
rpc::ThriftServer::Options ThriftOptionsOf(const config::Config& config);
rpc::ClientOptions MetastoreClientOptionsOf(const config::Config& config);

pipeline::IngestEndpoint::Options IngestEndpointOptionsOf(const config::Config& config);
// Of a group of one; wiring adds the way to other members.
metastore::MetastoreOptions MetastoreOptionsOf(const config::Config& config);
// Of a process that is a member itself.
rpc::ClientOptions OwnMetastoreClientOptionsOf(const config::Config& config);
// Where others reach this process's Thrift services.
std::string RpcAddressOf(const config::Config& config);

// What a query-backend executes for other processes.
pipeline::QueryBackendEndpoint::Options QueryEndpointOptionsOf(const config::Config& config);
// <data-dir>/objects unless object-store.path says otherwise.
std::string ObjectsFolder(const config::Config& config);
std::string MetastoreFolder(const config::Config& config);

}  // namespace brazier::app
