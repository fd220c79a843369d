// IndexStateMachine: the metadata index as the state machine of a consensus group. Adds measurements, nothing else.
// Borrows the index, the clock and the registry, which outlive it. Runs on the consensus thread.
#pragma once

#include "common/base/clock.h"
#include "server/metastore/metastore_metrics.h"
#include "store/consensus/consensus.h"
#include "store/index/metadata_index.h"

namespace brazier::metastore {

class IndexStateMachine final : public consensus::StateMachine {
 public:
  IndexStateMachine(index::MetadataIndex& index, const Clock& clock, MetricsRegistry& registry)
      : index_(index), clock_(clock), metrics_(registry) {}

  std::string Apply(uint64_t index, std::string_view command, kv::WriteBatch& batch) override {
    const int64_t start_ns = clock_.MonotonicNs();
    std::string answer = index_.Apply(index, command, batch);
    metrics_.apply_duration_seconds.Observe(
        static_cast<double>(clock_.MonotonicNs() - start_ns) * 1e-9);
    return answer;
  }

  void Applied(uint64_t index) override {
    index_.Applied(index);
    SetWindowBytes();
  }

  Status Restored(uint64_t index) override {
    RETURN_IF_ERROR(index_.Restored(index));
    SetWindowBytes();
    return Status::Ok();
  }

 private:
  void SetWindowBytes() {
    metrics_.dedup_window_bytes.Set(static_cast<int64_t>(
        index_.window_identities() * index::IdentityWindow::kIdentityBytes));
  }

  index::MetadataIndex& index_;
  const Clock& clock_;
  IndexMetrics metrics_;
};

}  // namespace brazier::metastore
