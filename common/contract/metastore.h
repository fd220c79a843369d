// What every other role asks of the metastore: register blocks, find them and their labels, learn who lives where.
#pragma once

#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/contract/context.h"
#include "common/model/block_meta.h"
#include "common/model/member.h"
#include "common/model/query.h"

namespace brazier::contract {

struct AddBlocksRequest {
  std::vector<BlockMeta> blocks;  // with identities in their datasets
};

struct AddBlocksResponse {
  // Per block of the request, per dataset: positions of profiles that were known already and are now hidden.
  struct Block {
    bool already_known = false;  // this block id was registered before; nothing changed
    std::vector<std::vector<uint32_t>> hidden_profiles;
  };
  std::vector<Block> blocks;
};

struct FindBlocksRequest {
  std::vector<std::string> tenants;
  int64_t start_ns = 0;  // inclusive
  int64_t end_ns = 0;    // inclusive
  std::string service;       // exact; empty: all services
  std::string profile_type;  // exact id; empty: all types
  // A selector's text; empty: every series. Service and profile type that it demands belong above as well.
  std::string selector;
};

struct QueryLabelsRequest {
  std::vector<std::string> tenants;
  int64_t start_ns = 0;  // inclusive
  int64_t end_ns = 0;    // inclusive
  std::string selector;  // text; empty: every series
  std::vector<ReportRequest> reports;  // of label kinds: LabelReport::IsLabelKind
};

struct QueryLabelsResponse {
  std::vector<Report> reports;  // in the order of the requests
  // Datasets that the index cannot answer: to be read, and the reports of both merged. As FindBlocks gives them.
  std::vector<BlockMeta> unanswered;
  uint64_t datasets_answered = 0;
  int64_t newest_data_ns = 0;  // of the datasets that were answered; 0 without any
};

struct GetBlocksResponse {
  std::vector<BlockMeta> blocks;  // in the order of the request
  std::vector<Ulid> unknown;      // ids that the index does not know
};

// One queue of blocks that compaction takes its inputs from: those of a level, shard and tenant. Segments (level 0) hold several
// tenants, and theirs have tenant ""; from level 2 on the shards of a tenant share the queue of shard 0. Blocks in a job or in
// quarantine are in none.
struct BlockQueue {
  uint32_t level = 0;
  uint32_t shard = 0;
  std::string tenant;
  friend auto operator<=>(const BlockQueue&, const BlockQueue&) = default;
};

// What a planner of compactions needs to know of a block.
struct QueuedBlock {
  Ulid id;            // with the time at which it was made
  uint64_t size = 0;  // bytes of the object
  int64_t min_time_ns = 0;
  int64_t max_time_ns = 0;
  friend bool operator==(const QueuedBlock&, const QueuedBlock&) = default;
};

struct ReplaceBlocksRequest {
  std::vector<BlockMeta> outputs;  // without identities: those of the inputs' profiles stay known
  std::vector<Ulid> inputs;        // at least one
};

struct ReplaceBlocksResponse {
  bool already_done = false;  // by an earlier request; nothing changed
};

// A block that was removed from the index, and whose object may still be there.
struct Tombstone {
  Ulid id;
  int64_t removed_ns = 0;
  uint32_t shard = 0;
  uint32_t level = 0;
  std::string tenant;  // "" at level 0
  uint64_t size = 0;   // bytes of the object
  friend bool operator==(const Tombstone&, const Tombstone&) = default;
};

// A place in the order of tombstones.
struct TombstoneCursor {
  int64_t removed_ns = 0;
  Ulid id;
  friend bool operator==(const TombstoneCursor&, const TombstoneCursor&) = default;
};

struct PurgeTombstonesResponse {
  uint64_t purged = 0;  // tombstones that there were; ids without one are passed over
};

struct TenantStats {
  bool data_ingested = false;
  int64_t oldest_ns = 0;
  int64_t newest_ns = 0;
  uint64_t blocks = 0;
  uint64_t bytes = 0;
};

struct TenantListing {
  std::string tenant;
  TenantStats stats;
};

struct PlacementResponse {
  struct Shard {
    uint32_t shard = 0;                   // from 1
    std::vector<std::string> writer_ids;  // its owner first, then who stands in, in the order of the ring
  };
  uint64_t version = 0;         // of the member list
  std::vector<Member> writers;  // of the ring: living segment-writers that take batches and do not drain; sorted by id
  std::vector<Shard> shards;    // of the service; none without writers
};

class Metastore {
 public:
  // Of one answer of the lists below; a caller that asks for more gets this many.
  static constexpr size_t kIdsPerGetMax = 1'000;
  static constexpr size_t kIdsPerListMax = 100'000;
  static constexpr size_t kTenantsPerListMax = 10'000;
  static constexpr size_t kQueuesPerListMax = 10'000;
  static constexpr size_t kQueuedBlocksPerListMax = 10'000;
  static constexpr size_t kTombstonesPerListMax = 10'000;
  // Of one request; more are refused. All of it must also fit one command of the consensus log (about 1 MiB).
  static constexpr size_t kBlocksPerReplaceMax = 10'000;  // of inputs, and of outputs
  static constexpr size_t kTombstonesPerPurgeMax = 10'000;
  // Named for one shard by Placement: more than a distributor tries.
  static constexpr size_t kWritersPerShardMax = 16;

  virtual ~Metastore() = default;
  // Idempotent by block id. `done` is called once, from any thread, after the entries are committed; it must not
  // block. kInvalidArgument for metadata that is refused before it is proposed; kFailedPrecondition for a block whose object was
  // taken for an orphan before: it will be deleted, so the data must be written anew, under another id.
  virtual void AddBlocks(const RequestContext& context, AddBlocksRequest request,
                         std::function<void(Result<AddBlocksResponse>)> done) = 0;
  // Blocks that can match, with only the datasets that can, without label sets, sorted by block id. Linearizable, as every
  // question to the index: sees every AddBlocks that was answered before the call. kInvalidArgument for a bad selector,
  // kResourceExhausted, reason "index_query_limit", for an answer over a limit.
  virtual Result<std::vector<BlockMeta>> FindBlocks(const RequestContext& context,
                                                    const FindBlocksRequest& request) = 0;
  virtual Result<TenantStats> GetTenantStats(const RequestContext& context,
                                             const std::string& tenant) = 0;
  // Profile types, label names, label values and series from the index, no block is read. kUnimplemented, as all below, from a
  // metastore of before it could.
  virtual Result<QueryLabelsResponse> QueryLabels(const RequestContext& context, const QueryLabelsRequest& request) {
    return NotThere("label queries");
  }
  // All that the index knows of these blocks, label sets and hidden profiles included; kInvalidArgument for more than
  // kIdsPerGetMax ids.
  virtual Result<GetBlocksResponse> GetBlocks(const RequestContext& context, const std::vector<Ulid>& ids) {
    return NotThere("blocks by id");
  }
  // Ids in their order, above `after` when there is one. Fewer than min(limit, kIdsPerListMax): there are no more.
  virtual Result<std::vector<Ulid>> ListBlocks(const RequestContext& context, const std::optional<Ulid>& after,
                                               size_t limit) {
    return NotThere("lists of blocks");
  }
  // Tenants in their order, above `after` (a tenant is never empty). Fewer than min(limit, kTenantsPerListMax): no more.
  virtual Result<std::vector<TenantListing>> ListTenants(const RequestContext& context, const std::string& after,
                                                         size_t limit) {
    return NotThere("lists of tenants");
  }
  // Queues that have blocks, in order of (level, shard, tenant), above `after` when there is one. Fewer than
  // min(limit, kQueuesPerListMax): there are no more. This and the next are kFailedPrecondition, reason "index_not_upgraded",
  // while an index of an earlier version is upgraded.
  virtual Result<std::vector<BlockQueue>> ListQueues(const RequestContext& context, const std::optional<BlockQueue>& after,
                                                     size_t limit) {
    return NotThere("queues of blocks");
  }
  // Blocks of a queue, oldest first, above `after` when there is one. Fewer than min(limit, kQueuedBlocksPerListMax): no more. A
  // queue that does not exist is empty.
  virtual Result<std::vector<QueuedBlock>> ListQueuedBlocks(const RequestContext& context, const BlockQueue& queue,
                                                            const std::optional<Ulid>& after, size_t limit) {
    return NotThere("queues of blocks");
  }
  // Takes the inputs out of the index and puts the outputs in, at once: a reader sees all of it or nothing. Each input leaves a
  // tombstone. Without outputs it is a removal. Idempotent while the inputs' tombstones are there. `done` as for AddBlocks.
  // kInvalidArgument, before it is proposed, for what is malformed or over a limit, or, from the index, for inputs of which it
  // knows too much; kNotFound naming the first input that is not in the index; kFailedPrecondition naming an output that was
  // removed before. Nothing is changed then. For groups whose members all know the command (docs/format/index.md).
  virtual void ReplaceBlocks(const RequestContext& context, ReplaceBlocksRequest request,
                             std::function<void(Result<ReplaceBlocksResponse>)> done) {
    done(NotThere("replacement of blocks"));
  }
  // Tombstones of blocks that were removed before `before_ns`, in order of (removed_ns, id), above `after` when there is one.
  // Fewer than min(limit, kTombstonesPerListMax): there are no more.
  virtual Result<std::vector<Tombstone>> ListTombstones(const RequestContext& context, int64_t before_ns,
                                                        const std::optional<TombstoneCursor>& after, size_t limit) {
    return NotThere("lists of tombstones");
  }
  // The objects of these blocks are deleted: forgets their tombstones. Only when no AddBlocks of them can be under way, since
  // their ids are unknown afterwards. Idempotent. `done` as for AddBlocks. kInvalidArgument for an id twice, and for more than
  // kTombstonesPerPurgeMax.
  virtual void PurgeTombstones(const RequestContext& context, std::vector<Ulid> ids,
                               std::function<void(Result<PurgeTombstonesResponse>)> done) {
    done(NotThere("purge of tombstones"));
  }
  // Somebody failed to read the block's object: the leader looks at it soon and quarantines the block if it cannot read it either.
  // `why` is for people. Idempotent; an unknown block is OK. Nothing is promised: reports may be dropped.
  virtual Status ReportSuspectBlock(const RequestContext& context, const Ulid& id, const std::string& why) {
    return NotThere("check of suspect blocks");
  }
  // Soft state: a process says that it lives; members whose heartbeats stop for MemberList::kTtlMs are forgotten.
  virtual Status Heartbeat(const RequestContext& context, const Member& member) = 0;
  virtual Result<MemberList> Members(const RequestContext& context) = 0;
  // Where a distributor that knows the members the leader knows would send this service. Leader only, as Members.
  virtual Result<PlacementResponse> Placement(const RequestContext& context, const std::string& tenant,
                                              const std::string& service) {
    return NotThere("placement");
  }
  // OK when AddBlocks would be expected to succeed.
  virtual Status Ready() = 0;

 private:
  static Status NotThere(const char* what) {
    return {Code::kUnimplemented, std::string("this metastore has no ") + what};
  }
};

}  // namespace brazier::contract
