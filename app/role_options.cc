#include "app/role_options.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/config/address.h"

namespace brazier::app {
namespace {

size_t Size(int64_t value) { return static_cast<size_t>(std::max<int64_t>(0, value)); }

std::chrono::milliseconds Milliseconds(int64_t ns) {
  return std::chrono::milliseconds(std::max<int64_t>(1, ns / kNsPerMs));
}

config::HostPort Address(const std::string& text) {
  const auto address = config::ParseHostPort(text);
  CHECK(address.has_value());  // the settings table has let it pass
  return *address;
}

std::string BindHost(const config::HostPort& address) {
  return address.host.empty() ? "0.0.0.0" : address.host;
}

// The distributor has no "none": a century is one, and still adds to any time without overflow.
int64_t AgeLimit(int64_t ns) {
  constexpr int64_t kCenturyNs = int64_t{100} * 365 * 24 * 3600 * kNsPerSecond;
  return ns == 0 ? kCenturyNs : ns;
}

// More than the backends have threads for: they are kept busy while answers are merged. What is beyond waits where tenants take
// turns.
size_t QueryConcurrency(const config::Config& config) {
  if (config.query.concurrency > 0) return Size(config.query.concurrency);
  return std::max<size_t>(16, size_t{8} * std::thread::hardware_concurrency());
}

codec::IngestLimits IngestLimitsOf(const config::LimitsConfig& limits) {
  codec::IngestLimits out;
  out.profile_bytes_max = Size(limits.max_profile_bytes);
  out.profile.samples_max = Size(limits.max_samples);
  out.profile.sample_labels_max = Size(limits.max_sample_labels);
  out.profile.stack_depth_max = Size(limits.max_stack_depth);
  out.profile.symbol_value_bytes_max = Size(limits.max_symbol_length);
  return out;
}

}  // namespace

distributor::DistributorOptions DistributorOptionsOf(const config::Config& config) {
  const config::LimitsConfig& limits = config.limits;
  distributor::DistributorOptions out;
  out.limits.ingest = IngestLimitsOf(limits);
  out.limits.label_names_max = Size(limits.max_label_names);
  out.limits.label_name_bytes_max = Size(limits.max_label_name_length);
  out.limits.label_value_bytes_max = Size(limits.max_label_value_length);
  out.limits.reject_older_than_ns = AgeLimit(limits.reject_older_than_ns);
  out.limits.reject_newer_than_ns = AgeLimit(limits.reject_newer_than_ns);
  out.limits.rate_bytes_per_second = static_cast<double>(limits.rate_bytes_per_second);
  out.limits.burst_bytes = static_cast<double>(limits.burst_bytes);
  out.limits.unlimited = limits.unlimited;
  out.dedup_without_id = config.dedup.without_id;
  return out;
}

segment_writer::SegmentWriterOptions SegmentWriterOptionsOf(const config::Config& config) {
  segment_writer::SegmentWriterOptions out;
  out.linger_ns = config.segment.linger_ns;
  out.segment_bytes_max = Size(config.segment.bytes_max);
  out.buffer_bytes_max = Size(config.segment.buffer_bytes_max);
  return out;
}

query_frontend::QueryFrontendOptions QueryFrontendOptionsOf(const config::Config& config) {
  query_frontend::QueryFrontendOptions out;
  out.query_length_max_ns = config.limits.max_query_length_ns;
  out.query_lookback_ns = config.limits.max_query_lookback_ns;
  out.query_bytes_max = Size(config.limits.max_query_bytes);
  out.tenant_concurrency = Size(config.limits.max_query_concurrency);
  out.tenant_weight = static_cast<uint32_t>(config.limits.query_weight);
  out.concurrency = QueryConcurrency(config);
  out.queue_max = Size(config.query.queue_max);
  out.slow_query_ns = config.query.slow_log_ns;
  out.read_node_bytes_min = Size(config.query.split_bytes);
  return out;
}

query_backend::QueryBackendOptions QueryBackendOptionsOf(const config::Config& config) {
  query_backend::QueryBackendOptions out;
  out.threads = static_cast<int>(config.query.threads);
  out.memory_bytes_max = Size(config.query.memory_bytes_max);
  out.memory_bytes_max_of_all = Size(config.query.backend_memory_bytes_max);
  out.cache_bytes_max = Size(config.query.cache_bytes_max);
  out.fan_out.hedges_percent_max = static_cast<int>(config.query.hedge_percent);
  return out;
}

compaction::CompactionWorker::Options CompactionWorkerOptionsOf(const config::Config& config, const std::string& member_id) {
  compaction::CompactionWorker::Options out;
  out.name = member_id;
  out.concurrency = Size(config.compaction.concurrency);
  return out;
}

metastore::CompactionPolicy CompactionPolicyOf(const config::Config& config) {
  metastore::CompactionPolicy out;
  out.levels[0].age_ns = config.compaction.level0_delay_ns;
  out.block_bytes_max = Size(config.compaction.block_bytes_max);
  out.memory_bytes_max = Size(config.compaction.memory_bytes_max);
  return out;
}

metastore::LifecycleOptions LifecycleOptionsOf(const config::Config& config) {
  metastore::LifecycleOptions out;
  out.retention.policy.age_ns = config.retention.age_ns;
  out.retention.policy.bytes_max = Size(config.retention.bytes_max);
  out.retention.total_bytes_max = Size(config.retention.total_bytes_max);
  out.retention.free_bytes_min = Size(config.retention.free_disk_bytes_min);
  out.retention.interval_ns = config.retention.interval_ns;
  out.janitor.delete_delay_ns = config.compaction.delete_delay_ns;
  out.janitor.objects_per_second = Size(config.compaction.delete_objects_per_second);
  out.janitor.free_bytes_min = Size(config.retention.free_disk_bytes_min);
  out.scrub.interval_ns = config.scrub.interval_ns;
  out.scrub.bytes_per_second = Size(config.scrub.bytes_per_second);
  out.scrub.orphan_age_ns = config.scrub.orphan_age_ns;
  const std::string folder = ObjectsFolder(config);
  out.free_bytes = [folder]() -> Result<uint64_t> {
    struct statvfs disk {};
    if (statvfs(folder.c_str(), &disk) != 0) return Unavailable("free space of " + folder + ": " + std::strerror(errno));
    return uint64_t{disk.f_bavail} * disk.f_frsize;
  };
  return out;
}

http::HttpServerOptions HttpServerOptionsOf(const config::Config& config) {
  const config::HostPort address = Address(config.http.listen);
  http::HttpServerOptions out;
  out.address = BindHost(address);
  out.port = address.port;
  out.io_threads = Size(config.http.threads);
  // Each query that waits for its turn has a thread: with fewer, queries would wait for one in the order in which they came.
  out.worker_threads = QueryConcurrency(config) + Size(config.query.queue_max);
  out.connections_max = Size(config.http.connections_max);
  out.inflight_body_bytes_max = Size(config.http.inflight_bytes_max);
  return out;
}

http::WriteOptions WriteOptionsOf(const config::Config& config) {
  http::WriteOptions out;
  out.multitenancy = config.multitenancy;
  out.body_bytes_max = Size(config.http.body_bytes_max);
  return out;
}

http::ReadOptions ReadOptionsOf(const config::Config& config) {
  http::ReadOptions out;
  out.multitenancy = config.multitenancy;
  out.timeout = Milliseconds(config.query.timeout_ns);
  return out;
}

rpc::QueryHandlerOptions QueryHandlerOptionsOf(const config::Config& config) {
  rpc::QueryHandlerOptions out;
  out.multitenancy = config.multitenancy;
  out.timeout_ms = config.query.timeout_ns / kNsPerMs;
  return out;
}

rpc::ThriftServer::Options ThriftOptionsOf(const config::Config& config) {
  const config::HostPort address = Address(config.thrift.listen);
  rpc::ThriftServer::Options out;
  out.host = BindHost(address);
  out.port = address.port;
  out.connections_max = config.thrift.connections_max;
  return out;
}

rpc::ClientOptions MetastoreClientOptionsOf(const config::Config& config) {
  return rpc::MetastoreClientOptions(config.metastore.address);
}

rpc::ClientOptions OwnMetastoreClientOptionsOf(const config::Config& config) {
  std::vector<std::string> addresses = {RpcAddressOf(config)};
  for (const std::string& member : config.metastore.members) {
    if (member != addresses.front()) addresses.push_back(member);
  }
  return rpc::MetastoreClientOptions(std::move(addresses));
}

pipeline::IngestEndpoint::Options IngestEndpointOptionsOf(const config::Config& config) {
  pipeline::IngestEndpoint::Options out;
  out.address = config.zeromq.listen;
  out.pull_address = config.zeromq.pull_listen;
  out.multitenancy = config.multitenancy;
  return out;
}

metastore::MetastoreOptions MetastoreOptionsOf(const config::Config& config) {
  return {.folder = MetastoreFolder(config),
          .dedup_window_ns = config.dedup.window_ns,
          .dedup_bytes_max = Size(config.dedup.bytes_max),
          .snapshots = {.interval_ns = config.metastore.snapshot_interval_ns,
                        .kept = Size(config.metastore.snapshots_kept)},
          .compaction = CompactionPolicyOf(config)};
}

pipeline::QueryBackendEndpoint::Options QueryEndpointOptionsOf(const config::Config& config) {
  pipeline::QueryBackendEndpoint::Options out;
  out.threads = config.query.threads > 0 ? Size(config.query.threads)
                                         : std::max<size_t>(2, std::thread::hardware_concurrency());
  out.work_bytes_max = Size(config.query.work_bytes_max);
  return out;
}

std::string ObjectsFolder(const config::Config& config) {
  return config.object_store_path.empty() ? config.data_dir + "/objects" : config.object_store_path;
}

std::string RpcAddressOf(const config::Config& config) {
  return config.thrift.advertise.empty() ? config.thrift.listen : config.thrift.advertise;
}

std::string MetastoreFolder(const config::Config& config) { return config.data_dir + "/metastore"; }

}  // namespace brazier::app
