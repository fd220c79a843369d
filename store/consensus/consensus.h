// Consensus: the seam to the replicated log. A command that is proposed and committed is applied to the state machine
// exactly once per replica, in the same order everywhere; its answer comes back to the proposer.
//
// Implementation: RaftConsensus (raft-rs behind a C ABI, log and state in one KeyValueStore; tests run it over the
// memory store). One node is a Raft group of one: the same code. Every command has a log index of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/model/group_member.h"
#include "store/kv/key_value_store.h"

namespace brazier::consensus {

// What a group replicates. Called from the consensus thread only; readers synchronise inside the implementation.
class StateMachine {
 public:
  virtual ~StateMachine() = default;
  // Applies one committed command: puts its writes in `batch` (family kState) and returns the encoded answer.
  // Deterministic and total: any bytes give an answer, none throws. Writes of earlier commands of the same round may
  // still be in `batch` only; the implementation keeps whatever overlay it needs to see them.
  virtual std::string Apply(uint64_t index, std::string_view command, kv::WriteBatch& batch) = 0;
  // The writes of the applied commands up to `index` are in the store and visible to readers now.
  virtual void Applied(uint64_t index) = 0;
  // The whole state was replaced, at once, by the one as of `index` (readers of the store see it already): whatever was
  // kept of the old one is void. Not during a round's commands. A failure stops consensus until the process restarts.
  virtual Status Restored(uint64_t index) = 0;
};

struct ConsensusStatus {
  bool is_leader = false;
  uint64_t leader_id = 0;  // 0 when unknown
  uint64_t term = 0;
  uint64_t commit_index = 0;
  uint64_t applied_index = 0;
  uint64_t last_index = 0;
  uint64_t first_index = 0;  // of the log kept
  uint64_t log_bytes = 0;    // likewise
  // Its disk fails, or it was held up for so long that others may have elected a leader: it does not know who leads, and does
  // not claim to.
  bool is_stalled = false;
};

// One change of a group's members. A member is added as a learner, gets everything, and is promoted when it has it.
struct MemberChange {
  enum class Kind : uint8_t {
    kAddVoter,    // makes a voter of a learner
    kAddLearner,
    kRemove,
  };
  Kind kind = Kind::kAddLearner;
  // kRemove needs the id only. For a member that is there already: its name and addresses from now on.
  GroupMember member;
};

// Null: no leader is known.
Status NotLeaderStatus(const GroupMember* leader);

class Consensus {
 public:
  virtual ~Consensus() = default;
  // Proposes a command. `done` is called once, from the consensus thread, with the state machine's answer after the
  // command is durable and applied; or with kUnavailable (not leader, stopping), kResourceExhausted (queue full, in
  // bytes), kInvalidArgument (command larger than kCommandBytesMax) or kDeadlineExceeded (it may still commit).
  // A refusal (full, too large, failing, stopping) calls `done` on the calling thread before Propose returns.
  // `done` must not block or call Stop. deadline: MonotonicNs of the process clock. Thread-safe.
  virtual void Propose(std::string command, int64_t deadline_ns,
                       std::function<void(Result<std::string>)> done) = 0;
  // Blocks until every command committed before the call is applied here; concurrent callers share one confirmation.
  virtual Status ReadBarrier(int64_t deadline_ns) = 0;
  // True when a proposal made now would be expected to commit.
  virtual bool CanCommit() const = 0;
  // True when this member can serve now: commit if it leads, else ask a leader that it knows.
  virtual bool CanServe() const = 0;
  // The error for who needs the leader: kUnavailable, reason "not_leader", naming it and redirecting to it where it is
  // known.
  virtual Status NotLeader() const = 0;
  virtual ConsensusStatus GetStatus() const = 0;
  // Stops accepting, finishes or fails what waits, joins the thread. Idempotent.
  virtual void Stop() = 0;

  static constexpr size_t kCommandBytesMax = 1 << 20;
};

}  // namespace brazier::consensus
