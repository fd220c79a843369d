#include "common/config/settings.h"

#include <algorithm>
#include <array>
#include <vector>

#include "common/config/quantity.h"

namespace brazier::config {
namespace {

constexpr int64_t kKiB = 1024;
constexpr int64_t kMiB = 1024 * kKiB;
constexpr int64_t kGiB = 1024 * kMiB;
constexpr int64_t kTiB = 1024 * kGiB;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1000 * kMs;
constexpr int64_t kHour = 3600 * kSecond;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kYear = 365 * kDay;

using enum SettingType;
using enum Stability;

// Field accessors: FIELD(http.listen) is a function from a Config to that field.
#define FIELD(path) [](Config & c) -> FieldRef { return &c.path; }

void AddProcess(std::vector<Setting>& t) {
  constexpr std::string_view group = "process";
  t.push_back({.group = group, .key = "target", .type = kList, .default_text = "all",
               .choices = {"all", "distributor", "segment-writer", "metastore", "query-frontend",
                           "query-backend", "compaction-worker"},
               .meaning = "Roles that this process plays. all: every role in one process, on "
                          "local files.",
               .field = FIELD(target)});
  t.push_back({.group = group, .key = "data-dir", .type = kString, .default_text = "./data",
               .meaning = "Folder of everything this process keeps on local disk.",
               .field = FIELD(data_dir)});
  t.push_back({.group = group, .key = "member.id", .type = kString, .default_text = "",
               .may_be_empty = true, .stability = kAdvanced,
               .meaning = "Name of this process in the cluster: unique, and the same after a "
                          "restart. Empty: made from the host name, the roles and the pipeline "
                          "port.",
               .field = FIELD(member_id)});
  t.push_back({.group = group, .key = "multitenancy", .type = kBool, .default_text = "false",
               .meaning = "Whether requests must name their tenant (X-Scope-OrgID). false: "
                          "everything belongs to the tenant \"anonymous\".",
               .field = FIELD(multitenancy)});
  t.push_back({.group = group, .key = "shutdown.timeout", .type = kDuration,
               .default_text = "30s", .min = 0, .max = kHour,
               .meaning = "Longest time to finish accepted work after SIGTERM or SIGINT.",
               .field = FIELD(shutdown_timeout_ns)});
  t.push_back({.group = group, .key = "log.level", .type = kString, .default_text = "info",
               .choices = {"debug", "info", "warn", "error"},
               .meaning = "Least important log lines that are written to stderr.",
               .field = FIELD(log_level)});
}

void AddDoors(std::vector<Setting>& t) {
  constexpr std::string_view group = "doors";
  t.push_back({.group = group, .key = "http.listen", .type = kHostPort,
               .default_text = "127.0.0.1:4040", .may_be_empty = true,
               .meaning = "Address of the HTTP server: API, web UI, /ready and /metrics. Port 0: "
                          "any free one. Empty: off.",
               .field = FIELD(http.listen)});
  t.push_back({.group = group, .key = "http.threads", .type = kInt, .default_text = "0",
               .unit = "threads", .min = 0, .max = 1024, .stability = kAdvanced,
               .meaning = "Threads that serve HTTP requests. 0: one per core.",
               .field = FIELD(http.threads)});
  t.push_back({.group = group, .key = "http.connections-max", .type = kInt,
               .default_text = "10000", .unit = "connections", .min = 1, .max = 1'000'000,
               .stability = kAdvanced,
               .meaning = "Open HTTP connections; further ones are answered 503 and closed.",
               .field = FIELD(http.connections_max)});
  t.push_back({.group = group, .key = "http.body-bytes-max", .type = kBytes,
               .default_text = "256MiB", .min = kKiB, .max = 4 * kGiB,
               .meaning = "Largest body of one HTTP request; a larger one is answered 413.",
               .field = FIELD(http.body_bytes_max)});
  t.push_back({.group = group, .key = "http.inflight-bytes-max", .type = kBytes,
               .default_text = "512MiB", .min = kMiB, .max = kTiB,
               .meaning = "Bodies of all HTTP requests in work at a time, as sent and decompressed; "
                          "beyond it requests are answered 503. At least twice "
                          "http.body-bytes-max.",
               .field = FIELD(http.inflight_bytes_max)});
  t.push_back({.group = group, .key = "ui.dir", .type = kString, .default_text = "",
               .may_be_empty = true, .stability = kAdvanced,
               .meaning = "Folder with the files of the web UI, read at the start. Empty: those inside "
                          "the program.",
               .field = FIELD(ui_dir)});
  t.push_back({.group = group, .key = "thrift.listen", .type = kHostPort,
               .default_text = "127.0.0.1:4041", .may_be_empty = true,
               .meaning = "Address of the Thrift services: Push, Query, Metastore, Admin. Empty: off.",
               .field = FIELD(thrift.listen)});
  t.push_back({.group = group, .key = "thrift.advertise", .type = kHostPort,
               .default_text = "", .may_be_empty = true, .stability = kAdvanced,
               .meaning = "Address under which others reach thrift.listen. Empty: thrift.listen.",
               .field = FIELD(thrift.advertise)});
  t.push_back({.group = group, .key = "thrift.connections-max", .type = kInt,
               .default_text = "1024", .unit = "connections", .min = 1, .max = 100'000,
               .stability = kAdvanced,
               .meaning = "Open Thrift connections, one thread each; further ones are closed.",
               .field = FIELD(thrift.connections_max)});
  t.push_back({.group = group, .key = "zeromq.listen", .type = kEndpoint,
               .default_text = "tcp://127.0.0.1:4042", .may_be_empty = true,
               .meaning = "Address for profile shippers over ZeroMQ, acknowledged (ROUTER). "
                          "Empty: off.",
               .field = FIELD(zeromq.listen)});
  t.push_back({.group = group, .key = "zeromq.pull-listen", .type = kEndpoint,
               .default_text = "tcp://127.0.0.1:4043", .may_be_empty = true,
               .meaning = "Address for profile shippers that want no answer (PULL). Empty: off.",
               .field = FIELD(zeromq.pull_listen)});
}

void AddCluster(std::vector<Setting>& t) {
  constexpr std::string_view group = "cluster";
  t.push_back({.group = group, .key = "pipeline.listen", .type = kEndpoint,
               .default_text = "tcp://127.0.0.1:4052",
               .meaning = "Where segment-writer and query-backend take work from the other "
                          "processes. Unused by target all.",
               .field = FIELD(pipeline.listen)});
  t.push_back({.group = group, .key = "pipeline.advertise", .type = kEndpoint,
               .default_text = "", .may_be_empty = true,
               .meaning = "Address under which the others reach pipeline.listen. Empty: the one "
                          "that was bound.",
               .field = FIELD(pipeline.advertise)});
  t.push_back({.group = group, .key = "metastore.address", .type = kHostPortList,
               .default_text = "127.0.0.1:4041",
               .meaning = "Thrift addresses of metastore members, one or more, for processes that "
                          "do not play it.",
               .field = FIELD(metastore.address)});
  t.push_back({.group = group, .key = "metastore.members", .type = kHostPortList,
               .default_text = "", .may_be_empty = true,
               .meaning = "Thrift addresses of all members of the metastore's group, this one's "
                          "included and the same on all. New members found a group once all of "
                          "them answer; one whose disk was lost joins again. Empty: wait for "
                          "\"brazierctl metastore found\" or \"add\". Unused by target all.",
               .field = FIELD(metastore.members)});
  t.push_back({.group = group, .key = "metastore.raft-listen", .type = kEndpoint,
               .default_text = "tcp://127.0.0.1:4044",
               .meaning = "Where a metastore member takes messages of its group's others. Unused by "
                          "target all.",
               .field = FIELD(metastore.raft_listen)});
  t.push_back({.group = group, .key = "metastore.raft-advertise", .type = kEndpoint,
               .default_text = "", .may_be_empty = true,
               .meaning = "Address under which the others reach metastore.raft-listen. Empty: the "
                          "one that was bound.",
               .field = FIELD(metastore.raft_advertise)});
  t.push_back({.group = group, .key = "metastore.snapshot-interval", .type = kDuration,
               .default_text = "1h", .min = 0, .max = 365 * kDay,
               .meaning = "How often a copy of the index goes to the object store. 0: never.",
               .field = FIELD(metastore.snapshot_interval_ns)});
  t.push_back({.group = group, .key = "metastore.snapshots-kept", .type = kInt,
               .default_text = "3", .unit = "copies", .min = 1, .max = 1000, .stability = kAdvanced,
               .meaning = "Copies of the index that stay in the object store; older ones are deleted.",
               .field = FIELD(metastore.snapshots_kept)});
  t.push_back({.group = group, .key = "object-store.path", .type = kString, .default_text = "",
               .may_be_empty = true,
               .meaning = "Folder of the objects; all processes of a cluster use the same one. "
                          "Empty: <data-dir>/objects.",
               .field = FIELD(object_store_path)});
}

void AddPushLimits(std::vector<Setting>& t) {
  constexpr std::string_view group = "limits of pushes, per tenant";
  t.push_back({.group = group, .key = "limits.unlimited", .type = kBool,
               .default_text = "false", .stability = kUnsafe,
               .meaning = "Lifts every rate and age limit below, for benchmarks and imports.",
               .field = FIELD(limits.unlimited)});
  t.push_back({.group = group, .key = "limits.rate-bytes-per-second", .type = kBytes,
               .default_text = "4MiB", .min = 1, .max = kTiB,
               .meaning = "Uncompressed bytes of profiles per second.",
               .field = FIELD(limits.rate_bytes_per_second)});
  t.push_back({.group = group, .key = "limits.burst-bytes", .type = kBytes,
               .default_text = "8MiB", .min = 1, .max = kTiB,
               .meaning = "Bytes that may come at once; at least limits.max-profile-bytes.",
               .field = FIELD(limits.burst_bytes)});
  t.push_back({.group = group, .key = "limits.max-profile-bytes", .type = kBytes,
               .default_text = "4MiB", .min = kKiB, .max = kGiB,
               .meaning = "Largest profile, uncompressed.",
               .field = FIELD(limits.max_profile_bytes)});
  t.push_back({.group = group, .key = "limits.max-label-names", .type = kInt,
               .default_text = "30", .unit = "labels", .min = 1, .max = 1000,
               .meaning = "Labels of one series.", .field = FIELD(limits.max_label_names)});
  t.push_back({.group = group, .key = "limits.max-label-name-length", .type = kInt,
               .default_text = "1024", .unit = "bytes", .min = 1, .max = 65535,
               .meaning = "Longest label name.", .field = FIELD(limits.max_label_name_length)});
  t.push_back({.group = group, .key = "limits.max-label-value-length", .type = kInt,
               .default_text = "2048", .unit = "bytes", .min = 1, .max = 65535,
               .meaning = "Longest label value.", .field = FIELD(limits.max_label_value_length)});
  t.push_back({.group = group, .key = "limits.max-samples", .type = kInt,
               .default_text = "16000", .unit = "samples", .min = 1, .max = 10'000'000,
               .meaning = "Samples of one profile.", .field = FIELD(limits.max_samples)});
  t.push_back({.group = group, .key = "limits.max-sample-labels", .type = kInt,
               .default_text = "100", .unit = "labels", .min = 0, .max = 10'000,
               .meaning = "Labels of one sample.", .field = FIELD(limits.max_sample_labels)});
  t.push_back({.group = group, .key = "limits.max-stack-depth", .type = kInt,
               .default_text = "1000", .unit = "frames", .min = 1, .max = 65535,
               .meaning = "Frames of one stack trace; the frames nearest to the root go first.",
               .field = FIELD(limits.max_stack_depth)});
  t.push_back({.group = group, .key = "limits.max-symbol-length", .type = kInt,
               .default_text = "65535", .unit = "bytes", .min = 1, .max = 1'000'000,
               .meaning = "Longest function, file or mapping name; longer ones are cut.",
               .field = FIELD(limits.max_symbol_length)});
  t.push_back({.group = group, .key = "limits.reject-older-than", .type = kDuration,
               .default_text = "1h", .min = 0, .max = 10 * kYear,
               .meaning = "Oldest profile that is accepted. 0: any age.",
               .field = FIELD(limits.reject_older_than_ns)});
  t.push_back({.group = group, .key = "limits.reject-newer-than", .type = kDuration,
               .default_text = "10m", .min = 0, .max = 10 * kYear,
               .meaning = "How far in the future a profile may be. 0: any.",
               .field = FIELD(limits.reject_newer_than_ns)});
}

void AddWrite(std::vector<Setting>& t) {
  constexpr std::string_view group = "writing";
  t.push_back({.group = group, .key = "segment.linger", .type = kDuration,
               .default_text = "0", .min = 0, .max = 60 * kSecond,
               .meaning = "How long a segment waits for more profiles before it is sealed. A push "
                          "is answered after it; longer means fewer and smaller objects.",
               .field = FIELD(segment.linger_ns)});
  t.push_back({.group = group, .key = "segment.bytes-max", .type = kBytes,
               .default_text = "16MiB", .min = 64 * kKiB, .max = kGiB, .stability = kAdvanced,
               .meaning = "A segment with this much in it is sealed at once.",
               .field = FIELD(segment.bytes_max)});
  t.push_back({.group = group, .key = "segment.buffer-bytes-max", .type = kBytes,
               .default_text = "128MiB", .min = kMiB, .max = kTiB,
               .meaning = "Profiles of a segment-writer that are not yet durable; beyond it "
                          "pushes are answered 429.",
               .field = FIELD(segment.buffer_bytes_max)});
  t.push_back({.group = group, .key = "dedup.window", .type = kDuration, .default_text = "10m",
               .min = 0, .max = kDay,
               .meaning = "How long the index remembers the identity of a profile, so that a "
                          "retry counts once at once. 0: not at all.",
               .field = FIELD(dedup.window_ns)});
  t.push_back({.group = group, .key = "dedup.bytes-max", .type = kBytes, .default_text = "64MiB",
               .min = kMiB, .max = kGiB, .stability = kAdvanced,
               .meaning = "Memory of those identities, 16 bytes each; the oldest are forgotten.",
               .field = FIELD(dedup.bytes_max)});
  t.push_back({.group = group, .key = "dedup.without-id", .type = kBool, .default_text = "true",
               .stability = kAdvanced,
               .meaning = "Whether profiles without a client's id are identified by what was "
                          "sent. false: each of them counts, retries too.",
               .field = FIELD(dedup.without_id)});
}

void AddQuery(std::vector<Setting>& t) {
  constexpr std::string_view group = "querying";
  t.push_back({.group = group, .key = "query.threads", .type = kInt, .default_text = "0",
               .unit = "threads", .min = 0, .max = 1024, .stability = kAdvanced,
               .meaning = "Threads that read blocks. 0: one per core.",
               .field = FIELD(query.threads)});
  t.push_back({.group = group, .key = "query.timeout", .type = kDuration, .default_text = "30s",
               .min = 10 * kMs, .max = kHour,
               .meaning = "Longest time of one query; after it the answer is 504.",
               .field = FIELD(query.timeout_ns)});
  t.push_back({.group = group, .key = "query.memory-bytes-max", .type = kBytes,
               .default_text = "1GiB", .min = 16 * kMiB, .max = kTiB,
               .meaning = "Memory of one query's partial results on a backend; beyond it the query "
                          "fails and says so.",
               .field = FIELD(query.memory_bytes_max)});
  t.push_back({.group = group, .key = "query.backend-memory-bytes-max", .type = kBytes, .default_text = "2GiB",
               .min = 0, .max = kTiB,
               .meaning = "Memory of all queries that a query-backend executes, without its cache; beyond it "
                          "those that came last are answered 429. 0: any.",
               .field = FIELD(query.backend_memory_bytes_max)});
  t.push_back({.group = group, .key = "query.cache-bytes-max", .type = kBytes,
               .default_text = "256MiB", .min = 0, .max = kTiB,
               .meaning = "Memory of a backend's cache of decoded samples, which makes repeated flame "
                          "graphs fast. 0: none.",
               .field = FIELD(query.cache_bytes_max)});
  t.push_back({.group = group, .key = "query.split-bytes", .type = kBytes, .default_text = "8MiB",
               .min = 1, .max = kTiB, .stability = kAdvanced,
               .meaning = "What a part of a query reads at least, where several query-backends share it.",
               .field = FIELD(query.split_bytes)});
  t.push_back({.group = group, .key = "query.work-bytes-max", .type = kBytes, .default_text = "1GiB",
               .min = kMiB, .max = kTiB, .stability = kAdvanced,
               .meaning = "Bytes that a query-backend has yet to read, for all queries; beyond it others are asked.",
               .field = FIELD(query.work_bytes_max)});
  t.push_back({.group = group, .key = "query.hedge-percent", .type = kInt, .default_text = "20",
               .unit = "%", .min = 0, .max = 100, .stability = kAdvanced,
               .meaning = "Parts of a query that may be given to a second backend when the first is slow. 0: none.",
               .field = FIELD(query.hedge_percent)});
  t.push_back({.group = group, .key = "query.concurrency", .type = kInt, .default_text = "0",
               .unit = "queries", .min = 0, .max = 10'000,
               .meaning = "Queries that a query-frontend lets run at once; the others wait, by turns of their "
                          "tenants. One tenant has at most one less. 0: 8 per core, at least 16.",
               .field = FIELD(query.concurrency)});
  t.push_back({.group = group, .key = "query.queue-max", .type = kInt, .default_text = "1000",
               .unit = "queries", .min = 0, .max = 10'000,
               .meaning = "Queries that wait at a query-frontend, of one tenant at most half of it; beyond it "
                          "queries are answered 429.",
               .field = FIELD(query.queue_max)});
  t.push_back({.group = group, .key = "query.slow-log", .type = kDuration, .default_text = "5s",
               .min = 0, .max = kYear,
               .meaning = "A query that takes longer is logged, with what each query-backend did for it. 0: none.",
               .field = FIELD(query.slow_log_ns)});
  t.push_back({.group = group, .key = "limits.max-query-length", .type = kDuration,
               .default_text = "30d", .min = 0, .max = 10 * kYear,
               .meaning = "Longest time range of one query. 0: any. Per tenant in overrides.path.",
               .field = FIELD(limits.max_query_length_ns)});
  t.push_back({.group = group, .key = "limits.max-query-lookback", .type = kDuration,
               .default_text = "31d", .min = 0, .max = 10 * kYear,
               .meaning = "Oldest time that queries see; older parts of a range are left out. 0: "
                          "any. Per tenant in overrides.path.",
               .field = FIELD(limits.max_query_lookback_ns)});
  t.push_back({.group = group, .key = "limits.max-query-bytes", .type = kBytes, .default_text = "0B",
               .min = 0, .max = 1024 * kTiB,
               .meaning = "Bytes that one query may read, as planned; beyond it the answer is 429. 0: any. Per "
                          "tenant in overrides.path.",
               .field = FIELD(limits.max_query_bytes)});
  t.push_back({.group = group, .key = "limits.max-query-concurrency", .type = kInt,
               .default_text = "16", .unit = "queries", .min = 0, .max = 10'000,
               .meaning = "Queries of one tenant that a query-frontend lets run at once; the others wait. 0: any. "
                          "Per tenant in overrides.path.",
               .field = FIELD(limits.max_query_concurrency)});
  t.push_back({.group = group, .key = "limits.query-weight", .type = kInt, .default_text = "1",
               .unit = "shares", .min = 1, .max = 1000,
               .meaning = "A tenant's share of what is read while queries wait, against the other tenants'. Per "
                          "tenant in overrides.path.",
               .field = FIELD(limits.query_weight)});
}

void AddCompaction(std::vector<Setting>& t) {
  constexpr std::string_view group = "compaction";
  t.push_back({.group = group, .key = "compaction.listen", .type = kEndpoint,
               .default_text = "tcp://127.0.0.1:4045",
               .meaning = "Where a metastore member gives jobs to compaction workers. Unused by target "
                          "all.",
               .field = FIELD(compaction.listen)});
  t.push_back({.group = group, .key = "compaction.advertise", .type = kEndpoint,
               .default_text = "", .may_be_empty = true, .stability = kAdvanced,
               .meaning = "Address under which workers reach compaction.listen. Empty: the one that was "
                          "bound.",
               .field = FIELD(compaction.advertise)});
  t.push_back({.group = group, .key = "compaction.concurrency", .type = kInt, .default_text = "1",
               .unit = "jobs", .min = 0, .max = 256,
               .meaning = "Jobs that a compaction worker does at a time, one thread each. 0: none, in a "
                          "process with every role.",
               .field = FIELD(compaction.concurrency)});
  t.push_back({.group = group, .key = "compaction.memory-bytes-max", .type = kBytes,
               .default_text = "256MiB", .min = 32 * kMiB, .max = kTiB,
               .meaning = "Memory of one job, whatever the size of its inputs. The same on all metastore "
                          "members, whose jobs name it.",
               .field = FIELD(compaction.memory_bytes_max)});
  t.push_back({.group = group, .key = "compaction.block-bytes-max", .type = kBytes,
               .default_text = "64MiB", .min = kMiB, .max = 16 * kGiB, .stability = kAdvanced,
               .meaning = "Largest compacted object; at most a quarter of compaction.memory-bytes-max.",
               .field = FIELD(compaction.block_bytes_max)});
  t.push_back({.group = group, .key = "compaction.level0-delay", .type = kDuration,
               .default_text = "3s", .min = 0, .max = kHour, .stability = kAdvanced,
               .meaning = "How long a segment waits for others to be compacted with.",
               .field = FIELD(compaction.level0_delay_ns)});
  t.push_back({.group = group, .key = "compaction.delete-delay", .type = kDuration,
               .default_text = "15m", .min = 0, .max = 30 * kDay,
               .meaning = "How long an object stays after its block was replaced or removed; longer than "
                          "the longest query.",
               .field = FIELD(compaction.delete_delay_ns)});
  t.push_back({.group = group, .key = "compaction.delete-objects-per-second", .type = kInt,
               .default_text = "500", .unit = "objects/s", .min = 1, .max = 1'000'000,
               .stability = kAdvanced,
               .meaning = "Objects deleted per second at most, whatever is ingested.",
               .field = FIELD(compaction.delete_objects_per_second)});
}

void AddRetention(std::vector<Setting>& t) {
  constexpr std::string_view group = "retention and scrub";
  t.push_back({.group = group, .key = "retention.age", .type = kDuration, .default_text = "31d",
               .min = 0, .max = 100 * kYear,
               .meaning = "Blocks whose newest profile is older are removed. 0: never. Per tenant in "
                          "overrides.path.",
               .field = FIELD(retention.age_ns)});
  t.push_back({.group = group, .key = "retention.bytes-max", .type = kBytes, .default_text = "0B",
               .min = 0, .max = 1024 * kTiB,
               .meaning = "Bytes of one tenant; the oldest blocks beyond it are removed. 0: any. Per "
                          "tenant in overrides.path.",
               .field = FIELD(retention.bytes_max)});
  t.push_back({.group = group, .key = "retention.total-bytes-max", .type = kBytes,
               .default_text = "0B", .min = 0, .max = 1024 * kTiB,
               .meaning = "Bytes of all tenants; the oldest blocks of all beyond it are removed. 0: any.",
               .field = FIELD(retention.total_bytes_max)});
  t.push_back({.group = group, .key = "retention.free-disk-bytes-min", .type = kBytes,
               .default_text = "1GiB", .min = 0, .max = 1024 * kTiB,
               .meaning = "Free space that a local object store keeps: below it the oldest blocks of all "
                          "tenants are removed, and their objects at once. 0: not looked at.",
               .field = FIELD(retention.free_disk_bytes_min)});
  t.push_back({.group = group, .key = "retention.interval", .type = kDuration, .default_text = "1m",
               .min = kSecond, .max = kDay, .stability = kAdvanced,
               .meaning = "How often retention is looked at.",
               .field = FIELD(retention.interval_ns)});
  t.push_back({.group = group, .key = "scrub.interval", .type = kDuration, .default_text = "7d",
               .min = 0, .max = kYear,
               .meaning = "How often every object is read and checked, and orphans are looked for. 0: only "
                          "on request.",
               .field = FIELD(scrub.interval_ns)});
  t.push_back({.group = group, .key = "scrub.bytes-per-second", .type = kBytes,
               .default_text = "64MiB", .min = kMiB, .max = kTiB, .stability = kAdvanced,
               .meaning = "Bytes that a scrub reads per second at most.",
               .field = FIELD(scrub.bytes_per_second)});
  t.push_back({.group = group, .key = "scrub.orphan-age", .type = kDuration, .default_text = "1h",
               .min = 0, .max = kYear, .stability = kAdvanced,
               .meaning = "How long an object must have been seen without a block before it counts as an "
                          "orphan and is deleted.",
               .field = FIELD(scrub.orphan_age_ns)});
  t.push_back({.group = group, .key = "overrides.path", .type = kString, .default_text = "",
               .may_be_empty = true,
               .meaning = "YAML file with settings per tenant, read again within seconds when it changes. "
                          "Empty: none.",
               .field = FIELD(overrides_path)});
}

#undef FIELD

}  // namespace

std::span<const Setting> AllSettings() {
  static const std::vector<Setting> table = [] {
    std::vector<Setting> t;
    AddProcess(t);
    AddDoors(t);
    AddCluster(t);
    AddPushLimits(t);
    AddWrite(t);
    AddQuery(t);
    AddCompaction(t);
    AddRetention(t);
    return t;
  }();
  return table;
}

const Setting* FindSetting(std::string_view key) {
  for (const Setting& setting : AllSettings()) {
    if (setting.key == key) return &setting;
  }
  return nullptr;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

std::string_view NearestKey(std::string_view key) {
  // A longer key cannot be near any of ours, and must not cost more than they do.
  key = key.substr(0, 64);
  std::string_view nearest;
  size_t nearest_distance = SIZE_MAX;
  for (const Setting& setting : AllSettings()) {
    const size_t distance = EditDistance(key, setting.key);
    if (distance < nearest_distance) {
      nearest_distance = distance;
      nearest = setting.key;
    }
  }
  return nearest;
}

Status ValidateConfig(const Config& config) {
  if (config.limits.burst_bytes < config.limits.max_profile_bytes) {
    return InvalidArgument("limits.burst-bytes (" + FormatBytes(config.limits.burst_bytes) +
                           ") must be at least limits.max-profile-bytes (" +
                           FormatBytes(config.limits.max_profile_bytes) +
                           "): a profile of that size could never be accepted");
  }
  // A body counts as sent and once more as decompressed: with less, the largest one would be told to come back later,
  // for ever.
  if (config.http.inflight_bytes_max / 2 < config.http.body_bytes_max) {
    return InvalidArgument("http.inflight-bytes-max (" +
                           FormatBytes(config.http.inflight_bytes_max) +
                           ") must be at least twice http.body-bytes-max (" +
                           FormatBytes(config.http.body_bytes_max) +
                           "): a body of that size could never be accepted");
  }
  if (config.segment.buffer_bytes_max < config.segment.bytes_max) {
    return InvalidArgument("segment.buffer-bytes-max (" +
                           FormatBytes(config.segment.buffer_bytes_max) +
                           ") must be at least segment.bytes-max (" +
                           FormatBytes(config.segment.bytes_max) + ")");
  }
  if (config.compaction.memory_bytes_max / 4 < config.compaction.block_bytes_max) {
    return InvalidArgument("compaction.memory-bytes-max (" + FormatBytes(config.compaction.memory_bytes_max) +
                           ") must be at least four times compaction.block-bytes-max (" +
                           FormatBytes(config.compaction.block_bytes_max) + ")");
  }
  const bool all = std::find(config.target.begin(), config.target.end(), "all") !=
                   config.target.end();
  if (all && config.target.size() > 1) {
    return InvalidArgument("target: all stands alone; it names every role already");
  }
  return Status::Ok();
}

}  // namespace brazier::config
