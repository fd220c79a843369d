#include "server/metastore/lifecycle/suspects.h"

#include <algorithm>

#include "common/observe/log.h"
#include "store/object/block_folders.h"

namespace brazier::metastore {

Suspects::Suspects(uint64_t bytes_per_second, LifecycleIndex& index, object::ObjectStore& objects, const Clock& clock,
                   LifecycleMetrics& metrics, PauseFunction pause, std::function<void()> wake)
    : index_(index),
      objects_(objects),
      clock_(clock),
      metrics_(metrics),
      pause_(std::move(pause)),
      wake_(std::move(wake)),
      pacer_(std::max<uint64_t>(1, bytes_per_second)) {}

Status Suspects::Report(const Ulid& id) {
  if (!index_.Leads()) return index_.NotLeader();
  {
    std::lock_guard lock(mu_);
    const int64_t now_ns = clock_.MonotonicNs();
    std::erase_if(whole_ns_, [&](const auto& whole) { return now_ns - whole.second >= kWholeForNs; });
    if (known_.count(id) > 0 || whole_ns_.count(id) > 0) return Status::Ok();
    if (waiting_.size() >= kWaitingMax) {
      metrics_.Suspects("refused").Add();
      return ResourceExhausted("block " + id.ToString() + " is not checked: " + std::to_string(kWaitingMax) +
                               " suspect blocks wait already, the limit")
          .WithReason("suspects");
    }
    known_.insert(id);
    waiting_.push_back({id});
  }
  if (wake_) wake_();
  return Status::Ok();
}

void Suspects::RunOnce() {
  for (;;) {
    Ulid id;
    {
      std::lock_guard lock(mu_);
      if (!index_.Leads()) {
        waiting_.clear();
        known_.clear();
        return;
      }
      if (waiting_.empty()) return;
      id = waiting_.front().id;
    }
    const Result<Verdict> verdict = Check(id);
    if (!verdict.ok()) {
      if (verdict.status().code() == Code::kCancelled) return;
      return PutOff(id, verdict.status());
    }
    Settle(id, *verdict);
  }
}

void Suspects::Settle(const Ulid& id, Verdict verdict) {
  metrics_.Suspects(verdict == Verdict::kWhole  ? "whole"
                    : verdict == Verdict::kGone ? "gone"
                    : verdict == Verdict::kBad  ? "quarantined"
                                                : "doubted")
      .Add();
  if (verdict == Verdict::kWhole) {
    Log(LogLevel::kWarn, "a block that somebody failed to read is whole", {{"block", id.ToString()}});
  } else if (verdict == Verdict::kDoubted) {
    Log(LogLevel::kError, "blocks are missing from the object store; is it the right one, and mounted? The scrub tells",
        {{"block", id.ToString()}});
  }
  std::lock_guard lock(mu_);
  TakeFirst(id);
  known_.erase(id);
  // Of one that is doubted, too: it is not read again and again.
  const bool rests = verdict == Verdict::kWhole || verdict == Verdict::kDoubted;
  if (rests && whole_ns_.size() < kWaitingMax) whole_ns_[id] = clock_.MonotonicNs();
}

// Most such errors are about the moment and not about the block; one that is not must not hold up the others.
void Suspects::PutOff(const Ulid& id, const Status& error) {
  bool stays = false;
  {
    std::lock_guard lock(mu_);
    std::optional<Waiting> first = TakeFirst(id);
    stays = first.has_value() && ++first->tries < kTriesMax;
    if (stays) {
      waiting_.push_back(*first);
    } else {
      known_.erase(id);
    }
  }
  Log(LogLevel::kWarn, stays ? "a suspect block cannot be checked now" : "a suspect block cannot be checked and is forgotten",
      {{"block", id.ToString()}, {"error", error.ToString()}});
}

std::optional<Suspects::Waiting> Suspects::TakeFirst(const Ulid& id) {
  if (waiting_.empty() || waiting_.front().id != id) return std::nullopt;
  const Waiting first = waiting_.front();
  waiting_.pop_front();
  return first;
}

Result<Suspects::Verdict> Suspects::Check(const Ulid& id) {
  ObjectVerdict bad;
  BlockMeta entry;
  for (int read = 0; read < 2; ++read) {
    // Anew each time: it may have been replaced, and its object deleted.
    ASSIGN_OR_RETURN(const auto view, index_.View(clock_.MonotonicNs() + kLifecycleCallNs));
    Result<BlockMeta> found = view->ReadBlock(id);
    if (found.status().code() == Code::kNotFound) return Verdict::kGone;
    RETURN_IF_ERROR(found.status());
    entry = *std::move(found);
    if (entry.IsQuarantined()) return Verdict::kGone;
    ASSIGN_OR_RETURN(bad, CheckObject(objects_, entry, [this](uint64_t bytes) { return Pace(bytes); }));
    if (bad.state == ObjectState::kWhole) return Verdict::kWhole;
  }
  if (bad.state == ObjectState::kMissing) {
    if (!MayBelieveMissing()) return Verdict::kDoubted;
    // The store may have been away, and be back by now.
    const Status head = objects_.Head(entry.ObjectKey()).status();
    if (head.code() != Code::kNotFound) return head.ok() ? Result<Verdict>(Verdict::kWhole) : Result<Verdict>(head);
  }
  ASSIGN_OR_RETURN(const uint64_t count,
                   index_.QuarantineBlocks({{id, "read failed: " + bad.reason}}, clock_.MonotonicNs() + kLifecycleCallNs));
  if (count == 0) return Verdict::kGone;
  if (bad.state == ObjectState::kMissing) missing_ns_.push_back(clock_.MonotonicNs());
  Log(LogLevel::kError, "a block cannot be read and is quarantined: answers go without it and name it",
      {{"object", entry.ObjectKey()}, {"why", bad.reason}});
  return Verdict::kBad;
}

bool Suspects::MayBelieveMissing() {
  const int64_t now_ns = clock_.MonotonicNs();
  while (!missing_ns_.empty() && now_ns - missing_ns_.front() >= 3600 * kNsPerSecond) missing_ns_.pop_front();
  if (missing_ns_.size() >= kMissingPerHourMax) return false;
  const Result<bool> holds_blocks = object::HoldsBlocks(objects_);
  return holds_blocks.ok() && *holds_blocks;
}

// A report ends the pause of the loop, not this one.
bool Suspects::Pace(uint64_t bytes) {
  int64_t now_ns = clock_.MonotonicNs();
  const int64_t until_ns = now_ns + pacer_.Take(bytes, now_ns);
  do {
    if (!pause_(std::max<int64_t>(0, until_ns - now_ns))) return false;
    now_ns = clock_.MonotonicNs();
  } while (now_ns < until_ns);
  return true;
}

}  // namespace brazier::metastore
