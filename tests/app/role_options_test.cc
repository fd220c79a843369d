#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "app/role_options.h"
#include "common/base/clock.h"
#include "common/config/load.h"

namespace brazier::app {
namespace {

config::Config Load(const std::vector<std::string>& flags) {
  const auto command_line = config::ParseCommandLine(flags);
  EXPECT_TRUE(command_line.ok()) << command_line.status().ToString();
  const auto loaded = config::LoadConfig(
      *command_line, {}, [](const std::string&) -> Result<std::string> { return NotFound(""); });
  EXPECT_TRUE(loaded.ok()) << loaded.status().ToString();
  return loaded->config;
}

TEST(RoleOptions, LimitsReachTheDistributor) {
  const auto options = DistributorOptionsOf(
      Load({"--limits.max-samples=7", "--limits.max-sample-labels=8", "--limits.max-stack-depth=9",
            "--limits.max-symbol-length=10", "--limits.max-profile-bytes=1MiB",
            "--limits.max-label-names=11", "--limits.max-label-name-length=12",
            "--limits.max-label-value-length=13", "--limits.rate-bytes-per-second=14",
            "--limits.burst-bytes=2MiB", "--limits.reject-older-than=15s",
            "--limits.reject-newer-than=16s", "--limits.unlimited", "--no-dedup.without-id"}));
  EXPECT_EQ(options.limits.ingest.profile.samples_max, 7u);
  EXPECT_EQ(options.limits.ingest.profile.sample_labels_max, 8u);
  EXPECT_EQ(options.limits.ingest.profile.stack_depth_max, 9u);
  EXPECT_EQ(options.limits.ingest.profile.symbol_value_bytes_max, 10u);
  EXPECT_EQ(options.limits.ingest.profile_bytes_max, 1u << 20);
  EXPECT_EQ(options.limits.label_names_max, 11u);
  EXPECT_EQ(options.limits.label_name_bytes_max, 12u);
  EXPECT_EQ(options.limits.label_value_bytes_max, 13u);
  EXPECT_EQ(options.limits.rate_bytes_per_second, 14);
  EXPECT_EQ(options.limits.burst_bytes, 2 << 20);
  EXPECT_EQ(options.limits.reject_older_than_ns, 15 * kNsPerSecond);
  EXPECT_EQ(options.limits.reject_newer_than_ns, 16 * kNsPerSecond);
  EXPECT_TRUE(options.limits.unlimited);
  EXPECT_FALSE(options.dedup_without_id);
}

TEST(RoleOptions, ZeroAgeLimitsAdmitEveryTime) {
  const auto limits =
      DistributorOptionsOf(Load({"--limits.reject-older-than=0", "--limits.reject-newer-than=0"}))
          .limits;
  const int64_t now_ns = 1'700'000'000 * kNsPerSecond;
  EXPECT_LT(now_ns - limits.reject_older_than_ns, 0);       // before 1970
  EXPECT_GT(now_ns + limits.reject_newer_than_ns, 0);       // no overflow
  EXPECT_GT(now_ns + limits.reject_newer_than_ns, 2 * now_ns);
}

TEST(RoleOptions, AddressesAreSplit) {
  const auto http = HttpServerOptionsOf(Load({"--http.listen=[::1]:7", "--http.threads=3",
                                              "--http.connections-max=9"}));
  EXPECT_EQ(http.address, "::1");
  EXPECT_EQ(http.port, 7);
  EXPECT_EQ(http.io_threads, 3u);
  EXPECT_EQ(http.connections_max, 9u);
  const auto thrift = ThriftOptionsOf(Load({"--thrift.listen=:8"}));
  EXPECT_EQ(thrift.host, "0.0.0.0");
  EXPECT_EQ(thrift.port, 8);
  EXPECT_EQ(MetastoreClientOptionsOf(Load({"--metastore.address=meta:9"})).addresses,
            std::vector<std::string>{"meta:9"});
}

TEST(RoleOptions, CompactionReachesSchedulerAndWorker) {
  const auto config = Load({"--compaction.level0-delay=7s", "--compaction.block-bytes-max=32MiB", "--compaction.memory-bytes-max=512MiB",
                            "--compaction.concurrency=3"});
  const auto policy = CompactionPolicyOf(config);
  EXPECT_EQ(policy.levels[0].age_ns, 7 * kNsPerSecond);
  EXPECT_EQ(policy.levels[1].age_ns, 60 * kNsPerSecond);
  EXPECT_EQ(policy.block_bytes_max, 32u << 20);
  EXPECT_EQ(policy.memory_bytes_max, 512u << 20);
  EXPECT_EQ(MetastoreOptionsOf(config).compaction.block_bytes_max, 32u << 20);
  const auto worker = CompactionWorkerOptionsOf(config, "host-1");
  EXPECT_EQ(worker.name, "host-1");
  EXPECT_EQ(worker.concurrency, 3u);
}

TEST(RoleOptions, Lifecycle) {
  const auto options = LifecycleOptionsOf(
      Load({"--retention.age=2h", "--retention.bytes-max=3MiB", "--retention.total-bytes-max=4MiB",
            "--retention.free-disk-bytes-min=5MiB", "--retention.interval=6s", "--compaction.delete-delay=7s",
            "--compaction.delete-objects-per-second=8", "--scrub.interval=9h", "--scrub.bytes-per-second=10MiB",
            "--scrub.orphan-age=11m", "--object-store.path=" + ::testing::TempDir()}));
  EXPECT_EQ(options.retention.policy.age_ns, 7200 * kNsPerSecond);
  EXPECT_EQ(options.retention.policy.bytes_max, 3u << 20);
  EXPECT_EQ(options.retention.total_bytes_max, 4u << 20);
  EXPECT_EQ(options.retention.free_bytes_min, 5u << 20);
  EXPECT_EQ(options.retention.interval_ns, 6 * kNsPerSecond);
  EXPECT_EQ(options.janitor.delete_delay_ns, 7 * kNsPerSecond);
  EXPECT_EQ(options.janitor.objects_per_second, 8u);
  EXPECT_EQ(options.janitor.free_bytes_min, 5u << 20);
  EXPECT_EQ(options.scrub.interval_ns, 9 * 3600 * kNsPerSecond);
  EXPECT_EQ(options.scrub.bytes_per_second, 10u << 20);
  EXPECT_EQ(options.scrub.orphan_age_ns, 11 * 60 * kNsPerSecond);
  EXPECT_EQ(options.overrides, nullptr);
  const auto free = options.free_bytes();
  ASSERT_TRUE(free.ok()) << free.status().ToString();
  EXPECT_GT(*free, 0u);
  EXPECT_FALSE(LifecycleOptionsOf(Load({"--object-store.path=/does/not/exist"})).free_bytes().ok());
}

TEST(RoleOptions, QueryLimitsReachTheFrontendAndTheDoor) {
  const auto config = Load({"--limits.max-query-bytes=3MiB", "--limits.max-query-concurrency=4", "--limits.query-weight=5",
                            "--query.concurrency=6", "--query.queue-max=7"});
  const auto options = QueryFrontendOptionsOf(config);
  EXPECT_EQ(options.query_bytes_max, 3u << 20);
  EXPECT_EQ(options.tenant_concurrency, 4u);
  EXPECT_EQ(options.tenant_weight, 5u);
  EXPECT_EQ(options.concurrency, 6u);
  EXPECT_EQ(options.queue_max, 7u);
  EXPECT_EQ(HttpServerOptionsOf(config).worker_threads, 13u) << "one for each query that runs or waits";
  const auto defaults = QueryFrontendOptionsOf(Load({}));
  EXPECT_EQ(defaults.query_bytes_max, 0u);
  EXPECT_EQ(defaults.tenant_concurrency, 16u);
  EXPECT_EQ(defaults.tenant_weight, 1u);
  EXPECT_EQ(defaults.concurrency, std::max<size_t>(16, 8 * std::thread::hardware_concurrency()));
  EXPECT_EQ(defaults.queue_max, 1'000u);
}

TEST(RoleOptions, TheRest) {
  const config::Config config =
      Load({"--segment.linger=1ms", "--segment.bytes-max=1MiB", "--segment.buffer-bytes-max=2MiB",
            "--query.threads=5", "--query.memory-bytes-max=32MiB", "--query.timeout=7s",
            "--query.cache-bytes-max=3MiB",
            "--limits.max-query-length=1h", "--limits.max-query-lookback=0", "--multitenancy",
            "--http.body-bytes-max=3MiB", "--data-dir=d", "--dedup.window=9s",
            "--query.work-bytes-max=7MiB", "--query.hedge-percent=9", "--query.split-bytes=4KiB", "--dedup.bytes-max=5MiB", "--zeromq.listen=", "--zeromq.pull-listen=ipc://p"});
  EXPECT_EQ(MetastoreOptionsOf(config).folder, "d/metastore");
  EXPECT_EQ(MetastoreOptionsOf(config).dedup_window_ns, 9 * kNsPerSecond);
  EXPECT_EQ(MetastoreOptionsOf(config).dedup_bytes_max, 5u << 20);
  EXPECT_EQ(IngestEndpointOptionsOf(config).address, "");
  EXPECT_EQ(IngestEndpointOptionsOf(config).pull_address, "ipc://p");
  EXPECT_TRUE(IngestEndpointOptionsOf(config).multitenancy);
  EXPECT_EQ(SegmentWriterOptionsOf(config).linger_ns, 1'000'000);
  EXPECT_EQ(SegmentWriterOptionsOf(config).segment_bytes_max, 1u << 20);
  EXPECT_EQ(SegmentWriterOptionsOf(config).buffer_bytes_max, 2u << 20);
  EXPECT_EQ(QueryBackendOptionsOf(config).threads, 5);
  EXPECT_EQ(QueryBackendOptionsOf(config).memory_bytes_max, 32u << 20);
  EXPECT_EQ(QueryBackendOptionsOf(config).cache_bytes_max, 3u << 20);
  EXPECT_EQ(QueryEndpointOptionsOf(config).threads, 5u);
  EXPECT_EQ(QueryEndpointOptionsOf(config).work_bytes_max, 7u << 20);
  EXPECT_EQ(QueryBackendOptionsOf(config).fan_out.hedges_percent_max, 9);
  EXPECT_EQ(QueryFrontendOptionsOf(config).read_node_bytes_min, 4096u);
  EXPECT_EQ(QueryFrontendOptionsOf(config).query_length_max_ns, 3600 * kNsPerSecond);
  EXPECT_EQ(QueryFrontendOptionsOf(config).query_lookback_ns, 0);
  EXPECT_TRUE(WriteOptionsOf(config).multitenancy);
  EXPECT_EQ(WriteOptionsOf(config).body_bytes_max, 3u << 20);
  EXPECT_TRUE(ReadOptionsOf(config).multitenancy);
  EXPECT_EQ(ReadOptionsOf(config).timeout, std::chrono::seconds(7));
  EXPECT_EQ(QueryHandlerOptionsOf(config).timeout_ms, 7000);
  EXPECT_TRUE(QueryHandlerOptionsOf(config).multitenancy);
  EXPECT_EQ(ObjectsFolder(config), "d/objects");
  EXPECT_EQ(MetastoreFolder(config), "d/metastore");
  EXPECT_EQ(ObjectsFolder(Load({"--object-store.path=o"})), "o");
}

}  // namespace
}  // namespace brazier::app
