#include "server/metastore/lifecycle/janitor.h"

#include <algorithm>

#include "common/observe/log.h"

namespace brazier::metastore {
namespace {

constexpr size_t kPerPage = 10'000;
constexpr size_t kDeletionsMax = 100'000;

}  // namespace

Status Janitor::RunOnce() {
  if (!index_.Leads()) {
    metrics_.tombstones.Set(0);
    metrics_.tombstones_bytes.Set(0);
    metrics_.tombstones_oldest_seconds.Set(0);
    metrics_.deletions_pending.Set(0);
    metrics_.quarantined.Set(0);
    return Status::Ok();
  }
  const Status status = [&]() -> Status {
    failures_in_a_row_ = 0;
    for (std::optional<index::TombstoneCursor> after;;) {
      ASSIGN_OR_RETURN(const bool goes_on, DeleteSome(after));
      if (!goes_on) break;
    }
    if (clock_.MonotonicNs() - figures_at_ns_ < kFiguresNs) return Status::Ok();
    RETURN_IF_ERROR(UpdateFigures());
    RETURN_IF_ERROR(ForgetDeletions());
    figures_at_ns_ = clock_.MonotonicNs();
    return Status::Ok();
  }();
  if (!status.ok() && status.reason() != "not_leader") {
    Log(LogLevel::kWarn, "objects of removed blocks wait for the next pass", {{"error", status.ToString()}});
  }
  return status;
}

Result<bool> Janitor::DeleteSome(std::optional<index::TombstoneCursor>& after) {
  if (!index_.Leads()) return false;
  // The tombstones that are due now, then those after them: the time of a pass does not add to the list's end.
  const int64_t view_ns = clock_.MonotonicNs();
  const int64_t now_ns = clock_.NowNs();
  std::vector<index::Tombstone> due;
  {
    ASSIGN_OR_RETURN(const auto view, index_.View(view_ns + kLifecycleCallNs));
    const int64_t before_ns = IsDiskLow() ? INT64_MAX : now_ns - options_.delete_delay_ns;
    ASSIGN_OR_RETURN(due, view->ListTombstones(before_ns, after, kLifecycleBatch));
  }
  std::vector<Ulid> deleted;
  uint64_t failed = 0;
  Status failure;
  bool is_stopping = false, is_old = false;
  for (const index::Tombstone& tombstone : due) {
    const int64_t wait_ns = pacer_.Take(1, clock_.MonotonicNs());
    is_stopping = wait_ns > 0 && !pause_(wait_ns);
    is_old = clock_.MonotonicNs() - view_ns > kViewNs;
    if (is_stopping || is_old) break;
    after = index::TombstoneCursor{tombstone.removed_ns, tombstone.id};
    const Status status = objects_.Delete(tombstone.ObjectKey());
    if (status.ok()) {
      failures_in_a_row_ = 0;
      deleted.push_back(tombstone.id);
      metrics_.objects_deleted_total.Add();
      metrics_.objects_deleted_bytes_total.Add(tombstone.size);
      continue;
    }
    ++failed;
    failure = status;
    metrics_.object_deletes_failed_total.Add();
    if (++failures_in_a_row_ >= kFailuresInARowMax) break;
  }
  if (failed > 0) {
    Log(LogLevel::kWarn, "objects could not be deleted; they are tried again",
        {{"objects", failed}, {"error", failure.ToString()}});
  }
  if (!deleted.empty()) {
    RETURN_IF_ERROR(index_.PurgeTombstones(deleted, clock_.MonotonicNs() + kLifecycleCallNs).status());
  }
  return !is_stopping && failures_in_a_row_ < kFailuresInARowMax && (is_old || due.size() == kLifecycleBatch);
}

bool Janitor::IsDiskLow() {
  if (options_.free_bytes_min == 0 || !free_bytes_) return false;
  const Result<uint64_t> free = free_bytes_();
  return free.ok() && *free < options_.free_bytes_min;
}

Result<Janitor::Figures> Janitor::Count(const IndexView& view, int64_t* oldest_removed_ns) {
  Figures figures;
  for (std::optional<index::TombstoneCursor> after;;) {
    ASSIGN_OR_RETURN(const auto page, view.ListTombstones(INT64_MAX, after, kPerPage));
    if (oldest_removed_ns != nullptr && !after.has_value() && !page.empty()) *oldest_removed_ns = page.front().removed_ns;
    for (const index::Tombstone& tombstone : page) figures.bytes += tombstone.size;
    figures.tombstones += page.size();
    if (page.size() < kPerPage) break;
    after = index::TombstoneCursor{page.back().removed_ns, page.back().id};
  }
  for (std::optional<Ulid> after;;) {
    ASSIGN_OR_RETURN(const auto page, view.ListQuarantined(after, kPerPage));
    figures.quarantined += page.size();
    if (page.size() < kPerPage) break;
    after = page.back().id;
  }
  return figures;
}

Status Janitor::UpdateFigures() {
  ASSIGN_OR_RETURN(const auto view, index_.View(clock_.MonotonicNs() + kLifecycleCallNs));
  const int64_t now_ns = clock_.NowNs();
  int64_t oldest_ns = now_ns;
  ASSIGN_OR_RETURN(const Figures figures, Count(*view, &oldest_ns));
  metrics_.tombstones.Set(static_cast<int64_t>(figures.tombstones));
  metrics_.tombstones_bytes.Set(static_cast<int64_t>(figures.bytes));
  metrics_.tombstones_oldest_seconds.Set(std::max<int64_t>(0, now_ns - oldest_ns) / kNsPerSecond);
  metrics_.quarantined.Set(static_cast<int64_t>(figures.quarantined));
  return Status::Ok();
}

Status Janitor::ForgetDeletions() {
  std::vector<Ulid> old;
  {
    ASSIGN_OR_RETURN(const auto view, index_.View(clock_.MonotonicNs() + kLifecycleCallNs));
    ASSIGN_OR_RETURN(const auto deletions, view->ListDeletions("", kDeletionsMax));
    int64_t pending = 0;
    for (const index::Deletion& deletion : deletions) {
      pending += deletion.confirmed_ns == 0;
      const bool is_old =
          deletion.confirmed_ns != 0 && deletion.confirmed_ns < clock_.NowNs() - options_.forget_deletions_ns;
      if (is_old && old.size() < kLifecycleBatch) old.push_back(deletion.id);
    }
    metrics_.deletions_pending.Set(pending);
  }
  if (old.empty()) return Status::Ok();
  return index_.ForgetDeletions(old, clock_.MonotonicNs() + kLifecycleCallNs).status();
}

}  // namespace brazier::metastore
