// SimulatedStore: one member's disk. A memory store in which writes without sync are lost when the power is cut, and
// whose writes can stall, fail, or be what the power goes in.
//
// Batches are atomic, as the seam says: a torn write is gone or there as a whole. The write that was under way when the
// power went (stalled, failed or cut) may be found afterwards, though nobody was told that it succeeded.
//
// A write that blocks cannot block the only thread: it answers kUnavailable with reason kStalled, and the member, which
// is stopped in that write, repeats it at busy_until_ns(). Outlives the member's incarnations. Thread-hostile.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "store/kv/key_value_store.h"
#include "tests/sim/virtual_clock.h"
#include "tests/support/fake_random.h"

namespace brazier::simulation {

inline constexpr std::string_view kStalled = "stalled";
inline constexpr std::string_view kDiskFull = "disk_full";
inline constexpr std::string_view kPowerCut = "power_cut";

class SimulatedStore final : public kv::KeyValueStore {
 public:
  // lies_about_sync: a canary; sync is said to be done and is not.
  SimulatedStore(const Clock& clock, testing::FakeRandom& random, bool lies_about_sync)
      : clock_(clock), random_(random), lies_about_sync_(lies_about_sync) {}

  Result<std::string> Get(kv::Family family, std::string_view key) const override {
    return visible_->Get(family, key);
  }
  Status Scan(kv::Family family, std::string_view begin, std::string_view end,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    return visible_->Scan(family, begin, end, visit);
  }
  std::unique_ptr<kv::Reader> Snapshot() const override { return visible_->Snapshot(); }
  Status Write(const kv::WriteBatch& batch, bool sync) override;

  // What was synced stays, and a random first part of what was not. No incarnation of the member lives.
  void CutPower();

  void SetFailing(bool failing) { failing_ = failing; }
  void StallUntil(int64_t time_ns) { busy_until_ns_ = time_ns; }
  // Synced writes take up to this long; 0: no time.
  void SetSyncLatency(int64_t max_ns) { sync_latency_max_ns_ = max_ns; }
  // The power goes in the n-th write from now; 0: it does not.
  void CutPowerInWrite(uint64_t n) { writes_to_cut_ = n; }
  // Ends every fault.
  void Heal();

  int64_t busy_until_ns() const { return busy_until_ns_; }
  // What a crash leaves for certain.
  const kv::Reader& durable() const { return *durable_; }

 private:
  Status Interrupted(const kv::WriteBatch& batch, std::string_view message, std::string_view reason);

  const Clock& clock_;
  testing::FakeRandom& random_;
  const bool lies_about_sync_;
  std::unique_ptr<kv::KeyValueStore> visible_ = kv::MakeMemoryKeyValueStore();
  std::unique_ptr<kv::KeyValueStore> durable_ = kv::MakeMemoryKeyValueStore();
  std::vector<kv::WriteBatch> unsynced_;      // visible and not durable, in order
  std::optional<kv::WriteBatch> under_way_;   // neither, or durable without anybody's knowledge
  bool failing_ = false;
  bool sync_under_way_ = false;
  int64_t busy_until_ns_ = 0;
  int64_t sync_latency_max_ns_ = 0;
  uint64_t writes_to_cut_ = 0;
};

}  // namespace brazier::simulation
