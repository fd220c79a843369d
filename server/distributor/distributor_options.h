// Settings of the distributor; the settings table (common/config) documents them for users.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/codec/ingest_formats.h"

namespace brazier::distributor {

// Limits of one tenant. A burst is never smaller than the largest profile, or that profile could never be sent.
struct TenantLimits {
  codec::IngestLimits ingest;
  size_t label_names_max = 30;
  size_t label_name_bytes_max = 1024;
  size_t label_value_bytes_max = 2048;
  int64_t reject_older_than_ns = int64_t{3600} * 1'000'000'000;
  int64_t reject_newer_than_ns = int64_t{600} * 1'000'000'000;
  double rate_bytes_per_second = 4 << 20;  // of inflated profiles
  double burst_bytes = 8 << 20;
  bool unlimited = false;  // lifts the rate and the age limits
};

struct DistributorOptions {
  TenantLimits limits;
  uint32_t shard_count = 0;  // 0: as many as there are live segment-writers
  bool dedup_without_id = true;
  int64_t push_timeout_ns = int64_t{30} * 1'000'000'000;
  size_t inflight_bytes_max = 256 << 20;  // decoded batches that wait for an answer; over it: kResourceExhausted
  int attempts_max = 3;                   // segment-writers tried for one batch
};

}  // namespace brazier::distributor
