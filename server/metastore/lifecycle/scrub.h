// Scrub: walks bucket and index and checks every object (object_check.h): on request, and on a schedule. RunOnce() is a step: it
// does what is asked for or due, or goes on with a walk that was held up by a store or a group that did not answer; who does not lead
// does nothing.
//
// A repairing scrub quarantines blocks whose objects are corrupt, missing or different, releases blocks that are whole again, and
// remembers orphans: objects without block and tombstone that no running job may have made. Those seen again after orphan_age are
// condemned (the index decides), so that the janitor deletes them. Whatever it is about to say or do of an object it first asks the
// index again: a block that was replaced meanwhile is no finding.
//
// It distrusts itself: when more than half of all blocks (and at least kDoubtfulMin) have no object, or more than a tenth (and more than
// kDoubtfulMany), or there is no object at all, then this is likely to be the wrong bucket, or one that is not mounted; likewise the
// index when so many objects are without a block. It says so before all else and touches none of them. Before it quarantines a
// block as missing it asks for the object again.
//
// Memory: 32 bytes an object while it walks, 100,000 orphans, 4 MiB of an object, 1,000 findings.
// Borrows everything. RunOnce by one thread, the rest by any.
#pragma once

#include <memory>
#include <mutex>

#include "common/base/clock.h"
#include "common/contract/lifecycle.h"
#include "server/metastore/lifecycle/lifecycle_index.h"
#include "server/metastore/lifecycle/lifecycle_metrics.h"
#include "server/metastore/lifecycle/object_check.h"
#include "server/metastore/lifecycle/orphans.h"
#include "server/metastore/lifecycle/pacer.h"
#include "server/metastore/rebuild/bucket_catalog.h"
#include "store/object/object_store.h"

namespace brazier::metastore {

struct ScrubOptions {
  int64_t interval_ns = int64_t{7} * 24 * 3600 * kNsPerSecond;  // 0: only on request
  uint64_t bytes_per_second = 64 << 20;
  int64_t orphan_age_ns = int64_t{3600} * kNsPerSecond;
};

class Scrub {
 public:
  static constexpr int64_t kPauseNs = 5 * kNsPerSecond;
  // The first one of a leader, when the interval is longer: leaders may change more often than that.
  static constexpr int64_t kFirstNs = int64_t{3600} * kNsPerSecond;
  static constexpr size_t kFindingsMax = 1'000;
  static constexpr size_t kDoubtfulMin = 4;
  static constexpr size_t kDoubtfulMany = 100;
  static constexpr int kHeldUpMax = 60;  // steps in a row, then it ends early

  // `wake` ends the pause of the loop that calls RunOnce.
  Scrub(const ScrubOptions& options, LifecycleIndex& index, object::ObjectStore& objects, const Clock& clock,
        LifecycleMetrics& metrics, PauseFunction pause, std::function<void()> wake);
  ~Scrub();

  void RunOnce();
  // kFailedPrecondition while one runs or is asked for.
  Status Start(bool repairs);
  contract::ScrubReport Report() const;

 private:
  class Walk;

  void Begin(bool repairs);
  void Finish(const std::string& error);
  // Of what earlier walks left.
  Status CondemnOrphans();

  const ScrubOptions options_;
  LifecycleIndex& index_;
  object::ObjectStore& objects_;
  const Clock& clock_;
  LifecycleMetrics& metrics_;
  const PauseFunction pause_;
  const std::function<void()> wake_;

  // Of the thread of RunOnce.
  std::unique_ptr<Walk> walk_;
  OrphanLedger orphans_;
  bool orphans_are_doubtful_ = false;
  bool led_ = false;
  int64_t next_ns_ = 0;  // when the next one on the schedule is due
  int held_up_ = 0;

  mutable std::mutex mu_;
  bool requested_ = false;          // guarded by mu_
  bool requested_repairs_ = false;  // guarded by mu_
  contract::ScrubReport report_;    // guarded by mu_
};

}  // namespace brazier::metastore
