#include "server/metastore/snapshot/snapshot_keeper.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "common/observe/log.h"
#include "server/metastore/snapshot/snapshot_store.h"

namespace brazier::metastore {

SnapshotKeeper::SnapshotKeeper(const Options& options, const kv::KeyValueStore& store,
                               object::ObjectStore& objects, std::function<Standing()> standing,
                               const Clock& clock, MetricsRegistry& registry)
    : options_(options),
      store_(store),
      objects_(objects),
      standing_(std::move(standing)),
      clock_(clock),
      snapshots_total_(registry.GetCounter("brazier_metastore_snapshots_total",
                                           "Copies of the index that this member wrote to the object store.")),
      failures_total_(registry.GetCounter("brazier_metastore_snapshot_failures_total",
                                          "Copies of the index that could not be written or pruned.")),
      newest_seconds_(registry.GetGauge("brazier_metastore_snapshot_timestamp_seconds",
                                        "When the newest copy that this member knows of was taken; 0: none.")),
      bytes_(registry.GetGauge("brazier_metastore_snapshot_bytes", "Size of the last copy that this member wrote.")) {}

SnapshotKeeper::~SnapshotKeeper() { Stop(); }

void SnapshotKeeper::Start() {
  thread_ = std::thread([this] {
    for (;;) {
      RunOnce();
      std::unique_lock lock(mu_);
      if (wake_.wait_for(lock, std::chrono::nanoseconds(kPauseNs), [&] { return stopping_; })) return;
    }
  });
  pthread_setname_np(thread_.native_handle(), "snapshots");
}

void SnapshotKeeper::Stop() {
  {
    std::lock_guard lock(mu_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool SnapshotKeeper::stopping() const {
  std::lock_guard lock(mu_);
  return stopping_;
}

void SnapshotKeeper::RunOnce() {
  const Standing standing = standing_();
  if (options_.interval_ns == 0 || !standing.leads) {
    led_ = false;
    return;
  }
  const int64_t now_ns = clock_.NowNs();
  if (!led_) {
    if (!LookBack(standing.group_id, now_ns).ok()) return;  // at the next step
    led_ = true;
  }
  {
    std::lock_guard lock(mu_);
    if (now_ns - last_time_ns_ < options_.interval_ns || standing.applied_index <= last_index_) return;
  }
  const auto written = Write([this] {
    if (stopping()) return Unavailable("the process stops").WithReason("stopping");
    return standing_().leads ? Status::Ok() : Unavailable("another member leads now").WithReason("not_leader");
  });
  if (!written.ok()) {
    if (written.status().reason().empty()) failures_total_.Add();
    Log(LogLevel::kWarn, "no snapshot of the index", {{"error", written.status().ToString()}});
    return;
  }
  const auto pruned = PruneSnapshots(objects_, standing.group_id, options_.kept);
  if (!pruned.ok()) {
    failures_total_.Add();
    Log(LogLevel::kWarn, "old snapshots of the index stay", {{"error", pruned.status().ToString()}});
  }
}

// What this group's newest snapshot is, or now.
Status SnapshotKeeper::LookBack(uint64_t group_id, int64_t now_ns) {
  ASSIGN_OR_RETURN(const std::vector<StoredSnapshot> stored, ListSnapshots(objects_));
  int64_t newest_ns = 0;
  uint64_t index = 0;
  for (const StoredSnapshot& snapshot : stored) {
    if (!snapshot.is_whole || snapshot.name.group_id != group_id) continue;
    newest_ns = std::max(newest_ns, static_cast<int64_t>(snapshot.name.time_ms) * kNsPerMs);
    index = std::max(index, snapshot.name.index);
  }
  newest_seconds_.Set(newest_ns / kNsPerSecond);
  std::lock_guard lock(mu_);
  last_time_ns_ = newest_ns == 0 ? now_ns : std::min(newest_ns, now_ns);
  last_index_ = index;
  return Status::Ok();
}

Result<contract::GroupSnapshot> SnapshotKeeper::Take(const contract::RequestContext& context) {
  return Write([&] {
    if (stopping()) return Unavailable("the process stops").WithReason("stopping");
    if (clock_.MonotonicNs() < context.deadline_ns) return Status::Ok();
    return DeadlineExceeded("the snapshot was not written in time; those on a schedule have no deadline");
  });
}

Result<contract::GroupSnapshot> SnapshotKeeper::Write(const std::function<Status()>& go_on) {
  std::lock_guard lock(write_mu_);
  RETURN_IF_ERROR(go_on());
  const int64_t start_ns = clock_.MonotonicNs();
  const int64_t time_ns = clock_.NowNs();
  ASSIGN_OR_RETURN(const contract::GroupSnapshot written,
                   WriteSnapshot(objects_, *store_.Snapshot(), standing_().group_id, time_ns, go_on, options_.part_bytes));
  {
    std::lock_guard state_lock(mu_);
    last_time_ns_ = time_ns;
    last_index_ = written.index;
  }
  snapshots_total_.Add();
  newest_seconds_.Set(time_ns / kNsPerSecond);
  bytes_.Set(static_cast<int64_t>(written.bytes));
  Log(LogLevel::kInfo, "snapshot of the index",
      {{"key", written.key}, {"index", written.index}, {"bytes", written.bytes},
       {"took_ms", (clock_.MonotonicNs() - start_ns) / kNsPerMs}});
  return written;
}

}  // namespace brazier::metastore
