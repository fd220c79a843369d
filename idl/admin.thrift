// AdminService: what an operator asks of one process, and of the metastore's group. Multiplexed under the name "AdminService".

include "types.thrift"

namespace cpp brazier.idl
namespace py brazier_idl.admin
namespace go brazier.idl.admin
namespace java brazier.idl
namespace js brazier.idl

struct RoleStatus {
  1: string role = "";      // "distributor", "metastore", ...
  2: bool ready = false;
  3: string message = "";   // why it is not ready
}

struct ProcessStatus {
  1: string version = "";
  2: string member_id = "";
  3: i64 uptime_ms = 0;
  4: list<RoleStatus> roles = [];
}

// ---- The metastore's group. Node and group ids are unsigned 64-bit numbers in two's complement; people are shown 16 hex
// digits. Served by processes that run a metastore; UNIMPLEMENTED elsewhere.

// One member as its group knows it.
struct GroupMember {
  1: i64 node_id = 0;           // drawn by the member itself when its folder was made: a lost disk is another member
  2: string name = "";          // the process's member id, for people
  3: string rpc_address = "";   // "host:port" of its Thrift door
  4: string raft_address = "";  // "tcp://host:port" where the group's messages go
}

struct GroupIdentity {
  1: GroupMember member;
  2: i64 group_id = 0;          // 0: belongs to no group yet
}

struct GroupMemberStatus {
  1: GroupMember member;
  2: bool is_voter = false;     // false: a learner, which gets everything and decides nothing
  3: bool is_leader = false;
  // As the leader knows them; 0 and false in the answer of another member.
  4: i64 matched_index = 0;     // the log up to here is on the member's disk
  5: bool is_active = false;    // heard of within an election timeout
}

// One member's view of itself and of its group.
struct GroupStatus {
  1: GroupIdentity own;          // of the member that answers
  2: bool can_commit = false;
  3: string failure = "";       // why nothing can commit now; empty: no reason is known
  4: i64 leader_id = 0;         // node id; 0: none is known
  5: i64 term = 0;
  6: i64 committed_index = 0;
  7: i64 applied_index = 0;
  8: i64 last_index = 0;
  9: i64 first_index = 0;       // of the log that is kept; what precedes it is in the state only
  10: i64 log_bytes = 0;
  11: list<GroupMemberStatus> members = [];  // ascending by node id as an unsigned number; empty without a group
}

// A copy of the state in the object store.
struct GroupSnapshot {
  1: string key = "";           // folder of its objects
  2: i64 index = 0;             // of the last command in it
  3: i64 bytes = 0;
  4: i64 time_ns = 0;           // when it was taken, ns since the epoch
}

struct FoundGroupRequest {
  1: types.RequestHeader header;
  2: list<string> rpc_addresses = [];  // of all members, "host:port"; the asked one among them
}

struct AdoptGroupRequest {
  1: types.RequestHeader header;
  2: i64 group_id = 0;
  3: list<GroupMember> founders = [];  // all of them when the group begins now; empty: it lives, and adds this member
}

struct AddMemberRequest {
  1: types.RequestHeader header;
  2: string rpc_address = "";          // "host:port" of a member that belongs to no group
}

struct GroupMemberRequest {
  1: types.RequestHeader header;
  2: i64 node_id = 0;
}

// ---- The life of data: compaction, deletion, scrub. Times are ns since the epoch; 0: not, or not yet. Counts are unsigned 64-bit
// numbers in two's complement. Ids are 16 bytes each, big-endian, one after the other where there are several.

struct CompactionLevel {
  1: i32 level = 0;
  2: i64 blocks = 0;            // that wait to be compacted; of the last level: all
  3: i64 bytes = 0;             // of their objects
  4: i64 oldest_wait_ns = 0;    // how long the block has waited that waits longest
  5: i64 queues = 0;            // that have blocks
}

struct RunningJob {
  1: i64 id = 0;
  2: i32 level = 0;             // of the outputs
  3: i64 shard = 0;             // likewise; 32 bits, unsigned; 0: of several shards
  4: string tenant = "";        // empty: of several, segments
  5: i64 inputs = 0;
  6: i64 input_bytes = 0;
  7: string worker = "";        // member id of the process that does it
  8: i64 started_ns = 0;        // by its first worker
  9: i32 attempts = 0;          // workers that it was given to, this one included
  10: i64 bytes_done = 0;       // of the inputs, as the worker says
}

struct FailedBlock {
  1: binary id = "";
  2: i32 failures = 0;          // jobs with this block that failed, one after the other
  3: i64 not_before_ns = 0;     // when it may be in a job again
  4: string error = "";         // of the last one
}

struct CompactionStatus {
  1: bool is_paused = false;    // no job is handed out
  2: list<CompactionLevel> levels = [];  // ascending
  3: list<RunningJob> jobs = [];         // ascending by id
  4: list<FailedBlock> waiting_after_failure = [];  // at most 1,000
  5: i64 workers = 0;           // that asked for jobs lately
  6: i64 jobs_finished = 0;     // this and the next three: since this member leads
  7: i64 jobs_failed = 0;
  8: i64 bytes_read = 0;        // of inputs
  9: i64 bytes_written = 0;     // of outputs
  10: i64 tombstones = 0;       // removed blocks whose objects are not deleted yet
  11: i64 tombstone_bytes = 0;  // of these objects
  12: i64 quarantined = 0;      // blocks whose objects must not be read
}

struct PauseCompactionRequest {
  1: types.RequestHeader header = {};
  2: bool paused = false;
}

struct ForceCompactionRequest {
  1: types.RequestHeader header = {};
  2: list<i32> levels = [];     // of the inputs; empty: all but the last
  3: string tenant = "";        // empty: of all
}

struct BlocksRequest {
  1: types.RequestHeader header = {};
  2: binary ids = "";
}

// Which profiles of which series.
struct DataFilter {
  1: string tenant = "";        // exact, required
  2: string service_name = "";     // exact; empty: all of the tenant's
  3: string selector = "";      // as of queries; empty: every series
  4: i64 start_ns = 0;          // of profiles' times, inclusive
  5: i64 end_ns = 0;            // inclusive
}

struct DeleteDataRequest {
  1: types.RequestHeader header = {};
  2: binary id = "";            // the caller's, a ULID: a repeat with the same id is the same deletion
  3: DataFilter filter = {};
}

struct DataDeletion {
  1: binary id = "";
  2: DataFilter filter = {};
  3: i64 created_ns = 0;        // since then no query sees what it names
  4: i64 blocks = 0;            // that held something of it
  5: i64 blocks_to_rewrite = 0; // of them, those that are as they were
  6: i64 objects_to_delete = 0; // of blocks that were replaced or removed, whose objects are still in the store
  7: i64 confirmed_ns = 0;      // when the last object that held something of it was gone
}

struct ListDeletionsRequest {
  1: types.RequestHeader header = {};
  2: string tenant = "";        // empty: of all
}

struct DeletionList {
  1: list<DataDeletion> deletions = [];  // newest first, at most 1,000; those confirmed more than 30 days ago are forgotten
}

struct QuarantinedBlock {
  1: binary id = "";
  2: string object_key = "";    // empty: its entry in the index cannot be read
  3: string reason = "";
  4: i64 since_ns = 0;
}

struct QuarantineList {
  1: list<QuarantinedBlock> blocks = [];  // by id, at most 10,000
}

struct StartScrubRequest {
  1: types.RequestHeader header = {};
  2: bool repairs = false;      // false: it looks and changes nothing
}

struct ScrubStatus {
  1: bool is_running = false;
  2: bool repairs = false;
  3: i64 started_ns = 0;        // 0: there was none since this member leads
  4: i64 ended_ns = 0;
  5: i64 objects = 0;           // looked at
  6: i64 bytes = 0;             // read
  7: i64 objects_total = 0;     // in the store when it began; 0: not known yet
  8: i64 corrupt = 0;           // objects whose bytes are not what they were
  9: i64 missing = 0;           // in the index, not in the store
  10: i64 different = 0;        // footer and index disagree
  11: i64 orphans = 0;          // in the store, not in the index
  12: i64 quarantined = 0;      // blocks, by this scrub
  13: i64 released = 0;         // from quarantine, because they are whole
  14: i64 condemned = 0;        // orphans given up for deletion, by this scrub and after it
  15: list<string> findings = [];  // for people, at most 1,000
  16: string error = "";        // why it ended early; empty: it did not
}

service AdminService {
  ProcessStatus status(1: types.RequestHeader header) throws (1: types.BrazierError error);
  // The page that Prometheus scrapes.
  string metricsText(1: types.RequestHeader header) throws (1: types.BrazierError error);
  // Returns when every role of the process is ready; throws UNAVAILABLE with the first that is not.
  void ready(1: types.RequestHeader header) throws (1: types.BrazierError error);

  // ---- The metastore's group. "Leader": other members throw UNAVAILABLE with reason "not_leader", and redirect where they
  // know the leader. All may be repeated.

  // Who this member is and which group it belongs to.
  GroupIdentity identify(1: types.RequestHeader header) throws (1: types.BrazierError error);
  GroupStatus groupStatus(1: types.RequestHeader header) throws (1: types.BrazierError error);
  // Founds a group of the members at these addresses and answers its id, which follows from the node ids: asking twice, or
  // two members at once, founds one group. FAILED_PRECONDITION when a member belongs to another group, UNAVAILABLE when one
  // does not answer: nothing was done then, or a part that a repetition completes.
  i64 foundGroup(1: FoundGroupRequest request) throws (1: types.BrazierError error);
  // Member to member: join this group. FAILED_PRECONDITION when it belongs to another.
  void adoptGroup(1: AdoptGroupRequest request) throws (1: types.BrazierError error);
  // Leader. Adds a member as a learner and answers its node id.
  i64 addMember(1: AddMemberRequest request) throws (1: types.BrazierError error);
  // Leader. Makes a learner a voter. UNAVAILABLE with reason "not_caught_up" while it lacks too much of the log. When the
  // group has another member under the same address, whose disk is lost, that one is removed.
  void promoteMember(1: GroupMemberRequest request) throws (1: types.BrazierError error);
  // Leader. A member that is not there is removed. Removing the leader moves leadership first and throws UNAVAILABLE with
  // reason "not_leader". FAILED_PRECONDITION for the only voter, and when those that would be left cannot commit now.
  void removeMember(1: GroupMemberRequest request) throws (1: types.BrazierError error);
  // Leader. Returns when another leads. node_id 0: the voter whose log goes furthest, whichever that is.
  void transferLeadership(1: GroupMemberRequest request) throws (1: types.BrazierError error);
  // Writes this member's state as of now to the object store.
  GroupSnapshot takeSnapshot(1: types.RequestHeader header) throws (1: types.BrazierError error);

  // ---- The life of data. All are the leader's, as above. UNIMPLEMENTED, reason "no_compaction" or none, where a process has no
  // scheduler or no object store. All may be repeated; a repeated startScrub is refused while the scrub runs.

  CompactionStatus compactionStatus(1: types.RequestHeader header) throws (1: types.BrazierError error);
  // What runs is finished, nothing begins. Survives restarts.
  void pauseCompaction(1: PauseCompactionRequest request) throws (1: types.BrazierError error);
  // What waits in these queues is due now, however little it is.
  void forceCompaction(1: ForceCompactionRequest request) throws (1: types.BrazierError error);
  // Blocks that wait after a failure wait no longer; no ids: all of them. Answers how many.
  i64 retryFailed(1: BlocksRequest request) throws (1: types.BrazierError error);
  // Hides what the filter names from queries at once, and has it taken out of the objects. Data that comes later is not concerned.
  // INVALID_ARGUMENT for a bad filter, RESOURCE_EXHAUSTED when it concerns more blocks than one deletion may: narrow the range.
  DataDeletion deleteData(1: DeleteDataRequest request) throws (1: types.BrazierError error);
  DeletionList listDeletions(1: ListDeletionsRequest request) throws (1: types.BrazierError error);
  QuarantineList listQuarantined(1: types.RequestHeader header) throws (1: types.BrazierError error);
  // These blocks, at most 10,000, are read again as if nothing had been. Answers how many were in quarantine.
  i64 releaseQuarantined(1: BlocksRequest request) throws (1: types.BrazierError error);
  // Begins a walk over bucket and index and returns. FAILED_PRECONDITION, reason "scrub_runs", while one runs.
  void startScrub(1: StartScrubRequest request) throws (1: types.BrazierError error);
  // The one that runs, or the last one.
  ScrubStatus scrubStatus(1: types.RequestHeader header) throws (1: types.BrazierError error);
}
