// PlanRetention: which blocks retention removes now. Pure: what it needs of the index it reads through RetentionSource.
//
// The rules, in this order; a block's age is that of its newest profile:
//   age         every block older than its tenant's limit; a segment only when it is older than the limits of all tenants in it
//   tenant      a tenant's oldest blocks until its bytes are within its limit; segments, which are others' too, never
//   total       the oldest blocks of all tenants until the bytes of all are within the limit
//   free disk   the oldest blocks of all tenants until what is free, or will be, is enough
// Nothing newer than a limit says is removed: by age only what is older; by bytes always the oldest first, and no more than
// is over. What is planned by one rule counts for the next ones.
//
// Cost: one seek for each tenant and rule with a limit, plus what is removed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "store/index/jobs.h"

namespace brazier::metastore {

struct RetentionPolicy {
  int64_t age_ns = 0;      // 0: for ever
  uint64_t bytes_max = 0;  // 0: any
};

enum class RetentionReason : uint8_t { kAge = 0, kTenantBytes = 1, kTotalBytes = 2, kFreeDisk = 3 };
inline constexpr size_t kRetentionReasons = 4;
std::string_view RetentionReasonName(RetentionReason reason);  // "age", "tenant_bytes", "total_bytes", "free_disk"

struct RetentionInput {
  int64_t now_ns = 0;
  std::map<std::string, uint64_t> tenant_bytes;  // every tenant that has data
  std::function<RetentionPolicy(const std::string& tenant)> policy;
  uint64_t total_bytes_max = 0;  // 0: any
  // Bytes that must come free on the disk beyond those that removed blocks still take; 0: enough are, or it is not looked at.
  uint64_t bytes_to_free = 0;
  // More are left for the next plan.
  size_t removals_max = 10'000;
  size_t segments_read_max = 2'000;  // whose tenants are asked for
};

class RetentionSource {
 public:
  virtual ~RetentionSource() = default;
  // As index::ListExpiring; "" are the segments. One seek.
  virtual Result<std::vector<index::ExpiringBlock>> Oldest(std::string_view tenant, int64_t before_ns, size_t limit) = 0;
  // Empty: it is gone.
  virtual Result<std::vector<std::string>> TenantsOfSegment(const Ulid& id) = 0;
};

struct RetentionRemoval {
  Ulid id;
  std::string tenant;  // "": a segment
  uint64_t size = 0;
  int64_t max_time_ns = 0;
  RetentionReason reason = RetentionReason::kAge;
};

struct RetentionPlan {
  std::vector<RetentionRemoval> removals;  // no id twice
  bool is_complete = true;                 // false: there may be more; plan again when these are removed
};

Result<RetentionPlan> PlanRetention(const RetentionInput& input, RetentionSource& source);

}  // namespace brazier::metastore
