// Config: every setting of a process, typed. Filled from the one table in settings.cc by LoadConfig, validated once,
// immutable afterwards. app/wiring turns it into the option structs of the roles; nothing else reads it.
//
// Units are in the names. Sizes and counts are signed here so that one table can hold them; ranges exclude negatives.
// Value type; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace brazier::config {

struct HttpConfig {
  std::string listen;
  int64_t threads = 0;  // 0: one per core
  int64_t body_bytes_max = 0;
  int64_t inflight_bytes_max = 0;
  int64_t connections_max = 0;
};

struct ThriftConfig {
  std::string listen;
  std::string advertise;  // empty: listen
  int64_t connections_max = 0;
};

struct ZeromqConfig {
  std::string listen;       // empty: off
  std::string pull_listen;  // empty: off
};

// The door that processes of this cluster use among themselves.
struct PipelineConfig {
  std::string listen;
  std::string advertise;  // empty: the address that was bound
};

struct MetastoreConfig {
  std::vector<std::string> address;  // Thrift, of one or more members, for processes without the role
  std::vector<std::string> members;  // Thrift, of all members, for processes with the role
  std::string raft_listen;
  std::string raft_advertise;  // empty: the address that was bound
  int64_t snapshot_interval_ns = 0;  // 0: none on a schedule
  int64_t snapshots_kept = 0;
};

// Those of queries may be overridden per tenant.
struct LimitsConfig {
  bool unlimited = false;
  int64_t max_profile_bytes = 0;
  int64_t rate_bytes_per_second = 0;
  int64_t burst_bytes = 0;
  int64_t max_label_names = 0;
  int64_t max_label_name_length = 0;
  int64_t max_label_value_length = 0;
  int64_t max_samples = 0;
  int64_t max_sample_labels = 0;
  int64_t max_stack_depth = 0;
  int64_t max_symbol_length = 0;
  int64_t reject_older_than_ns = 0;  // 0: none
  int64_t reject_newer_than_ns = 0;  // 0: none
  int64_t max_query_length_ns = 0;   // 0: none
  int64_t max_query_lookback_ns = 0; // 0: none
  int64_t max_query_bytes = 0;        // of one plan; 0: any
  int64_t max_query_concurrency = 0;  // of one tenant; 0: any
  int64_t query_weight = 0;
};

struct SegmentConfig {
  int64_t linger_ns = 0;
  int64_t bytes_max = 0;
  int64_t buffer_bytes_max = 0;
};

struct DedupConfig {
  int64_t window_ns = 0;
  int64_t bytes_max = 0;
  bool without_id = true;
};

struct QueryConfig {
  int64_t threads = 0;  // 0: one per core
  int64_t timeout_ns = 0;
  int64_t cache_bytes_max = 0;
  int64_t memory_bytes_max = 0;          // of one query
  int64_t backend_memory_bytes_max = 0;  // of all of a backend
  int64_t split_bytes = 0;      // a read node has at least this much, with several backends
  int64_t work_bytes_max = 0;   // to read for plans that wait or run at a backend
  int64_t hedge_percent = 0;    // of a query's parts
  int64_t concurrency = 0;      // queries that a frontend lets run at once; 0: by the cores
  int64_t queue_max = 0;        // queries that wait at a frontend
  int64_t slow_log_ns = 0;      // 0: slow queries are not logged
};

struct CompactionConfig {
  std::string listen;     // ZeroMQ, of metastore members: where workers ask for jobs
  std::string advertise;  // empty: the address that was bound
  int64_t concurrency = 0;
  int64_t memory_bytes_max = 0;  // of one job
  int64_t block_bytes_max = 0;   // of one output
  int64_t level0_delay_ns = 0;   // how long a segment waits for others
  int64_t delete_delay_ns = 0;   // between a block's removal and its object's
  int64_t delete_objects_per_second = 0;
};

// How long data lives. The first two may be overridden per tenant.
struct RetentionConfig {
  int64_t age_ns = 0;      // 0: for ever
  int64_t bytes_max = 0;   // of one tenant; 0: any
  int64_t total_bytes_max = 0;  // of all tenants; 0: any
  int64_t free_disk_bytes_min = 0;  // of a local object store; 0: not looked at
  int64_t interval_ns = 0;
};

struct ScrubConfig {
  int64_t interval_ns = 0;  // 0: only on request
  int64_t bytes_per_second = 0;
  int64_t orphan_age_ns = 0;
};

struct Config {
  std::vector<std::string> target;
  std::string data_dir;
  std::string member_id;          // empty: made from the host name and the roles
  std::string object_store_path;  // empty: <data-dir>/objects
  bool multitenancy = false;
  HttpConfig http;
  ThriftConfig thrift;
  ZeromqConfig zeromq;
  PipelineConfig pipeline;
  MetastoreConfig metastore;
  LimitsConfig limits;
  SegmentConfig segment;
  DedupConfig dedup;
  QueryConfig query;
  CompactionConfig compaction;
  RetentionConfig retention;
  ScrubConfig scrub;
  std::string overrides_path;  // settings per tenant, read again when the file changes; empty: none
  int64_t shutdown_timeout_ns = 0;
  std::string log_level;
  std::string ui_dir;  // empty: the files inside the program
};

}  // namespace brazier::config
