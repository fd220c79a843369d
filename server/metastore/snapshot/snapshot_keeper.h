// SnapshotKeeper: copies of the index to the object store, on a schedule by whoever leads the group, and on request by any
// member. RunOnce() is a step that tests can call; Start() runs it every ten seconds on a thread of its own.
//
// A new leader counts the interval from the newest snapshot that the bucket has, or else from when it began to lead, so that
// changes of leaders cost no snapshots. Nothing is written when nothing was applied since the last one. A failure is logged,
// counted, and tried again at the next step. Borrows everything; Stop() before the store closes. Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "common/base/clock.h"
#include "common/contract/metastore_group.h"
#include "common/observe/metrics.h"
#include "server/metastore/snapshot/snapshot_format.h"
#include "store/kv/key_value_store.h"
#include "store/object/object_store.h"

namespace brazier::metastore {

class SnapshotKeeper {
 public:
  static constexpr int64_t kPauseNs = 10 * kNsPerSecond;

  struct Options {
    int64_t interval_ns = int64_t{3600} * kNsPerSecond;  // 0: on request only
    size_t kept = 3;
    size_t part_bytes = kSnapshotPartBytes;
  };
  // What it is told of its member.
  struct Standing {
    bool leads = false;
    uint64_t group_id = 0;
    uint64_t applied_index = 0;
  };

  SnapshotKeeper(const Options& options, const kv::KeyValueStore& store, object::ObjectStore& objects,
                 std::function<Standing()> standing, const Clock& clock, MetricsRegistry& registry);
  ~SnapshotKeeper();  // stops

  void RunOnce();
  void Start();
  // Ends a snapshot that is being written.
  void Stop();
  // Now, whoever leads. One at a time; kDeadlineExceeded when it does not end in time, and nothing is kept of it then.
  Result<contract::GroupSnapshot> Take(const contract::RequestContext& context);

 private:
  Result<contract::GroupSnapshot> Write(const std::function<Status()>& go_on);
  Status LookBack(uint64_t group_id, int64_t now_ns);
  bool stopping() const;

  const Options options_;
  const kv::KeyValueStore& store_;
  object::ObjectStore& objects_;
  const std::function<Standing()> standing_;
  const Clock& clock_;
  Counter& snapshots_total_;
  Counter& failures_total_;
  Gauge& newest_seconds_;
  Gauge& bytes_;

  std::mutex write_mu_;  // held while one is written
  bool led_ = false;  // at the last step; of its thread

  mutable std::mutex mu_;
  std::condition_variable wake_;
  bool stopping_ = false;     // guarded by mu_
  int64_t last_time_ns_ = 0;  // guarded by mu_
  uint64_t last_index_ = 0;   // guarded by mu_
  std::thread thread_;
};

}  // namespace brazier::metastore
