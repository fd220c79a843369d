// The metrics of one consensus member, and the decorator that measures its synced writes. References into the registry,
// which outlives them. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/observe/metrics.h"
#include "store/consensus/consensus.h"
#include "store/kv/key_value_store.h"

namespace brazier::consensus {

// 100 us to 5 s: a synced write on a good disk takes less than a millisecond.
inline std::vector<double> ConsensusBounds() {
  return {0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5};
}

struct ConsensusMetrics {
  explicit ConsensusMetrics(MetricsRegistry& r)
      : registry(r),
        term(r.GetGauge("brazier_consensus_term", "Raft term of this member.")),
        leader(r.GetGauge("brazier_consensus_leader", "1 when this member leads its group, else 0.")),
        committed_index(r.GetGauge("brazier_consensus_committed_index",
                                   "Last log entry known to be committed.")),
        applied_index(r.GetGauge("brazier_consensus_applied_index",
                                 "Last log entry applied to the state.")),
        snapshot_index(
            r.GetGauge("brazier_consensus_snapshot_index",
                       "Last log entry that was deleted because the state contains it.")),
        log_entries(r.GetGauge("brazier_consensus_log_entries", "Log entries kept.")),
        log_bytes(r.GetGauge("brazier_consensus_log_bytes", "Bytes of log entries kept.")),
        queue_bytes(r.GetGauge("brazier_consensus_queue_bytes",
                               "Proposals that wait or are in flight.")),
        proposals_total(r.GetCounter("brazier_consensus_proposals_total",
                                     "Commands proposed here, refused ones included.")),
        snapshots_sent_total(r.GetCounter("brazier_consensus_snapshots_sent_total",
                                          "Snapshots that another member has in place.")),
        snapshots_failed_total(
            r.GetCounter("brazier_consensus_snapshots_failed_total",
                         "Snapshots for other members that were refused or stalled.")),
        snapshots_installed_total(
            r.GetCounter("brazier_consensus_snapshots_installed_total",
                         "Snapshots that replaced the state of this member.")),
        write_failures_total(r.GetCounter("brazier_consensus_write_failures_total",
                                          "Writes of log or state that failed.")),
        propose_to_apply_seconds(
            r.GetHistogram("brazier_consensus_propose_to_apply_seconds",
                           "From a proposal to its answer: waiting, log write, commit and apply.",
                           ConsensusBounds())),
        log_fsync_seconds(r.GetHistogram("brazier_consensus_log_fsync_seconds",
                                         "One synced write of the log.", ConsensusBounds())) {}

  void Set(const ConsensusStatus& status) {
    leader.Set(status.is_leader ? 1 : 0);
    if (status.first_index == 0) return;  // a broken core knows nothing: the last figures stay
    term.Set(static_cast<int64_t>(status.term));
    committed_index.Set(static_cast<int64_t>(status.commit_index));
    applied_index.Set(static_cast<int64_t>(status.applied_index));
    snapshot_index.Set(static_cast<int64_t>(status.first_index) - 1);
    log_entries.Set(static_cast<int64_t>(status.last_index + 1 - status.first_index));
    log_bytes.Set(static_cast<int64_t>(status.log_bytes));
  }

  void CountFailure(const Status& status) {
    const std::string_view reason =
        status.reason().empty() ? CodeName(status.code()) : status.reason();
    registry
        .GetCounter("brazier_consensus_proposal_failures_total",
                    "Proposals refused or failed, by reason.", {{"reason", std::string(reason)}})
        .Add();
  }

  MetricsRegistry& registry;
  Gauge& term;
  Gauge& leader;
  Gauge& committed_index;
  Gauge& applied_index;
  Gauge& snapshot_index;
  Gauge& log_entries;
  Gauge& log_bytes;
  Gauge& queue_bytes;
  Counter& proposals_total;
  Counter& snapshots_sent_total;
  Counter& snapshots_failed_total;
  Counter& snapshots_installed_total;
  Counter& write_failures_total;
  Histogram& propose_to_apply_seconds;
  Histogram& log_fsync_seconds;
};

// Observes how long synced writes take, failed ones too: what hangs and then fails is what an operator looks for.
class MeasuredStore final : public kv::KeyValueStore {
 public:
  MeasuredStore(kv::KeyValueStore& store, const Clock& clock, Histogram& fsync_seconds)
      : store_(store), clock_(clock), fsync_seconds_(fsync_seconds) {}

  Result<std::string> Get(kv::Family family, std::string_view key) const override {
    return store_.Get(family, key);
  }
  Status Scan(kv::Family family, std::string_view begin, std::string_view end,
              const std::function<bool(std::string_view key, std::string_view value)>& visit)
      const override {
    return store_.Scan(family, begin, end, visit);
  }
  Status Write(const kv::WriteBatch& batch, bool sync) override {
    if (!sync) return store_.Write(batch, sync);
    const int64_t start_ns = clock_.MonotonicNs();
    Status status = store_.Write(batch, sync);
    fsync_seconds_.Observe(static_cast<double>(clock_.MonotonicNs() - start_ns) * 1e-9);
    return status;
  }
  std::unique_ptr<kv::Reader> Snapshot() const override { return store_.Snapshot(); }

 private:
  kv::KeyValueStore& store_;
  const Clock& clock_;
  Histogram& fsync_seconds_;
};

}  // namespace brazier::consensus
