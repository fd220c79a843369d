// BlockPool: the blocks that wait to be compacted, by queue, and which of them are due as a job. The scheduler's memory.
//
// A queue is due when its blocks reach a bound, when its oldest one has waited long enough, or at once when one of them is urgent
// (data of it was deleted, an operator asked). Blocks that failed wait until their time; those that failed often are alone in a job.
// Due queues are taken in the order of levels; within a level tenants take turns, and of a tenant the queue goes first that was due
// first.
//
// Bounded: over policy.blocks_known_max the blocks of the highest level are forgotten first, never urgent ones if it can be helped;
// wants_reload() says when there is room for what was forgotten. Pure: time is a parameter. Thread-compatible.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/ulid.h"
#include "common/contract/lifecycle.h"
#include "server/metastore/compaction/compaction_policy.h"
#include "store/index/block_queue.h"

namespace brazier::metastore {

struct WaitingBlock {
  uint64_t size = 0;
  int64_t since_ns = 0;       // its age counts from then
  int64_t not_before_ns = 0;  // after a failure
  uint32_t failures = 0;
  bool must_be_rewritten = false;
  bool is_forced = false;
  bool is_urgent() const { return must_be_rewritten || is_forced; }
};

// What makes a job.
struct Batch {
  index::QueueName queue;
  uint32_t output_level = 0;
  std::map<Ulid, WaitingBlock> blocks;
  uint64_t bytes = 0;
};

class BlockPool {
 public:
  explicit BlockPool(const CompactionPolicy& policy) : policy_(policy) {}

  void Clear();
  // Puts a block into its queue, or replaces what is known of it.
  void Put(const index::QueueName& queue, const Ulid& id, const WaitingBlock& block, int64_t now_ns);
  void Remove(const index::QueueName& queue, const Ulid& id, int64_t now_ns);
  // Also for a block that was forgotten or, being of the last level, never waits.
  void MustBeRewritten(const index::QueueName& queue, const Ulid& id, int64_t now_ns);
  // What waits in queues of these levels (empty: all but the last) and this tenant (empty: any) is due now.
  void Force(const std::vector<uint32_t>& levels, const std::string& tenant, int64_t now_ns);

  // The batch whose turn it is, out of the pool; none when nothing is due.
  std::optional<Batch> TakeDue(int64_t now_ns);
  // When something becomes due; <= now_ns: it is. INT64_MAX: never.
  int64_t NextDueNs() const;

  size_t size() const { return size_; }
  bool wants_reload() const;
  // One for each level from 0 to the last.
  std::vector<contract::LevelOverview> Overview(int64_t now_ns) const;

 private:
  static constexpr int64_t kNever = INT64_MAX;
  struct Queue {
    std::map<Ulid, WaitingBlock> blocks;
    // Each block is in one of these, as its failures say.
    std::set<std::pair<int64_t, Ulid>> together;  // by since: may be in a job with others
    std::set<std::pair<int64_t, Ulid>> alone;     // by since: only alone
    std::set<std::pair<int64_t, Ulid>> later;     // by not_before
    uint64_t together_bytes = 0;
    size_t urgent = 0;    // of those together
    int64_t due_ns = kNever;  // as it stands in timers_ or due_
    bool is_due = false;      // it stands in due_
  };
  using Queues = std::map<index::QueueName, Queue>;
  // Turns of tenants at one level (start-time fair queuing, each job of equal weight).
  struct Turn {
    uint64_t start = 0;
    std::set<std::pair<int64_t, index::QueueName>> queues;  // by due
  };
  struct Level {
    std::map<std::string, Turn> tenants;
    uint64_t start = 0;  // of who had the last turn
  };

  void Enlist(Queue& queue, const Ulid& id, const WaitingBlock& block, int64_t now_ns);
  void Delist(Queue& queue, const Ulid& id, const WaitingBlock& block);
  // Takes the block out; false when it is not there. The caller calls Replace or drops the queue.
  bool Extract(const index::QueueName& name, Queue& queue, const Ulid& id, WaitingBlock* block);
  int64_t DueOfTogether(const index::QueueName& name, const Queue& queue) const;
  int64_t DueOf(const index::QueueName& name, const Queue& queue) const;
  // Out of timers_ and due_, and back where it belongs; an empty queue is forgotten.
  void Displace(const index::QueueName& name, Queue& queue);
  void Place(Queues::iterator it, int64_t now_ns);
  void Advance(int64_t now_ns);
  bool MakeRoom(const index::QueueName& name, bool is_urgent, int64_t now_ns);
  Batch Take(const index::QueueName& name, Queue& queue);

  const CompactionPolicy policy_;
  Queues queues_;
  std::set<std::pair<int64_t, index::QueueName>> timers_;  // of queues that are not due
  std::map<uint32_t, Level> due_;
  size_t size_ = 0;
  std::array<size_t, CompactionPolicy::kLastLevel + 1> level_sizes_{};
  uint32_t forgotten_level_ = UINT32_MAX;  // lowest level of which a block was forgotten
  bool forgot_urgent_ = false;
};

}  // namespace brazier::metastore
