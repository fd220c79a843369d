// MetastoreService: what Brazier's own processes ask of the metastore. Multiplexed under the name "MetastoreService".
// For members of the cluster only: a caller can register, see and remove the blocks of every tenant.
// Every method is idempotent.

include "types.thrift"

namespace cpp brazier.idl
namespace py brazier_idl.metastore
namespace go brazier.idl.metastore
namespace java brazier.idl
namespace js brazier.idl

// Metadata of a block in the msgpack form that also ends every object (docs/format/object.md). The metastore stores
// these bytes nearly as they are, so a second, Thrift-typed description would only be converted back and forth.
struct EncodedBlockMeta {
  // Version of the bytes. 1: docs/format/object.md. Others are refused.
  1: i32 encoding = 1;
  2: binary data = "";
}

struct AddBlocksRequest {
  1: types.RequestHeader header = {};
  2: list<EncodedBlockMeta> blocks = [];
}

// What became of one block.
struct AddedBlock {
  // The id was registered before; nothing changed.
  1: bool already_known = false;
  // Per dataset of the block: positions of profiles that were known already and are now hidden.
  2: list<list<i32>> hidden_profiles = [];
}

struct AddBlocksResponse {
  1: list<AddedBlock> blocks = [];  // in the order of the request
}

struct FindBlocksRequest {
  1: types.RequestHeader header = {};
  2: list<string> tenants = [];
  3: i64 start_ns = 0;           // inclusive
  4: i64 end_ns = 0;             // inclusive
  5: string service_name = "";   // exact; empty: all
  6: string profile_type = "";   // exact id; empty: all
  // Only datasets in which a series can match, such as {pod="a", region=~"eu-.*"}; empty: all. A metastore that does not know
  // the field answers all, which is correct and costs more.
  7: string selector = "";
}

struct FindBlocksResponse {
  1: list<EncodedBlockMeta> blocks = [];  // sorted by block id, with only the datasets that can match
}

// One report over label sets. Fields that a kind does not use are ignored.
struct LabelReportRequest {
  // A number of query.thrift's ReportKind: PROFILE_TYPES = 3, LABEL_NAMES = 4, LABEL_VALUES = 5, SERIES = 6. Others are refused.
  1: i32 kind = 0;
  2: string label_name = "";         // LABEL_VALUES
  3: list<string> label_names = [];  // SERIES: labels to return; empty: all
}

struct QueryLabelsRequest {
  1: types.RequestHeader header = {};
  2: list<string> tenants = [];
  3: i64 start_ns = 0;           // inclusive
  4: i64 end_ns = 0;             // inclusive
  5: string selector = "";       // as in FindBlocksRequest
  6: list<LabelReportRequest> reports = [];
}

struct QueryLabelsResponse {
  // The reports in the order of the request, as a query result of docs/format/zeromq-query.md; its stats are zero. One blob, since
  // the elements of a message are limited and series have many.
  1: binary encoded_result = "";
  // Datasets that the index cannot answer, as findBlocks gives them: the caller reads them and merges.
  2: list<EncodedBlockMeta> unanswered = [];
  3: i64 datasets_answered = 0;
  4: i64 newest_data_ns = 0;     // of the datasets that were answered; 0 without any
}

// Ids are 16 bytes each, big-endian, one after the other.
struct GetBlocksRequest {
  1: types.RequestHeader header = {};
  2: binary ids = "";            // at most 1,000
}

struct GetBlocksResponse {
  1: list<EncodedBlockMeta> blocks = [];  // those that are known, in the order of the request, with all that the index has
  2: binary unknown_ids = "";
}

struct ListBlocksRequest {
  1: types.RequestHeader header = {};
  2: binary after = "";          // an id: only those above it; empty: from the first
  3: i32 limit = 0;              // 0, or more than 100,000: 100,000
}

struct ListBlocksResponse {
  1: binary ids = "";            // ascending; fewer than the limit: there are no more
}

struct ListTenantsRequest {
  1: types.RequestHeader header = {};
  2: string after = "";          // only tenants above it; empty: from the first
  3: i32 limit = 0;              // 0, or more than 10,000: 10,000
}

struct TenantListing {
  1: string tenant = "";
  2: types.TenantStats stats = {};
}

struct ListTenantsResponse {
  1: list<TenantListing> tenants = [];  // ascending; fewer than the limit: there are no more
}

// One queue of blocks that compaction takes its inputs from: those of one level, shard and tenant.
struct BlockQueue {
  1: i32 level = 0;              // 0: segments as they were written; at most 64
  2: i64 shard = 0;              // 32 bits, unsigned
  3: string tenant = "";         // empty at level 0, whose blocks hold several tenants
}

struct ListQueuesRequest {
  1: types.RequestHeader header = {};
  2: optional BlockQueue after;  // only queues above it in the order of (level, shard, tenant); absent: from the first
  3: i32 limit = 0;              // 0, or more than 10,000: 10,000
}

struct ListQueuesResponse {
  1: list<BlockQueue> queues = [];  // that have blocks, ascending; fewer than the limit: there are no more
}

struct ListQueuedBlocksRequest {
  1: types.RequestHeader header = {};
  2: optional BlockQueue queue;  // required; one that does not exist is empty
  3: binary after = "";          // an id: only those above it; empty: from the first
  4: i32 limit = 0;              // 0, or more than 10,000: 10,000
}

// What a planner of compactions needs to know of a block.
struct QueuedBlock {
  1: binary id = "";             // with the time at which it was made
  2: i64 size = 0;               // bytes of the object
  3: i64 min_time_ns = 0;        // of its data, inclusive
  4: i64 max_time_ns = 0;        // inclusive
}

struct ListQueuedBlocksResponse {
  1: list<QueuedBlock> blocks = [];  // by id, which is oldest first; fewer than the limit: there are no more
}

// All of it must fit one command of the consensus log, about 1 MiB, or it is refused with INVALID_ARGUMENT.
struct ReplaceBlocksRequest {
  1: types.RequestHeader header = {};
  2: list<EncodedBlockMeta> outputs = [];  // put in, without identities; at most 10,000. None: a removal
  3: binary inputs = "";                   // ids, taken out: at least one, at most 10,000, no two alike, none an output
}

struct ReplaceBlocksResponse {
  1: bool already_done = false;  // by an earlier request; nothing changed
}

// A block that was removed from the index, and whose object may still be there.
struct Tombstone {
  1: binary id = "";             // of the block
  2: i64 removed_ns = 0;         // when, by the leader's clock, since the epoch
  3: i64 shard = 0;              // 32 bits, unsigned; this and the next two are of the block, and name its object
  4: i32 level = 0;
  5: string tenant = "";         // empty at level 0
  6: i64 size = 0;               // bytes of the object
}

struct ListTombstonesRequest {
  1: types.RequestHeader header = {};
  2: i64 before_ns = 0;          // only of blocks that were removed before this time; 0: none
  // Only those above (after_removed_ns, after): the last one of the answer before. Empty id: from the first.
  3: i64 after_removed_ns = 0;
  4: binary after = "";          // an id
  5: i32 limit = 0;              // 0, or more than 10,000: 10,000
}

struct ListTombstonesResponse {
  1: list<Tombstone> tombstones = [];  // by (removed_ns, id); fewer than the limit: there are no more
}

struct PurgeTombstonesRequest {
  1: types.RequestHeader header = {};
  2: binary ids = "";            // at most 10,000, no two alike; those without a tombstone are passed over
}

struct PurgeTombstonesResponse {
  1: i64 purged = 0;             // tombstones that there were: fewer when the request is a repeat
}

struct TenantStatsRequest {
  1: types.RequestHeader header = {};
  2: string tenant = "";
}

// One living process.
struct Member {
  1: string id = "";                // stable across restarts
  2: list<string> roles = [];       // "segment-writer", "query-backend", ...
  3: string pipeline_address = "";  // ZeroMQ, "tcp://127.0.0.1:4052"; empty: none
  4: string rpc_address = "";       // Thrift, "host:port"; empty: none
  5: bool draining = false;         // takes nothing new
  6: string jobs_address = "";      // ZeroMQ, of a metastore member: where compaction workers ask for jobs; empty: none
}

struct HeartbeatRequest {
  1: types.RequestHeader header = {};
  2: Member member;
}

// Somebody failed to read the object of this block.
struct ReportSuspectBlockRequest {
  1: types.RequestHeader header = {};
  2: binary id = "";               // 16 bytes, as in BlockMeta
  3: string why = "";              // for people
}

struct MemberList {
  1: i64 version = 0;              // grows when the list changes
  2: list<Member> members = [];    // sorted by id
}

struct PlacementRequest {
  1: types.RequestHeader header = {};
  2: string tenant = "";
  3: string service_name = "";
}

// Where batches of one shard go.
struct ShardPlacement {
  1: i64 shard = 0;                 // 32 bits, unsigned; from 1
  2: list<string> writer_ids = [];  // its owner first, then who stands in, in the order of the ring; at most 16
}

struct PlacementResponse {
  1: i64 version = 0;               // of the member list
  2: list<Member> writers = [];     // of the ring: living segment-writers that take batches and do not drain; sorted by id
  3: list<ShardPlacement> shards = [];  // of the service: one as yet; none without writers
}

service MetastoreService {
  AddBlocksResponse addBlocks(1: AddBlocksRequest request) throws (1: types.BrazierError error);
  FindBlocksResponse findBlocks(1: FindBlocksRequest request) throws (1: types.BrazierError error);
  types.TenantStats tenantStats(1: TenantStatsRequest request) throws (1: types.BrazierError error);
  void heartbeat(1: HeartbeatRequest request) throws (1: types.BrazierError error);
  // The leader looks at the block soon and quarantines it if it cannot read it either. Nothing is promised: reports may be dropped.
  void reportSuspectBlock(1: ReportSuspectBlockRequest request) throws (1: types.BrazierError error);
  MemberList members(1: types.RequestHeader header) throws (1: types.BrazierError error);
  void ready(1: types.RequestHeader header) throws (1: types.BrazierError error);
  // What the index alone answers. All see every addBlocks that was answered before the call.
  QueryLabelsResponse queryLabels(1: QueryLabelsRequest request) throws (1: types.BrazierError error);
  GetBlocksResponse getBlocks(1: GetBlocksRequest request) throws (1: types.BrazierError error);
  ListBlocksResponse listBlocks(1: ListBlocksRequest request) throws (1: types.BrazierError error);
  ListTenantsResponse listTenants(1: ListTenantsRequest request) throws (1: types.BrazierError error);
  // What compaction and retention need. The lists see every change that was answered before the call.
  ListQueuesResponse listQueues(1: ListQueuesRequest request) throws (1: types.BrazierError error);
  ListQueuedBlocksResponse listQueuedBlocks(1: ListQueuedBlocksRequest request) throws (1: types.BrazierError error);
  // Inputs out, outputs in: a reader sees all of it or nothing. Each input leaves a tombstone; while those are there a repeat
  // changes nothing. NOT_FOUND names an input that is not in the index, FAILED_PRECONDITION an output that was removed before.
  ReplaceBlocksResponse replaceBlocks(1: ReplaceBlocksRequest request) throws (1: types.BrazierError error);
  ListTombstonesResponse listTombstones(1: ListTombstonesRequest request) throws (1: types.BrazierError error);
  // Forgets blocks whose objects are deleted; only when no addBlocks of them can be under way.
  PurgeTombstonesResponse purgeTombstones(1: PurgeTombstonesRequest request) throws (1: types.BrazierError error);
  // Where a distributor that knows the members the leader knows would send a service. Leader only, as members.
  PlacementResponse placement(1: PlacementRequest request) throws (1: types.BrazierError error);
}
