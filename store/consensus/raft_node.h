// RaftNode: one member of a Raft group without threads, clock or sockets: the Raft core, its log, the state machine and
// the way out for messages, driven by calls. RaftConsensus adds the thread; a simulation drives it as it is.
// Snapshots: a member that needs entries which are gone gets the state instead (snapshot_sender.h, snapshot_receiver.h).
// Their frames go through the same Transport and Receive(); the state is replaced in a round's write.
//
// Use: give it inputs (Tick, Receive, Propose, ...), then call RunRound() until it answers that there was nothing to
// do. A round: (1) take what the core has ready; (2) write new entries and hard state in ONE batch, synced; (3) apply
// what is now committed into one batch with the applied index and write it (unsynced: the log can replay it; synced when the
// members changed); (4) hand
// back the answers. When a write fails, RunRound returns its status and the node is `blocked()`: it takes no input, and
// the next RunRound repeats that write. Log entries that are applied and no longer needed are deleted now and then.
// The collaborators are borrowed. Runs on the consensus thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "store/consensus/consensus.h"
#include "store/consensus/raft_log.h"
#include "store/consensus/snapshot_receiver.h"
#include "store/consensus/snapshot_sender.h"
#include "store/consensus/transport.h"

struct raft_core;

namespace brazier::consensus {

struct MemberView;

class RaftNode {
 public:
  struct Options {
    uint64_t node_id = 1;
    // With whom a store that is not founded yet is founded by Open; empty: this node alone. For tests: processes found
    // their groups explicitly (group_founding.h).
    std::vector<uint64_t> voters;
    uint32_t election_ticks = 6;        // the timeout is drawn from [n, 2n) ticks
    uint32_t heartbeat_ticks = 1;
    // Of election timeouts, and of the numbers under which reads travel: another one at every start, since answers to
    // an earlier incarnation's reads may still be under way.
    uint64_t seed = 0;
    uint64_t round_bytes_max = 4 << 20; // of committed entries applied in one round
    uint64_t uncommitted_bytes_max = 64 << 20;
    // The log is truncated when this much of it is applied, down to the last keep_entries (and a quarter of the bytes).
    uint64_t truncate_entries = 10'000;
    uint64_t truncate_bytes = 64 << 20;
    uint64_t keep_entries = 1'000;
    // A snapshot for a member that needs entries which are gone travels in chunks; so many are in memory at a time.
    size_t snapshot_chunk_bytes = 256 << 10;
    size_t snapshot_window_chunks = 4;
  };
  // Of a command, or of an entry that changed the members (no value), or of one without effect (neither).
  struct Answer {
    uint64_t index;
    uint64_t term;
    std::string value;
    bool changed_members = false;
  };
  // A ReadIndex request is confirmed: reads are current once `index` is applied.
  struct ConfirmedRead {
    uint64_t request;
    uint64_t index;
  };
  struct Round {
    bool worked = false;  // false: there was nothing to do
    std::vector<Answer> answers;
    std::vector<ConfirmedRead> reads;
  };
  // Since Open.
  struct SnapshotFigures {
    uint64_t sent = 0;       // that the other side has in place
    uint64_t failed = 0;     // refused or stalled; they begin anew
    uint64_t installed = 0;  // here
  };
  struct CoreStatus : ConsensusStatus {
    bool committed_in_term = false;  // a leader that can serve
    bool is_alone = false;           // the only voter of a group without other members
  };
  // What a leader knows of a member; elsewhere `matched` is 0 and nobody is active.
  struct MemberProgress {
    uint64_t node_id = 0;
    bool is_voter = false;
    bool is_active = false;  // heard of within an election timeout
    uint64_t matched = 0;    // its log up to here is on its disk
  };

  // kCorruption, kFailedPrecondition: see RaftLog::Open.
  static Result<std::unique_ptr<RaftNode>> Open(const Options& options, kv::KeyValueStore& store,
                                                StateMachine& machine, Transport& transport);
  ~RaftNode();
  RaftNode(const RaftNode&) = delete;
  RaftNode& operator=(const RaftNode&) = delete;

  // Inputs. REQUIRES: !blocked(). A status other than OK means that the input had no effect.
  Status Tick();
  Status Campaign();
  // A message from another member, as its Transport sent it.
  Status Receive(std::string_view message);
  // Appends the commands; returns the index of the first, the others follow. kUnavailable on a node that does not lead.
  Result<uint64_t> Propose(std::span<const std::string_view> commands);
  // The answer comes with a round, or never: ask again, under another number.
  Status RequestRead(uint64_t request);
  Status ReportUnreachable(uint64_t id);
  Status TransferLeader(uint64_t to);
  // Appends the change and returns its index. The round that applies the entry there has an answer with changed_members;
  // without, another change was under way and nothing has changed. kUnavailable on a node that does not lead;
  // kFailedPrecondition for a voter that is no learner before, a learner that is a voter, or the last voter's removal.
  Result<uint64_t> ProposeMember(const MemberChange& change);

  Result<Round> RunRound();

  // A write failed and is to be repeated.
  bool blocked() const { return stage_ != Stage::kIdle; }
  // The core failed for good (a bug or a log it cannot read); everything answers this status from now on.
  const Status& broken() const { return broken_; }
  CoreStatus GetStatus() const;
  // In the order of their ids. The core's: ahead of members() while the write that changes them is repeated.
  std::vector<MemberProgress> GetProgress() const;
  // members() with the progress of each.
  std::vector<MemberView> GetMembers() const;
  // Names and addresses of the members as of what is applied, learners too, by id.
  const std::vector<GroupMember>& members() const { return members_; }
  // Grows when members come, go, or change their standing or addresses.
  uint64_t members_version() const { return members_version_; }
  // Of snapshot chunks in memory, to be sent again.
  size_t snapshot_bytes() const { return sender_.held_bytes(); }
  const SnapshotFigures& snapshot_figures() const { return snapshot_figures_; }

 private:
  enum class Stage { kIdle, kLogWrite, kStateWrite };
  // What the core's storage callbacks work on.
  struct CoreStorage {
    RaftLog& log;
    SnapshotSender& sender;
  };
  struct CoreDeleter {
    void operator()(raft_core* core) const;
  };

  RaftNode(const Options& options, kv::KeyValueStore& store, StateMachine& machine,
           Transport& transport, std::unique_ptr<RaftLog> log);
  Status CreateCore();
  Status LoadMembers();
  void NoteActive();
  std::vector<MemberProgress> ProgressOfCore() const;
  Status CheckMemberChange(const MemberChange& change) const;
  Status ApplyMemberChange(const EntryView& entry);
  Status ReceiveSnapshotFrame(std::string_view message);
  void PumpSnapshots();
  Status Install(uint64_t index, uint64_t term);
  void SettleInstall();
  Status FromCore(int32_t code, std::string_view doing);
  Result<bool> TakeReady();
  Status WriteLog();
  Status ApplyCommitted();
  Status WriteState();
  void MaybeTruncateLog();

  const Options options_;
  // Added to requests on the wire: a late answer to a read of an earlier incarnation, which counted from 1 as this one
  // does, must not pass for the answer to a read of this one, since it names an older index.
  const uint64_t first_read_;
  kv::KeyValueStore& store_;
  StateMachine& machine_;
  Transport& transport_;
  const std::unique_ptr<RaftLog> log_;
  SnapshotSender sender_;
  SnapshotReceiver receiver_;
  CoreStorage core_storage_;
  std::unique_ptr<raft_core, CoreDeleter> core_;

  Stage stage_ = Stage::kIdle;
  Status broken_;
  Round round_;                // being built
  kv::WriteBatch log_batch_;   // of the stage kLogWrite
  bool log_must_sync_ = false;
  std::vector<std::pair<uint64_t, std::string>> after_log_;  // messages to send once the log is written
  kv::WriteBatch state_batch_;                               // of the stage kStateWrite
  bool state_must_sync_ = false;
  AppliedState applied_;       // as in state_batch_ during kStateWrite
  bool installing_ = false;    // log_batch_ replaces the state
  std::vector<GroupMember> members_;  // by id
  uint64_t members_version_ = 1;
  uint64_t ticks_ = 0;
  std::map<uint64_t, uint64_t> heard_at_;  // of a leader: by member, the last tick before which it had answered
  SnapshotFigures snapshot_figures_;
};

// A member of the group as one of them knows it: `progress` is zero but for the voter's mark on one that does not lead.
struct MemberView {
  GroupMember member;
  RaftNode::MemberProgress progress;
};

}  // namespace brazier::consensus
