// What compaction workers ask of the metastore's leader: jobs, and to take what became of them. Between processes this travels over
// ZeroMQ (docs/format/zeromq-jobs.md); in one process it is the leader's object itself.
//
// A job is leased. Its token is the lease's number: who finishes or returns a job with a token that is not the newest one changes
// nothing. A worker says every kHeartbeatMs what it works on; a job that nobody speaks of for kLeaseMs is given to another one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/ulid.h"
#include "common/contract/context.h"
#include "common/model/block_meta.h"

namespace brazier::contract {

// Blocks of one queue to be merged into blocks of `level`. The worker asks the metastore for the inputs' metadata (GetBlocks),
// hidden profiles and deletions included. All that decides the outputs' bytes is here and in the inputs, so that whoever does the
// job makes the same objects.
struct CompactionJob {
  uint64_t id = 0;
  uint64_t token = 0;  // of the lease
  uint32_t level = 0;  // of the outputs
  uint32_t shard = 0;  // of the outputs; 0: of several shards
  std::string tenant;  // "": segments, whose outputs are one or more blocks for each tenant
  std::vector<Ulid> inputs;  // ascending
  uint64_t block_bytes_max = 0;   // of an output; more outputs when needed
  uint64_t memory_bytes_max = 0;  // of the merge; decides where outputs end, and so is the same everywhere
  bool hour_rollups = false;
  bool day_rollups = false;
  friend bool operator==(const CompactionJob&, const CompactionJob&) = default;
};

struct JobProgress {
  uint64_t id = 0;
  uint64_t token = 0;
  uint64_t bytes_done = 0;  // of the inputs
  uint64_t bytes_total = 0;
};

// An input that cannot be compacted, and why: it is quarantined, and the rest is compacted without it.
struct BadBlock {
  Ulid id;
  std::string reason;  // for people: "missing", "samples of service api: checksum ..."
  friend bool operator==(const BadBlock&, const BadBlock&) = default;
};

struct FinishedJob {
  uint64_t id = 0;
  uint64_t token = 0;
  std::vector<Ulid> inputs;        // that are in the outputs; others than these and the bad ones go back to their queue
  std::vector<BlockMeta> outputs;  // durable in the object store. None: nothing of the inputs is left
  std::vector<BadBlock> bad;
  uint64_t bytes_read = 0;         // of the inputs; for figures
  int64_t duration_ns = 0;         // likewise
};

// Why a worker gives a job back. Numbers travel.
enum class ReturnReason : uint8_t {
  kFailed = 1,       // an error of the job itself: a failure of its inputs, which wait a while
  kUnavailable = 2,  // object store or metastore did not answer: the inputs wait a while, and nothing is held against them
  kStopping = 3,     // the worker stops, or the inputs have changed: free at once
};

class CompactionJobs {
 public:
  static constexpr int64_t kHeartbeatMs = 2'000;
  static constexpr int64_t kLeaseMs = 15'000;
  static constexpr size_t kJobsPerPullMax = 16;

  virtual ~CompactionJobs() = default;
  // Up to `credits` jobs, as soon as there is one that is due; none shortly before the deadline. `worker` is a name that no other
  // process and no earlier life of this one has; it has one pull at a time: a new one ends the one before, which answers none, and
  // one without credits does only that (the worker stops). `done` is called once, from any thread, and must not block. kUnavailable,
  // reason "not_leader", from who does not lead.
  virtual void PullJobs(const RequestContext& context, const std::string& worker, size_t credits,
                        std::function<void(Result<std::vector<CompactionJob>>)> done) = 0;
  // The worker lives and works on these. Answers the ids of those it may stop: their leases are others' now, or they are over.
  virtual Result<std::vector<uint64_t>> Heartbeat(const RequestContext& context, const std::string& worker,
                                                  const std::vector<JobProgress>& jobs) = 0;
  // Outputs in, inputs out, at once. Idempotent. kFailedPrecondition: reason "stale_lease", or "inputs_changed" when something was
  // deleted from an input after the job began; kNotFound when the job or an input is gone. The outputs are orphans then.
  virtual void FinishJob(const RequestContext& context, FinishedJob job, std::function<void(Status)> done) = 0;
  // The worker will not do it, and why. The inputs go back to their queue. OK also for a job that is another's or over.
  virtual void ReturnJob(const RequestContext& context, uint64_t id, uint64_t token, ReturnReason reason,
                         const std::string& error, std::function<void(Status)> done) = 0;
};

}  // namespace brazier::contract
