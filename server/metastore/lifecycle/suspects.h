// Suspects: blocks that somebody failed to read (contract::Metastore::ReportSuspectBlock). Who reports may be wrong: a reader's disk,
// network or bucket may be. So the leader reads the object itself, twice (object_check.h), and quarantines the block only when both reads
// fail: from then on queries answer without it and name it, instead of failing until the next scrub.
//
// RunOnce() is a step: it checks what waits; who does not lead forgets it. A block that was found whole is not read again for
// kWholeForNs, whoever reports it. Missing objects are believed kMissingPerHourMax times an hour, and never while the store
// holds no block at all (store/object/block_folders.h): more is likely to be the wrong bucket, or one that is not mounted.
//
// When store, group or index do not answer, the block goes to the end of the line, kTriesMax times; then it is forgotten.
//
// Bounds: kWaitingMax blocks wait, more are refused; kWaitingMax found whole are remembered. 4 MiB of an object at a time.
// Borrows everything. RunOnce by one thread, the rest by any.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "common/base/clock.h"
#include "server/metastore/lifecycle/lifecycle_index.h"
#include "server/metastore/lifecycle/lifecycle_metrics.h"
#include "server/metastore/lifecycle/object_check.h"
#include "server/metastore/lifecycle/pacer.h"
#include "store/object/object_store.h"

namespace brazier::metastore {

class Suspects {
 public:
  static constexpr int64_t kPauseNs = 5 * kNsPerSecond;
  static constexpr size_t kWaitingMax = 1'000;
  static constexpr int64_t kWholeForNs = 600 * kNsPerSecond;
  static constexpr size_t kMissingPerHourMax = 100;
  static constexpr int kTriesMax = 12;  // a minute

  // `wake` ends the pause of the loop that calls RunOnce.
  Suspects(uint64_t bytes_per_second, LifecycleIndex& index, object::ObjectStore& objects, const Clock& clock,
           LifecycleMetrics& metrics, PauseFunction pause, std::function<void()> wake);

  // OK: it is looked at, or was a short while ago. Retryable errors: this member does not lead; too many wait.
  Status Report(const Ulid& id);
  void RunOnce();

 private:
  enum class Verdict { kWhole, kGone, kBad, kDoubted };
  struct Waiting {
    Ulid id;
    int tries = 0;
  };
  Result<Verdict> Check(const Ulid& id);
  bool MayBelieveMissing();
  // Waits until so many bytes may be read; false: it is to stop.
  bool Pace(uint64_t bytes);
  void Settle(const Ulid& id, Verdict verdict);
  void PutOff(const Ulid& id, const Status& error);
  // The first in the line, if it is this one; it is emptied when another member leads for a moment.
  std::optional<Waiting> TakeFirst(const Ulid& id);  // REQUIRES: mu_ is held

  LifecycleIndex& index_;
  object::ObjectStore& objects_;
  const Clock& clock_;
  LifecycleMetrics& metrics_;
  const PauseFunction pause_;
  const std::function<void()> wake_;
  Pacer pacer_;                       // of the thread of RunOnce
  std::deque<int64_t> missing_ns_;    // likewise: when blocks were quarantined as missing in the last hour

  std::mutex mu_;
  std::deque<Waiting> waiting_;       // guarded by mu_
  std::set<Ulid> known_;              // guarded by mu_: those that wait
  std::map<Ulid, int64_t> whole_ns_;  // guarded by mu_: when it was found whole
};

}  // namespace brazier::metastore
