// Distributor: accepts pushes from every door, decodes, admits, normalises, places, and hands batches to
// segment-writers; answers when all of them are durable.
//
// Work is done on the caller's thread up to the append; the answer comes from the thread that completes the last
// batch. Stateless but for rate-limit buckets. Bounded: decoded batches in flight (bytes). Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/distributor.h"
#include "common/contract/peers.h"
#include "common/model/placement.h"
#include "server/distributor/distributor_metrics.h"
#include "server/distributor/distributor_options.h"
#include "server/distributor/rate_limiter.h"

namespace brazier::distributor {

class Distributor final : public contract::Distributor {
 public:
  // The references outlive the distributor, and so do pushes that have not been answered: stop the doors and the
  // segment-writers first.
  Distributor(DistributorOptions options, contract::SegmentWriterPeers& peers, const Clock& clock,
              Random& random, MetricsRegistry& registry);

  void Push(const contract::RequestContext& context, contract::PushRequest request,
            std::function<void(Result<contract::PushReceipt>)> done) override;
  Status Ready() override;

 private:
  class PushCall;
  struct PlacedBatch;

  // Decodes and normalises one profile into batches.
  Result<std::vector<ProfileBatch>> Prepare(const std::string& tenant, const RawProfile& raw);
  Status Admit(const std::string& tenant, const codec::IngestedProfile& profile);
  void Send(const contract::RequestContext& context, std::shared_ptr<PushCall> call,
            std::shared_ptr<PlacedBatch> batch);
  // The ring of the writers that live now; rebuilt when their ids change.
  std::shared_ptr<const Ring> CurrentRing(const std::vector<contract::SegmentWriterPeer>& live);
  bool SpendRetry();

  const DistributorOptions options_;
  contract::SegmentWriterPeers& peers_;
  const Clock& clock_;
  Random& random_;
  DistributorMetrics metrics_;
  std::atomic<int64_t> inflight_bytes_{0};
  // Tenths of a retry: every batch that succeeds at once earns one, a retry costs ten, so retries stay below a tenth.
  std::atomic<int64_t> retry_budget_{kRetryBudgetMax};
  static constexpr int64_t kRetryBudgetMax = 1000;
  static constexpr int64_t kRetryCost = 10;

  std::mutex mu_;
  RateLimiter rate_limiter_;               // guarded by mu_
  std::vector<std::string> ring_ids_;      // guarded by mu_
  std::shared_ptr<const Ring> ring_;       // guarded by mu_
};

}  // namespace brazier::distributor
