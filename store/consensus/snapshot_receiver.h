// SnapshotReceiver: the other side. Writes the records of one transfer at a time to family kStaging, a frame at a time,
// while the member goes on with the state it has; a finished and verified one takes the state's place in one batch
// (kv::WriteBatch::SwapState). So no crash leaves half a state: what is in kStaging at Open() is deleted, and the leader
// begins anew.
//
// Frames are taken in their order only; each is answered with the number that is waited for, so loss, repetition and
// reordering cost a repetition. A frame that could not be written (full disk) is not answered: it comes again. Keys must
// ascend over the whole transfer; counts and the checksum over all must fit at the end.
// In memory: one frame. Borrows store and transport. Runs on the consensus thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "store/consensus/raft_records.h"
#include "store/consensus/snapshot_frames.h"
#include "store/consensus/transport.h"
#include "store/kv/key_value_store.h"

namespace brazier::consensus {

class SnapshotReceiver {
 public:
  struct Options {
    uint64_t node_id = 1;
    uint32_t stall_ticks = 240;  // then a transfer without frames is given up
  };
  // A whole state that waits in kStaging.
  struct Complete {
    uint64_t from;
    uint64_t term;
    uint64_t index;
    uint64_t index_term;
    std::string members;
  };

  SnapshotReceiver(const Options& options, kv::KeyValueStore& store, Transport& transport)
      : options_(options), store_(store), transport_(transport) {}

  // Deletes what an interrupted transfer or install left.
  Status Open();
  // A frame that is no answer. `term` and `commit`: of this member. True when the transfer is complete now: the caller
  // decides between StageInstall() with Installed(), and Drop().
  bool Receive(const SnapshotFrame& frame, uint64_t term, uint64_t commit);
  void Tick();

  const std::optional<Complete>& complete() const { return complete_; }
  // REQUIRES: complete()
  void StageInstall(kv::WriteBatch& batch) const;
  // The batch is written.
  void Installed();
  // It is not needed, or refused.
  void Drop(SnapshotAnswer answer);

 private:
  struct Transfer {
    SnapshotFrame head;  // without views
    std::string members;
    uint32_t next_number = 1;
    uint64_t records_count = 0;
    uint64_t records_bytes = 0;
    uint32_t records_crc = 0;
    std::string last_key;
    uint32_t idle_ticks = 0;
  };

  void Begin(const SnapshotFrame& offer, uint64_t term, uint64_t commit);
  // False: the transfer cannot go on.
  bool TakeRecords(const SnapshotFrame& frame);
  bool Fits(const SnapshotFrame& end) const;
  bool ClearStaging();
  void Answer(const SnapshotFrame& to, SnapshotAnswer answer, uint32_t number);

  const Options options_;
  kv::KeyValueStore& store_;
  Transport& transport_;
  bool staging_dirty_ = false;  // kStaging may hold keys
  std::optional<Transfer> transfer_;
  std::optional<Complete> complete_;
  SnapshotFrame last_ended_;  // its repeated frames get last_answer_ again
  SnapshotAnswer last_answer_ = SnapshotAnswer::kRefused;
};

}  // namespace brazier::consensus
