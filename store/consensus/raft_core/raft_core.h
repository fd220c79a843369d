/* raft_core: the Raft core (crate `raft`) behind a C ABI. A pure state machine: it does no I/O, reads no clock, starts
 * no thread and draws no random number of its own; its log is read through the callbacks of raft_core_storage.
 *
 * Use: create; then repeat { tick / step / propose / campaign / ...; while raft_core_ready() says so: make the view
 * durable, send its messages, call raft_core_advance(), apply what is committed, call raft_core_advance_apply() }.
 * Between raft_core_ready() and raft_core_advance() no other call that takes a mutable core is allowed (they answer
 * RAFT_CORE_BUSY), so a caller whose disk is full keeps the view and retries.
 *
 * Ownership: pointers in a view live until the next call on the same core. Pointers passed in are copied.
 * Threads: Thread-compatible; callbacks run on the calling thread, inside the call.
 * Failure: no panic leaves this library. A panic poisons the core: that call and every later one answers
 * RAFT_CORE_POISONED, raft_core_last_error() says why, and the process must reopen the group from its log. */
#ifndef STORE_CONSENSUS_RAFT_CORE_RAFT_CORE_H_
#define STORE_CONSENSUS_RAFT_CORE_RAFT_CORE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct raft_core raft_core;
typedef struct raft_core_entry_sink raft_core_entry_sink;

enum {
  RAFT_CORE_OK = 0,
  RAFT_CORE_INVALID = 1,    /* bad argument or undecodable bytes */
  RAFT_CORE_NOT_LEADER = 2, /* propose on a node that does not lead */
  RAFT_CORE_DROPPED = 3,    /* the core refused the proposal (leadership is moving, too much uncommitted) */
  RAFT_CORE_BUSY = 4,       /* a ready view is outstanding */
  RAFT_CORE_FAILED = 5,     /* refused by the core: see raft_core_last_error */
  RAFT_CORE_POISONED = 6,   /* a panic was caught, now or earlier */
};

/* What storage callbacks answer. */
enum {
  RAFT_CORE_STORAGE_OK = 0,
  RAFT_CORE_STORAGE_COMPACTED = 1,   /* the index is before the log that is kept */
  RAFT_CORE_STORAGE_UNAVAILABLE = 2, /* the index is after the log */
  RAFT_CORE_STORAGE_FAILED = 3,      /* the log could not be read */
};

typedef struct {
  const uint8_t* data;
  size_t size;
} raft_core_bytes;

enum {
  RAFT_CORE_ENTRY_NORMAL = 0,
  RAFT_CORE_ENTRY_CONF_CHANGE = 1,
  RAFT_CORE_ENTRY_CONF_CHANGE_V2 = 2,
};

typedef struct {
  uint64_t term;
  uint64_t index;
  uint32_t type;
  raft_core_bytes data;
  raft_core_bytes context;
} raft_core_entry;

typedef struct {
  uint64_t term;
  uint64_t vote;
  uint64_t commit;
} raft_core_hard_state;

/* What a state is a snapshot of: the last applied entry and the members as of it. */
typedef struct {
  uint64_t index;
  uint64_t term;
  raft_core_bytes conf_state;
} raft_core_snapshot;

/* The log as the core reads it. first_index is truncated index + 1. */
typedef struct {
  void* owner;
  uint64_t (*first_index)(void* owner);
  uint64_t (*last_index)(void* owner);
  /* For indexes in [first_index - 1, last_index]. */
  int32_t (*term)(void* owner, uint64_t index, uint64_t* term);
  /* Pushes the entries of [low, high) in order through raft_core_push_entry until their data exceeds bytes_max, at
   * least one. */
  int32_t (*entries)(void* owner, uint64_t low, uint64_t high, uint64_t bytes_max,
                     raft_core_entry_sink* sink);
  /* Member `to` needs entries that are gone: answers OK and what will be sent to it, or anything else for "not now" (the
   * core asks again). May be NULL. The core sends no message for it: when the owner has brought the state to `to`, it
   * says so with raft_core_report_snapshot, and the other side calls raft_core_step_snapshot. */
  int32_t (*snapshot)(void* owner, uint64_t to, raft_core_snapshot* snapshot);
} raft_core_storage;

void raft_core_push_entry(raft_core_entry_sink* sink, const raft_core_entry* entry);

typedef struct {
  uint64_t id; /* not 0 */
  uint64_t applied;
  uint32_t election_ticks; /* greater than heartbeat_ticks; the timeout is drawn from [n, 2n) */
  uint32_t heartbeat_ticks;
  uint64_t message_bytes_max;   /* of entries in one append message */
  uint64_t uncommitted_bytes_max; /* proposals over it are dropped */
  uint64_t committed_bytes_max; /* of committed entries in one ready view */
  uint64_t seed;                /* of election timeouts: the same seed and inputs replay the same run */
  raft_core_hard_state hard_state;
  raft_core_bytes conf_state; /* as raft_core_conf_state or a view gave it; empty: a snapshot will tell */
} raft_core_options;

typedef struct {
  uint64_t to;
  raft_core_bytes bytes;
} raft_core_message;

typedef struct {
  uint64_t index;
  uint64_t request; /* what raft_core_read_index was given */
} raft_core_read_state;

/* In the order of handling: `messages` may be sent at once; write entries and hard_state (synced when must_sync);
 * then send `persisted_messages`. Committed entries come with the view of raft_core_advance() only. */
typedef struct {
  const raft_core_message* messages;
  size_t messages_count;
  const raft_core_entry* entries; /* they replace whatever the log holds at and after the first one's index */
  size_t entries_count;
  uint32_t must_sync;
  uint32_t has_hard_state;
  raft_core_hard_state hard_state;
  const raft_core_message* persisted_messages;
  size_t persisted_messages_count;
  const raft_core_entry* committed;
  size_t committed_count;
  const raft_core_read_state* read_states;
  size_t read_states_count;
  uint32_t has_snapshot; /* only after raft_core_step_snapshot */
  uint64_t snapshot_index;
  uint64_t snapshot_term;
  raft_core_bytes snapshot_conf_state;
  raft_core_bytes snapshot_data;
} raft_core_view;

typedef struct {
  uint64_t term;
  uint64_t vote;
  uint64_t commit;
  uint64_t applied;
  uint64_t last_index;
  uint64_t leader_id;             /* 0 when unknown */
  uint32_t is_leader;
  uint32_t committed_in_term;     /* the leader has committed an entry of its term: it can serve reads */
  uint32_t is_singleton;          /* one voter */
  uint32_t randomized_election_ticks;
  uint32_t members_count;         /* voters and learners; 0: not told yet */
  uint32_t is_promotable;         /* a voter, that may lead */
  uint64_t lead_transferee;       /* to whom leadership moves; 0: it does not */
} raft_core_status;

enum {
  RAFT_CORE_MEMBER_ADD_VOTER = 0, /* makes a voter of a learner too */
  RAFT_CORE_MEMBER_REMOVE = 1,
  RAFT_CORE_MEMBER_ADD_LEARNER = 2,
};

typedef struct {
  uint64_t id;
  uint64_t matched; /* the log up to here is on its disk, as a leader knows; 0 on others */
  uint32_t is_voter;
  uint32_t is_active; /* a leader has heard of it within an election timeout */
} raft_core_member;

typedef struct {
  uint32_t type; /* as in the wire format: 7 is MsgSnapshot */
  uint64_t from;
  uint64_t to;
  uint64_t term;
} raft_core_message_header;

/* Answers NULL and writes why (NUL-terminated, truncated) when the options are refused. `storage` is copied; its
 * owner outlives the core. */
raft_core* raft_core_create(const raft_core_options* options, const raft_core_storage* storage,
                            char* error, size_t error_size);
void raft_core_destroy(raft_core* core);
/* NUL-terminated; empty when nothing failed. */
const char* raft_core_last_error(const raft_core* core);

int32_t raft_core_tick(raft_core* core);
/* A heartbeat that counts on entries which this log does not have means that the log was lost with its disk: the core
 * tells the leader, and answers RAFT_CORE_FAILED to votes and raft_core_campaign until it has committed as much again. */
int32_t raft_core_step(raft_core* core, const uint8_t* message, size_t size);
/* Leader `from` of `term` has brought this member the state of `snapshot`. When the core takes it, the next view has it;
 * when it does not (an old term, a commit index beyond it, entries that fit), the next view has none. */
int32_t raft_core_step_snapshot(raft_core* core, uint64_t from, uint64_t term,
                                const raft_core_snapshot* snapshot);
int32_t raft_core_campaign(raft_core* core);
/* Appends one normal entry for each command; all or none. *first_index is the first one's index, the others follow. */
int32_t raft_core_propose(raft_core* core, const raft_core_bytes* commands, size_t count,
                          uint64_t* first_index);
/* The answer comes as a read state with the same request, or never (leader unknown or changed): ask again. */
int32_t raft_core_read_index(raft_core* core, uint64_t request);
int32_t raft_core_report_unreachable(raft_core* core, uint64_t id);
int32_t raft_core_report_snapshot(raft_core* core, uint64_t id, int32_t ok);
int32_t raft_core_transfer_leader(raft_core* core, uint64_t to);

/* Sets *has_ready; when it is 1, *view is filled and must be handled and advanced. */
int32_t raft_core_ready(raft_core* core, raft_core_view* view, uint32_t* has_ready);
/* The outstanding view is durable. Fills the view with what can be applied and sent now: committed entries and
 * messages only; its hard_state.commit is for information and need not be written. */
int32_t raft_core_advance(raft_core* core, raft_core_view* view);
/* Everything handed out as committed up to here is applied. */
int32_t raft_core_advance_apply(raft_core* core);

/* Appends an entry that changes one member (one at a time: no joint configurations, which raft-rs may fail to leave when
 * its leader changes). While an earlier change is not applied the entry at *index becomes an empty normal one. */
int32_t raft_core_propose_member(raft_core* core, uint32_t kind, uint64_t id, raft_core_bytes context,
                                 uint64_t* index);
/* Writes at most `capacity` of the current members, in no order; *count is how many there are. */
int32_t raft_core_members(const raft_core* core, raft_core_member* out, size_t capacity, size_t* count);
/* Applies a committed conf change entry (its type and data); *conf_state lives until the next call. */
int32_t raft_core_apply_conf_change(raft_core* core, uint32_t type, const uint8_t* data, size_t size,
                                    raft_core_bytes* conf_state);
/* The current one, to be stored. */
int32_t raft_core_conf_state(raft_core* core, raft_core_bytes* conf_state);
/* Writes the encoded conf state of a group of `count` voters; answers its size, or 0 when `size` is too small. */
size_t raft_core_encode_conf_state(const uint64_t* voters, size_t count, uint8_t* out, size_t size);

int32_t raft_core_get_status(const raft_core* core, raft_core_status* status);
int32_t raft_core_decode_header(const uint8_t* message, size_t size,
                                raft_core_message_header* header);

/* Panics on purpose inside the guard: for the test that a panic poisons and does not spread. */
int32_t raft_core_panic_for_test(raft_core* core);

#ifdef __cplusplus
}
#endif

#endif /* STORE_CONSENSUS_RAFT_CORE_RAFT_CORE_H_ */
