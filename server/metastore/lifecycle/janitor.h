// Janitor: deletes the objects of removed blocks, some time after the removal, and then forgets the blocks; and forgets deletions
// of data that were confirmed long ago. RunOnce() is a step: one pass over all that is due; who leads does something in it.
//
// At most so many objects a second, whatever is ingested. An object that cannot be deleted keeps its tombstone and is tried again in
// the next pass; the others do not wait for it. A stop or a crash anywhere is harmless: a delete that is repeated finds nothing.
//
// A member that has lost the leadership without knowing must not delete an object whose id came to life again after another leader
// purged its tombstone. So it acts on what it saw for kViewNs at most, and the delay is meant to be longer.
//
// Borrows everything. RunOnce by one thread, Figures by any.
#pragma once

#include <mutex>

#include "common/base/clock.h"
#include "server/metastore/lifecycle/lifecycle_index.h"
#include "server/metastore/lifecycle/lifecycle_metrics.h"
#include "server/metastore/lifecycle/pacer.h"
#include "server/metastore/lifecycle/retention.h"
#include "store/object/object_store.h"

namespace brazier::metastore {

struct JanitorOptions {
  int64_t delete_delay_ns = int64_t{15} * 60 * kNsPerSecond;
  uint64_t objects_per_second = 500;
  // Below it, nothing waits for the delay.
  uint64_t free_bytes_min = 0;
  int64_t forget_deletions_ns = int64_t{30} * 24 * 3600 * kNsPerSecond;  // after they were confirmed
};

class Janitor {
 public:
  static constexpr int64_t kPauseNs = 5 * kNsPerSecond;
  static constexpr int64_t kViewNs = 20 * kNsPerSecond;
  static constexpr int64_t kFiguresNs = 15 * kNsPerSecond;
  static constexpr int kFailuresInARowMax = 20;  // then the store is taken to be away until the next pass

  Janitor(const JanitorOptions& options, LifecycleIndex& index, object::ObjectStore& objects, FreeBytesFunction free_bytes,
          const Clock& clock, LifecycleMetrics& metrics, PauseFunction pause)
      : options_(options),
        index_(index),
        objects_(objects),
        free_bytes_(std::move(free_bytes)),
        clock_(clock),
        metrics_(metrics),
        pause_(std::move(pause)),
        pacer_(std::max<uint64_t>(1, options.objects_per_second)) {}

  Status RunOnce();

  struct Figures {
    uint64_t tombstones = 0;
    uint64_t bytes = 0;
    uint64_t quarantined = 0;
  };
  // As of now, by a walk over the tombstones.
  static Result<Figures> Count(const IndexView& view, int64_t* oldest_removed_ns);

 private:
  // False: the pass is over.
  Result<bool> DeleteSome(std::optional<index::TombstoneCursor>& after);
  bool IsDiskLow();
  Status UpdateFigures();
  Status ForgetDeletions();

  const JanitorOptions options_;
  LifecycleIndex& index_;
  object::ObjectStore& objects_;
  const FreeBytesFunction free_bytes_;
  const Clock& clock_;
  LifecycleMetrics& metrics_;
  const PauseFunction pause_;
  Pacer pacer_;
  int failures_in_a_row_ = 0;
  int64_t figures_at_ns_ = INT64_MIN / 2;
};

}  // namespace brazier::metastore
