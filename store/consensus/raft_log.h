// RaftLog: the replicated log as kept in the key-value store, with what the Raft core asks of it.
//
// Changes are staged into a batch and take effect here only when the caller says that the batch was written, so a
// failed write can be repeated. In memory: the terms (as runs), the size of each entry, and the entries of the last
// append until ReleaseTail(). The store is borrowed. Runs on the consensus thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "store/consensus/raft_records.h"
#include "store/kv/key_value_store.h"

namespace brazier::consensus {

class RaftLog {
 public:
  // Opens the log of a founded store (group_founding.h). Reads and verifies the whole log.
  // kFailedPrecondition when the store belongs to another node; kCorruption when log and state do not fit each other.
  static Result<std::unique_ptr<RaftLog>> Open(kv::KeyValueStore& store, uint64_t node_id);

  const HardState& hard_state() const { return hard_state_; }
  // As found by Open.
  const AppliedState& opened_applied() const { return applied_; }
  uint64_t first_index() const { return truncation_.index + 1; }
  uint64_t last_index() const { return truncation_.index + entry_bytes_.size(); }
  uint64_t bytes() const { return bytes_; }
  // For [first_index - 1, last_index]; kNotFound outside.
  Result<uint64_t> Term(uint64_t index) const;
  // Visits [low, high) in order, until their data exceeds bytes_max but at least one. The views live for the call.
  Status Read(uint64_t low, uint64_t high, uint64_t bytes_max,
              const std::function<void(const EntryView&)>& visit) const;

  // Stages `entries` (contiguous, starting at most one after the last index); they replace what the log holds at and
  // after the first one's index. REQUIRES: nothing is staged.
  void StageAppend(const std::vector<EntryView>& entries, kv::WriteBatch& batch);
  void StageHardState(const HardState& state, kv::WriteBatch& batch);
  // Stages the deletion of every entry up to `index`. REQUIRES: first_index <= index < last_index
  void StageTruncation(uint64_t index, kv::WriteBatch& batch);
  // Stages the end of the whole log: the state of `snapshot` stands for it. REQUIRES: nothing is staged.
  void StageInstall(const Truncation& snapshot, kv::WriteBatch& batch);
  // The batch with everything staged is written.
  void CommitStaged();
  // The batch will not be written.
  void DropStaged() { staged_ = {}; }

  // The largest index such that at least `keep_entries`, and entries of at most `keep_bytes`, up to `applied` remain.
  uint64_t TruncationIndex(uint64_t applied, uint64_t keep_entries, uint64_t keep_bytes) const;
  void ReleaseTail() { tail_ = {}; }

 private:
  struct TermRun {
    uint64_t first_index;
    uint64_t term;
  };
  struct TailEntry {
    uint64_t term;
    EntryType type;
    std::string context;
    std::string data;
  };
  struct Staged {
    uint64_t append_at = 0;  // 0: nothing appended
    std::vector<TailEntry> entries;
    std::vector<uint32_t> entry_bytes;
    bool has_hard_state = false;
    HardState hard_state;
    uint64_t truncate_to = 0;  // 0: nothing truncated
    Truncation install;        // index 0: nothing installed
  };

  explicit RaftLog(kv::KeyValueStore& store) : store_(store) {}
  Status Load(uint64_t node_id);
  Status LoadEntries();
  Status CheckLoaded() const;
  void AddTerm(uint64_t index, uint64_t term);

  kv::KeyValueStore& store_;
  HardState hard_state_;
  AppliedState applied_;
  Truncation truncation_;
  std::deque<TermRun> terms_;          // of entries in the log, ascending
  std::deque<uint32_t> entry_bytes_;   // of entries [first_index, last_index], as stored
  uint64_t bytes_ = 0;
  uint64_t tail_index_ = 0;            // of tail_[0]
  std::vector<TailEntry> tail_;        // INVARIANT: empty, or ends at last_index
  Staged staged_;
};

}  // namespace brazier::consensus
