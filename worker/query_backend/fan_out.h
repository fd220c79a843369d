// FanOut: decides who does which part of a merge node, and what happens when somebody is slow, busy or gone.
//
// A pure state machine: no sockets, threads or clocks; time comes with the events, and equal events give equal decisions.
//   1. A part waits until an executor has room: ourselves for one part at a time, each peer for `parts_per_peer`. The least loaded comes
//      first, then whoever is likely to have the part's data in its cache (rendezvous hashing of the part's affinity).
//   2. What a peer could not do waits again: for anybody while there are retries left, then for ourselves. We refuse nothing, so an
//      open part always ends, and no state of the peers can make the whole fail.
//   3. A peer that failed gets nothing more, one that was busy rests, one that was overtaken (4) gets nothing before it has answered.
//   4. When nothing waits and somebody idles, the part that has been under way for longest, and longer than the hedge delay, is given
//      to it as well, for at most `hedges_percent_max` of the parts.
//   5. The first answer to a part counts; what comes later is dropped. So an answer never holds a part twice, nor lacks one.
//   6. What a peer says about the data or the query (a damaged block, memory, deadline), and whatever fails here, fails the whole.
// Bounded by construction: attempts at most parts + retries_max + hedges + the parts that come back to ourselves.
// Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace brazier::query_backend {

struct FanOutLimits {
  size_t parts_max = 256;     // of a merge node that is shared out; one with more is done here
  size_t parts_per_peer = 2;  // under way at a time: one that is read, and one on its way
  int hedges_percent_max = 20;  // of the parts, rounded up; 0: no hedges
  // A part is slow after so many times the median of the parts that are done, and at least the minimum; while none is
  // done, after the first delay.
  int hedge_factor = 3;
  int64_t hedge_delay_min_ns = 50 * kNsPerMs;
  int64_t hedge_delay_first_ns = kNsPerSecond;
  int64_t busy_pause_ns = 100 * kNsPerMs;
};

class FanOut {
 public:
  static constexpr size_t kSelf = 0;  // the executor that is this process

  struct Part {
    uint64_t bytes = 0;
    uint64_t affinity = 0;  // equal for parts that read the same
  };
  // One execution of a part by an executor.
  struct Attempt {
    uint64_t id = 0;  // ascending
    size_t part = 0;
    size_t executor = 0;  // kSelf, or one more than the peer's position
    bool is_hedge = false;
  };
  // What is to be done now.
  struct Step {
    std::vector<Attempt> begin;
    std::vector<uint64_t> cancel;  // attempts whose answers nobody wants any more
    bool counts = false;           // OnAnswer: the answer is the part's; else it is to be dropped
  };
  struct PartHistory {
    uint32_t retries = 0;
    uint32_t hedges = 0;
  };

  // executors: names, ourselves first. REQUIRES: neither is empty.
  FanOut(const FanOutLimits& limits, size_t retries_max, std::vector<Part> parts, const std::vector<std::string>& executors);

  // Once, before anything else.
  Step Begin(int64_t now_ns) { return Decide(now_ns, {}); }
  // Of attempts that are not open (cancelled, ended, unknown) nothing follows.
  Step OnAnswer(uint64_t attempt, int64_t now_ns);
  Step OnFailure(uint64_t attempt, const Status& failure, int64_t now_ns);
  Step OnTick(int64_t now_ns);
  // When OnTick() may have something to do, if no event comes before; INT64_MAX: never.
  int64_t next_tick_ns() const { return next_tick_ns_; }

  bool IsOpen(uint64_t attempt) const { return open_.contains(attempt); }
  bool IsDone() const { return parts_done_ == parts_.size(); }
  // OK unless the whole has failed; then every attempt was cancelled.
  const Status& failure() const { return failure_; }
  const PartHistory& history(size_t part) const { return parts_[part].history; }
  size_t retries_left() const { return retries_left_; }
  size_t hedges_max() const { return hedges_max_; }

  // The n peers that are likeliest to have data of this affinity in their caches, in their order.
  static std::vector<size_t> Choose(uint64_t affinity, const std::vector<std::string>& peers, size_t n);

 private:
  enum class PartState { kWaiting, kUnderWay, kDone };
  struct PartEntry {
    Part part;
    PartState state = PartState::kWaiting;
    bool is_for_self = false;           // nobody else gets it any more
    std::vector<uint64_t> open;         // attempts: one, or two with a hedge
    std::vector<uint32_t> rank;         // by executor: how many others suit it better
    PartHistory history;
  };
  struct Executor {
    size_t open = 0;  // attempts
    bool is_gone = false;
    bool is_overtaken = false;
    int64_t rests_until_ns = INT64_MIN;
  };
  struct OpenAttempt {
    Attempt attempt;
    int64_t begun_ns = 0;
  };

  Step Decide(int64_t now_ns, Step step);
  void Assign(int64_t now_ns, Step* step);
  void Hedge(int64_t now_ns, Step* step);
  void SetNextTick(int64_t now_ns);
  bool MayTake(size_t executor, int64_t now_ns) const;
  size_t RoomOf(size_t executor) const { return executor == kSelf ? 1 : limits_.parts_per_peer; }
  void Start(size_t part, size_t executor, bool is_hedge, int64_t now_ns, Step* step);
  // Takes the attempt out of the books.
  OpenAttempt End(uint64_t attempt);
  void CancelOpen(PartEntry& part, Step* step);
  Step Fail(Status status, Step step);
  int64_t HedgeDelayNs() const;

  const FanOutLimits limits_;
  const size_t hedges_max_;
  size_t hedges_ = 0;
  size_t retries_left_;
  std::vector<PartEntry> parts_;
  std::vector<Executor> executors_;
  std::map<uint64_t, OpenAttempt> open_;  // by id, oldest first
  std::vector<int64_t> durations_ns_;     // of the attempts that counted, ascending
  size_t parts_done_ = 0;
  uint64_t next_attempt_ = 1;
  int64_t next_tick_ns_ = INT64_MAX;
  Status failure_;
};

}  // namespace brazier::query_backend
