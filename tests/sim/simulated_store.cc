#include "tests/sim/simulated_store.h"

#include "common/base/check.h"
#include "tests/support/copy_store.h"

namespace brazier::simulation {

Status SimulatedStore::Interrupted(const kv::WriteBatch& batch, std::string_view message,
                                   std::string_view reason) {
  under_way_ = batch;
  return Unavailable(std::string(message)).WithReason(std::string(reason));
}

Status SimulatedStore::Write(const kv::WriteBatch& batch, bool sync) {
  if (writes_to_cut_ > 0 && --writes_to_cut_ == 0) {
    return Interrupted(batch, "the power went", kPowerCut);
  }
  const int64_t now_ns = clock_.MonotonicNs();
  if (now_ns < busy_until_ns_) return Interrupted(batch, "the disk does not answer", kStalled);
  if (failing_) return Interrupted(batch, "no space left on device", kDiskFull);
  if (sync && sync_latency_max_ns_ > 0 && !sync_under_way_) {
    sync_under_way_ = true;
    busy_until_ns_ = now_ns + 1 + static_cast<int64_t>(random_.Below(sync_latency_max_ns_));
    return Interrupted(batch, "the disk does not answer yet", kStalled);
  }
  sync_under_way_ = false;
  under_way_.reset();
  unsynced_.push_back(batch);
  if (sync && !lies_about_sync_) {
    for (const kv::WriteBatch& write : unsynced_) CHECK(durable_->Write(write, true).ok());
    unsynced_.clear();
  }
  return visible_->Write(batch, sync);
}

void SimulatedStore::CutPower() {
  const uint64_t kept = random_.Below(unsynced_.size() + 1);
  for (uint64_t i = 0; i < kept; ++i) CHECK(durable_->Write(unsynced_[i], true).ok());
  if (kept == unsynced_.size() && under_way_.has_value() && random_.Below(2) == 0) {
    CHECK(durable_->Write(*under_way_, true).ok());
  }
  unsynced_.clear();
  under_way_.reset();
  sync_under_way_ = false;
  writes_to_cut_ = 0;
  visible_ = kv::CopyOf(*durable_);
}

void SimulatedStore::Heal() {
  failing_ = false;
  busy_until_ns_ = 0;
  writes_to_cut_ = 0;
}

}  // namespace brazier::simulation
