#include "server/distributor/distributor.h"

#include <algorithm>
#include <set>

#include "server/distributor/normalise.h"

namespace brazier::distributor {

// Collects the outcomes of one push's batches; answers when the last one is in.
class Distributor::PushCall {
 public:
  PushCall(std::function<void(Result<contract::PushReceipt>)> done, size_t profiles)
      : done_(std::move(done)), outcomes_(profiles) {}

  void Reject(uint32_t profile, Status status) {
    std::lock_guard lock(mu_);
    if (outcomes_[profile].ok()) outcomes_[profile] = std::move(status);
  }
  void AddDuplicates(uint32_t n) {
    std::lock_guard lock(mu_);
    duplicates_ += n;
  }
  void AddSegment(Ulid id) {
    std::lock_guard lock(mu_);
    segments_.insert(id);
  }
  void Begin() { pending_.fetch_add(1, std::memory_order_relaxed); }
  void End() {
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    contract::PushReceipt receipt;
    for (uint32_t i = 0; i < outcomes_.size(); ++i) {
      if (outcomes_[i].ok()) {
        ++receipt.accepted;
      } else {
        receipt.rejections.push_back({i, std::move(outcomes_[i])});
      }
    }
    receipt.duplicates = duplicates_;
    receipt.segments.assign(segments_.begin(), segments_.end());
    done_(std::move(receipt));
  }

 private:
  std::function<void(Result<contract::PushReceipt>)> done_;
  std::atomic<size_t> pending_{1};
  std::mutex mu_;
  std::vector<Status> outcomes_;  // guarded by mu_ until the last End()
  uint32_t duplicates_ = 0;       // likewise
  std::set<Ulid> segments_;       // likewise
};

// One batch on its way: where it may go, and what is left to try. The batch is copied per attempt only when another
// attempt is possible.
struct Distributor::PlacedBatch {
  uint32_t profile = 0;  // position in the push
  uint32_t shard = 0;
  ProfileBatch batch;
  int64_t bytes = 0;
  int64_t begun_ns = 0;
  std::vector<contract::SegmentWriterPeer> candidates;
  size_t attempt = 0;
};

Distributor::Distributor(DistributorOptions options, contract::SegmentWriterPeers& peers,
                         const Clock& clock, Random& random, MetricsRegistry& registry)
    : options_(std::move(options)),
      peers_(peers),
      clock_(clock),
      random_(random),
      metrics_(registry),
      rate_limiter_(options_.limits.rate_bytes_per_second,
                    std::max(options_.limits.burst_bytes,
                             static_cast<double>(options_.limits.ingest.profile_bytes_max))) {}

void Distributor::Push(const contract::RequestContext& context, contract::PushRequest request,
                       std::function<void(Result<contract::PushReceipt>)> done) {
  if (request.profiles.empty()) {
    done(InvalidArgument("no profiles received").WithReason("no_profiles"));
    return;
  }
  auto call = std::make_shared<PushCall>(std::move(done), request.profiles.size());
  for (uint32_t i = 0; i < request.profiles.size(); ++i) {
    RawProfile& raw = request.profiles[i];
    metrics_.profiles.Add();
    metrics_.received_bytes.Add(raw.data.size());
    Result<std::vector<ProfileBatch>> batches = Prepare(request.tenant, raw);
    // The client's bytes are not needed any more; large pushes should not hold both forms.
    std::string().swap(raw.data);
    if (!batches.ok()) {
      const std::string& reason = batches.status().reason();
      metrics_.Discarded(reason.empty() ? "unknown" : reason, request.tenant).Add();
      call->Reject(i, batches.status());
      continue;
    }
    if (batches->empty()) metrics_.emptied.Add();
    for (ProfileBatch& batch : *batches) {
      auto placed = std::make_shared<PlacedBatch>();
      placed->profile = i;
      placed->batch = std::move(batch);
      placed->begun_ns = clock_.MonotonicNs();
      call->Begin();
      Send(context, call, std::move(placed));
    }
  }
  call->End();
}

Result<std::vector<ProfileBatch>> Distributor::Prepare(const std::string& tenant,
                                                       const RawProfile& raw) {
  ASSIGN_OR_RETURN(codec::IngestedProfile ingested,
                   codec::DecodeIngest(raw, options_.limits.ingest));
  metrics_.decoded_bytes.Add(ingested.bytes);
  // A profile that names no instant has that of its arrival: without a client's id, sending it again is a new one.
  if (ingested.profile.time_ns == 0) ingested.profile.time_ns = clock_.NowNs();
  Hash128 identity = IdentityOf(tenant, ingested, raw.client_id);
  if (raw.client_id.empty() && !options_.dedup_without_id) {
    identity = {random_.Next(), random_.Next()};
  }
  RETURN_IF_ERROR(Admit(tenant, ingested));
  return Normalise(tenant, std::move(ingested), identity, options_.limits);
}

Status Distributor::Admit(const std::string& tenant, const codec::IngestedProfile& profile) {
  if (options_.limits.unlimited) return Status::Ok();
  const int64_t now_ns = clock_.NowNs();
  const int64_t time_ns = profile.profile.time_ns;
  if (time_ns <= now_ns - options_.limits.reject_older_than_ns ||
      time_ns >= now_ns + options_.limits.reject_newer_than_ns) {
    return InvalidArgument("profile time is " + std::to_string((time_ns - now_ns) / kNsPerSecond) +
                           " s from now; accepted is from -" +
                           std::to_string(options_.limits.reject_older_than_ns / kNsPerSecond) +
                           " s to +" +
                           std::to_string(options_.limits.reject_newer_than_ns / kNsPerSecond) +
                           " s (the ingestion window)")
        .WithReason("not_in_ingestion_window");
  }
  const double cost = static_cast<double>(profile.bytes + profile.labels.Bytes());
  std::lock_guard lock(mu_);
  if (!rate_limiter_.Admit(tenant, cost, clock_.MonotonicNs())) {
    return ResourceExhausted(
               "push rate limit (" +
               std::to_string(static_cast<int64_t>(options_.limits.rate_bytes_per_second)) +
               " bytes/s) of tenant " + tenant + " exceeded while adding " +
               std::to_string(static_cast<int64_t>(cost)) + " bytes")
        .WithReason("rate_limited");
  }
  return Status::Ok();
}

std::shared_ptr<const Ring> Distributor::CurrentRing(
    const std::vector<contract::SegmentWriterPeer>& live) {
  std::lock_guard lock(mu_);
  const bool is_current =
      ring_ != nullptr && ring_ids_.size() == live.size() &&
      std::equal(live.begin(), live.end(), ring_ids_.begin(),
                 [](const auto& peer, const std::string& id) { return peer.member.id == id; });
  if (!is_current) {
    ring_ids_.clear();
    for (const auto& peer : live) ring_ids_.push_back(peer.member.id);
    ring_ = std::make_shared<Ring>(ring_ids_);
  }
  return ring_;
}

bool Distributor::SpendRetry() {
  int64_t budget = retry_budget_.load(std::memory_order_relaxed);
  while (budget >= kRetryCost) {
    if (retry_budget_.compare_exchange_weak(budget, budget - kRetryCost)) return true;
  }
  return false;
}

void Distributor::Send(const contract::RequestContext& context, std::shared_ptr<PushCall> call,
                       std::shared_ptr<PlacedBatch> batch) {
  if (batch->attempt == 0) {
    const auto live = peers_.Live();
    if (live->empty()) {
      call->Reject(batch->profile, Unavailable("no segment-writer is alive"));
      call->End();
      return;
    }
    const uint32_t shards = options_.shard_count > 0 ? options_.shard_count
                                                     : static_cast<uint32_t>(live->size());
    batch->shard = ShardOf(batch->batch.tenant, batch->batch.service, shards);
    for (size_t i : CurrentRing(*live)->WritersOf(batch->shard, options_.attempts_max)) {
      batch->candidates.push_back((*live)[i]);
    }
    batch->bytes = static_cast<int64_t>(batch->batch.MemoryBytes());
    const int64_t inflight = inflight_bytes_.fetch_add(batch->bytes) + batch->bytes;
    metrics_.inflight_bytes.Set(inflight);
    if (inflight > static_cast<int64_t>(options_.inflight_bytes_max)) {
      metrics_.inflight_bytes.Set(inflight_bytes_.fetch_sub(batch->bytes) - batch->bytes);
      call->Reject(batch->profile,
                   ResourceExhausted("the distributor holds its limit of " +
                                     std::to_string(options_.inflight_bytes_max) +
                                     " bytes of batches; retry later")
                       .WithReason("distributor_full"));
      call->End();
      return;
    }
  }
  const bool is_last = batch->attempt + 1 >= batch->candidates.size();
  contract::AppendRequest request{batch->shard, is_last ? std::move(batch->batch) : batch->batch};
  const auto writer = batch->candidates[batch->attempt].writer;
  // The answer's callback must not keep alive the writer that holds it longer than another attempt needs.
  if (is_last) batch->candidates.clear();
  writer->Append(context, std::move(request),
                 [this, context, call, batch, is_last](Result<contract::AppendReceipt> receipt) {
                   if (receipt.ok()) {
                     const int64_t earned = batch->attempt == 0 ? 1 : 0;
                     if (retry_budget_.load(std::memory_order_relaxed) < kRetryBudgetMax) {
                       retry_budget_.fetch_add(earned, std::memory_order_relaxed);
                     }
                     metrics_.append_seconds.Observe(
                         static_cast<double>(clock_.MonotonicNs() - batch->begun_ns) / 1e9);
                     metrics_.duplicates.Add(receipt->duplicates);
                     call->AddDuplicates(receipt->duplicates);
                     call->AddSegment(receipt->segment);
                   } else if (!is_last && receipt.status().code() == Code::kUnavailable &&
                              clock_.MonotonicNs() < context.deadline_ns && SpendRetry()) {
                     // Safe even if the first writer stored it: identity makes it count once.
                     metrics_.retries.Add();
                     ++batch->attempt;
                     Send(context, call, batch);
                     return;
                   } else {
                     call->Reject(batch->profile, receipt.status());
                   }
                   metrics_.inflight_bytes.Set(inflight_bytes_.fetch_sub(batch->bytes) - batch->bytes);
                   call->End();
                 });
}

Status Distributor::Ready() {
  const auto live = peers_.Live();
  if (live->empty()) return Unavailable("no segment-writer is alive");
  Status last;
  for (const auto& peer : *live) {
    last = peer.writer->Ready();
    if (last.ok()) return last;
  }
  return last;
}

}  // namespace brazier::distributor
