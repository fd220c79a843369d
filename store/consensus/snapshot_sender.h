// SnapshotSender: the leader's side of snapshots. Streams the state, as of one moment, to members that need log entries
// which are gone.
//
// 1. Offer() pins the store and notes what it is a snapshot of.
// 2. Pump() keeps up to window_frames frames of each transfer under way, read in key order from the pinned store; each
//    answer makes room for the next. Frames stay in memory until they are answered: window_frames of about chunk_bytes
//    (a larger record is a frame of its own).
// 3. What is not answered within resend_ticks is sent again; a transfer without progress for stall_ticks has failed.
// 4. TakeOutcomes() says which transfers ended, for the core. A transfer ends silently when this member no longer leads.
// While a transfer runs, and linger_ticks after, HoldIndex() names the entry after which the log should be kept, or the
// other side would need the next snapshot at once.
// Borrows store, log and transport. No thread, clock or lock of its own; runs on the consensus thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/consensus/raft_log.h"
#include "store/consensus/snapshot_frames.h"
#include "store/consensus/transport.h"
#include "store/kv/key_value_store.h"

namespace brazier::consensus {

class SnapshotSender {
 public:
  struct Options {
    uint64_t node_id = 1;
    size_t chunk_bytes = 256 << 10;
    size_t window_frames = 4;
    size_t transfers_max = 2;
    uint32_t resend_ticks = 4;
    uint32_t stall_ticks = 120;
    uint32_t linger_ticks = 240;
  };
  struct Outcome {
    uint64_t to;
    bool ok;
  };

  SnapshotSender(const Options& options, const kv::KeyValueStore& store, const RaftLog& log,
                 Transport& transport)
      : options_(options), store_(store), log_(log), transport_(transport) {}

  // Begins a transfer to `to`, in place of an older one. kUnavailable when too many run.
  // The members of the answer live until the transfer ends.
  struct Offered {
    uint64_t index;
    uint64_t term;
    std::string_view members;
  };
  Result<Offered> Offer(uint64_t to);
  bool active() const { return !transfers_.empty(); }
  // Sends what fits the windows. `term`: in which this member leads; 0 when it does not.
  void Pump(uint64_t term);
  void Tick();
  void Receive(const SnapshotFrame& answer);
  std::vector<Outcome> TakeOutcomes() { return std::exchange(outcomes_, {}); }

  // UINT64_MAX: none.
  uint64_t HoldIndex() const;
  size_t held_bytes() const;  // frames in memory

 private:
  struct Transfer {
    uint64_t id = 0;
    uint64_t term = 0;  // 0: not sent yet
    uint64_t index = 0;
    uint64_t index_term = 0;
    std::string members;
    std::unique_ptr<kv::Reader> state;
    std::string after_key;  // the next record is at or after it
    uint64_t records_count = 0;
    uint64_t records_bytes = 0;
    uint32_t records_crc = 0;
    uint32_t next_number = 0;
    bool ended = false;              // the end is among the frames
    std::deque<std::string> frames;  // not answered yet; the last one is next_number - 1
    uint32_t idle_ticks = 0;
  };
  struct Held {
    uint64_t index;
    uint32_t ticks_left;
  };

  Status AddFrame(uint64_t to, Transfer& transfer);
  void End(uint64_t to, bool ok);

  const Options options_;
  const kv::KeyValueStore& store_;
  const RaftLog& log_;
  Transport& transport_;
  uint64_t last_id_ = 0;
  std::map<uint64_t, Transfer> transfers_;  // by member
  std::map<uint64_t, Held> lingering_;      // by member
  std::vector<Outcome> outcomes_;
};

}  // namespace brazier::consensus
