// What operators ask of the metastore's leader about the life of data: compaction, retention, deletion, scrub. The admin service and
// brazierctl speak it. All may be repeated; all but what is said otherwise is kUnavailable, reason "not_leader", elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/ulid.h"
#include "common/contract/context.h"
#include "common/model/data_filter.h"

namespace brazier::contract {

struct LevelOverview {
  uint32_t level = 0;
  uint64_t blocks = 0;         // that wait to be compacted; of the last level: all
  uint64_t bytes = 0;
  int64_t oldest_wait_ns = 0;  // how long the block has waited that waits longest
  uint64_t queues = 0;
};

struct JobView {
  uint64_t id = 0;
  uint32_t level = 0;  // of the outputs
  uint32_t shard = 0;
  std::string tenant;
  uint64_t inputs = 0;
  uint64_t input_bytes = 0;
  std::string worker;
  int64_t started_ns = 0;  // since the epoch
  uint32_t attempts = 0;
  uint64_t bytes_done = 0;
};

struct FailedBlockView {
  Ulid id;
  uint32_t failures = 0;
  int64_t not_before_ns = 0;
  std::string error;
};

struct CompactionOverview {
  bool is_paused = false;
  std::vector<LevelOverview> levels;
  std::vector<JobView> jobs;  // that run
  std::vector<FailedBlockView> waiting_after_failure;  // at most 1,000
  uint64_t workers = 0;       // that asked for jobs within the last lease
  uint64_t jobs_finished = 0;  // since this process leads
  uint64_t jobs_failed = 0;
  uint64_t bytes_read = 0;
  uint64_t bytes_written = 0;
  uint64_t tombstones = 0;    // removed blocks whose objects are not deleted yet
  uint64_t tombstone_bytes = 0;
  uint64_t quarantined = 0;
};

struct DeletionView {
  Ulid id;
  DataFilter filter;
  int64_t created_ns = 0;
  uint64_t blocks = 0;           // that held what it deletes
  uint64_t blocks_to_rewrite = 0;  // of them, those not compacted since
  uint64_t objects_to_delete = 0;  // replaced, and their objects not deleted yet
  int64_t confirmed_ns = 0;      // when the last object was gone; 0: not yet
};

struct QuarantinedBlockView {
  Ulid id;
  std::string object_key;
  std::string reason;
  int64_t since_ns = 0;
};

struct ScrubReport {
  bool is_running = false;
  bool repairs = false;
  int64_t started_ns = 0;  // 0: there was none since this process leads
  int64_t ended_ns = 0;    // 0: it runs
  uint64_t objects = 0;    // looked at
  uint64_t bytes = 0;
  uint64_t objects_total = 0;  // about; 0: not known yet
  uint64_t corrupt = 0;    // objects whose bytes are not what they were
  uint64_t missing = 0;    // in the index, not in the store
  uint64_t different = 0;  // footer and index disagree
  uint64_t orphans = 0;    // in the store, not in the index
  uint64_t quarantined = 0;  // by this scrub
  uint64_t released = 0;     // from quarantine, because they are whole
  uint64_t condemned = 0;    // orphans that are deleted after the usual delay
  std::vector<std::string> findings;  // at most 1,000, one line each
  std::string error;       // why it ended early
};

class Lifecycle {
 public:
  virtual ~Lifecycle() = default;
  virtual Result<CompactionOverview> GetCompaction(const RequestContext& context) = 0;
  // No job is handed out while it is paused; what runs is finished. Survives restarts.
  virtual Status SetCompactionPaused(const RequestContext& context, bool is_paused) = 0;
  // Whatever waits in queues of these levels (empty: of all but the last) and tenant (empty: of all) is due now.
  virtual Status ForceCompaction(const RequestContext& context, const std::vector<uint32_t>& levels,
                                 const std::string& tenant) = 0;
  // Blocks that wait after a failure wait no longer. Empty: all of them. Answers how many.
  virtual Result<uint64_t> RetryFailed(const RequestContext& context, const std::vector<Ulid>& ids) = 0;
  // Hides what the filter names from queries at once and has it taken out of the objects. Data that comes later is not concerned.
  // `id` is the caller's: repeating it is the same deletion. kInvalidArgument for a bad filter, kResourceExhausted for more blocks
  // than one deletion may concern: narrow the range.
  virtual Result<DeletionView> Delete(const RequestContext& context, const Ulid& id, const DataFilter& filter) = 0;
  // Of a tenant; empty: of all. Newest first, at most 1,000. Those confirmed long ago are forgotten.
  virtual Result<std::vector<DeletionView>> ListDeletions(const RequestContext& context, const std::string& tenant) = 0;
  virtual Result<std::vector<QuarantinedBlockView>> ListQuarantined(const RequestContext& context) = 0;
  // Reads them again as if nothing had been: for objects that were put back. Answers how many were released.
  virtual Result<uint64_t> ReleaseQuarantined(const RequestContext& context, const std::vector<Ulid>& ids) = 0;
  // Starts a walk over bucket and index; kFailedPrecondition while one runs. Without `repairs` it changes nothing.
  virtual Status StartScrub(const RequestContext& context, bool repairs) = 0;
  virtual Result<ScrubReport> GetScrub(const RequestContext& context) = 0;
};

}  // namespace brazier::contract
