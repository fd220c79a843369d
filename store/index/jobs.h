// Compaction jobs and what else is known of blocks on their way through the levels: leases, failures, quarantine, expiry, settings.
// Keys and values are docs/format/index.md's. The state machine keeps them; reading is over a snapshot. Values and functions without
// state: any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "store/index/block_queue.h"
#include "store/index/job_command.h"
#include "store/kv/key_value_store.h"

namespace brazier::index {

struct Job {
  uint64_t id = 0;
  uint64_t token = 0;
  QueueName queue;  // of the inputs
  uint32_t output_level = 0;
  std::vector<Ulid> inputs;  // ascending
  std::string worker;        // that has the lease
  int64_t started_ns = 0;    // by its first lease
  uint32_t attempts = 0;     // leases
  friend bool operator==(const Job&, const Job&) = default;
};
// All of them, ascending by id: as many as were leased and are not over.
Result<std::vector<Job>> ListJobs(const kv::Reader& reader);

// A block that was in a job that failed, and is in none now.
struct FailedBlock {
  Ulid id;
  uint32_t failures = 0;
  int64_t not_before_ns = 0;
  std::string error;  // of the last one
  friend bool operator==(const FailedBlock&, const FailedBlock&) = default;
};
Result<std::vector<FailedBlock>> ListFailedBlocks(const kv::Reader& reader, const std::optional<Ulid>& after, size_t limit);

struct QuarantinedBlock {
  Ulid id;
  int64_t since_ns = 0;
  std::string reason;
  friend bool operator==(const QuarantinedBlock&, const QuarantinedBlock&) = default;
};
Result<std::vector<QuarantinedBlock>> ListQuarantined(const kv::Reader& reader, const std::optional<Ulid>& after, size_t limit);

// A block of a tenant by the time of its newest profile. Segments hold several tenants: theirs are those of the tenant "".
struct ExpiringBlock {
  Ulid id;
  int64_t max_time_ns = 0;
  uint64_t size = 0;  // bytes of the object
  friend bool operator==(const ExpiringBlock&, const ExpiringBlock&) = default;
};
// Those whose newest profile is before `before_ns`, oldest first, at most `limit`. One seek. kFailedPrecondition, reason
// "index_not_upgraded", while the state is of an earlier version.
Result<std::vector<ExpiringBlock>> ListExpiring(const kv::Reader& reader, std::string_view tenant, int64_t before_ns, size_t limit);
// Tenants that have blocks there, "" included, above `after` when there is one. One seek each.
Result<std::vector<std::string>> ListExpiringTenants(const kv::Reader& reader, const std::optional<std::string>& after, size_t limit);

Result<bool> IsCompactionPaused(const kv::Reader& reader);

// What the leader's scheduler hears of the queues, on the consensus thread, while commands are applied: must be quick and must not
// call back. What it hears may be ahead of the store by a round.
class QueueObserver {
 public:
  virtual ~QueueObserver() = default;
  // In its queue, free to be put into a job: added, returned, released. `not_before_ns`: 0, or when it may be tried again.
  virtual void BlockQueued(const QueueName& queue, const QueuedBlock& block, uint32_t failures, int64_t not_before_ns) = 0;
  // In no queue any more, or in a job or in quarantine.
  virtual void BlockTaken(const QueueName& queue, const Ulid& id) = 0;
  // Data of a block was deleted: it should be rewritten soon, whatever its level.
  virtual void BlockMustBeRewritten(const QueueName& queue, const Ulid& id) = 0;
  // Everything may be different: read it anew.
  virtual void Restored() = 0;
};

// What a scheduler begins with: every block that is free, with its failures, and the jobs; blocks that must be rewritten.
struct FreeBlock {
  QueueName queue;
  QueuedBlock block;
  uint32_t failures = 0;
  int64_t not_before_ns = 0;
  bool must_be_rewritten = false;
};
// In the order of queues and ids, above `after` when there is one; fewer than `limit`: there are no more.
struct FreeBlockCursor {
  QueueName queue;
  Ulid id;
};
Result<std::vector<FreeBlock>> ListFreeBlocks(const kv::Reader& reader, const std::optional<FreeBlockCursor>& after, size_t limit);

}  // namespace brazier::index
