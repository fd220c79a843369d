#include "worker/segment_writer/segment_writer.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <tuple>

#include "common/observe/log.h"

namespace brazier::segment_writer {
namespace {

// After a failed upload the writer calls itself not ready for this long, unless an upload succeeds meanwhile.
constexpr int64_t kUnreadyNs = 5 * kNsPerSecond;

double Seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

}  // namespace

struct SegmentWriter::Segment {
  BlockMeta meta;
  Waiters waiters;
  // Of each dataset in order of first appearance: its position in the metadata.
  std::vector<uint32_t> positions;
  int64_t begun_ns = 0;
};

SegmentWriter::SegmentWriter(SegmentWriterOptions options, object::ObjectStore& store,
                             contract::Metastore& metastore, const Clock& clock, Random& random,
                             MetricsRegistry& registry)
    : options_(options),
      store_(store),
      metastore_(metastore),
      clock_(clock),
      random_(random),
      metrics_(registry),
      heads_(options_) {
  for (int i = 0; i < std::max(1, options_.flush_threads); ++i) {
    threads_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "segment-flush");
      FlushLoop();
    });
  }
}

SegmentWriter::~SegmentWriter() { Stop(); }

void SegmentWriter::Append(const contract::RequestContext& context, contract::AppendRequest request,
                           std::function<void(Result<contract::AppendReceipt>)> done) {
  auto waiter = std::make_unique<Waiter>();
  waiter->bytes = request.batch.MemoryBytes();
  waiter->request = std::move(request);
  waiter->done = std::move(done);
  waiter->arrived_ns = clock_.MonotonicNs();
  Status refusal;
  bool is_due_earlier = false;
  {
    std::lock_guard lock(mu_);
    if (is_stopping_) {
      refusal = Unavailable("the segment-writer is stopping");
    } else if (buffer_bytes_ + waiter->bytes > options_.buffer_bytes_max) {
      refusal = ResourceExhausted("the segment-writer's buffer holds its limit of " +
                                  std::to_string(options_.buffer_bytes_max) +
                                  " bytes (segment.buffer-bytes-max); retry later")
                    .WithReason("segment_writer_full");
    } else {
      buffer_bytes_ += waiter->bytes;
      metrics_.buffer_bytes.Set(static_cast<int64_t>(buffer_bytes_));
      const uint32_t shard = waiter->request.shard;
      const size_t bytes = waiter->bytes;
      const size_t profiles = waiter->request.batch.profiles.size();
      const int64_t arrived_ns = waiter->arrived_ns;
      is_due_earlier = heads_.Append(shard, std::move(waiter), bytes, profiles, arrived_ns);
    }
  }
  if (!refusal.ok()) {
    metrics_.refused.Add();
    waiter->done(refusal);
    return;
  }
  if (is_due_earlier) changed_.notify_one();
}

Status SegmentWriter::Ready() {
  {
    std::lock_guard lock(mu_);
    if (is_stopping_) return Unavailable("the segment-writer is stopping");
    if (!last_upload_.ok() && clock_.MonotonicNs() - last_failure_ns_ < kUnreadyNs) {
      return last_upload_.Annotate("the last upload failed");
    }
  }
  return metastore_.Ready();
}

void SegmentWriter::Stop() {
  {
    std::lock_guard lock(mu_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  // Registrations that are under way answer within their deadline.
  std::unique_lock lock(mu_);
  changed_.wait(lock, [this] { return buffer_bytes_ == 0; });
}

void SegmentWriter::FlushLoop() {
  std::unique_lock lock(mu_);
  while (true) {
    const int64_t now_ns = clock_.MonotonicNs();
    if (auto sealed = heads_.TakeDue(now_ns, is_stopping_)) {
      // The thread that would have waited for the next head is about to upload: another one must take over the wait.
      if (heads_.NextDueNs() != std::numeric_limits<int64_t>::max()) changed_.notify_one();
      lock.unlock();
      Flush(sealed->shard, std::move(sealed->items));
      lock.lock();
      heads_.UploadDone(sealed->shard, clock_.MonotonicNs());
      // What has come meanwhile is this thread's to take or to wait for; only those that stop wait for an empty head.
      if (is_stopping_) changed_.notify_all();
      continue;
    }
    if (is_stopping_ && heads_.empty()) return;
    const int64_t due_ns = heads_.NextDueNs();
    if (due_ns == std::numeric_limits<int64_t>::max()) {
      changed_.wait(lock);
    } else {
      changed_.wait_for(lock, std::chrono::nanoseconds(due_ns - now_ns));
    }
  }
}

void SegmentWriter::Flush(uint32_t shard, Waiters waiters) {
  auto segment = std::make_shared<Segment>();
  segment->begun_ns = clock_.MonotonicNs();
  std::string object;
  {
    // Batches of one dataset one after the other: its tables are still in the processor's cache.
    std::stable_sort(waiters.begin(), waiters.end(), [](const auto& a, const auto& b) {
      return std::tie(a->request.batch.tenant, a->request.batch.service) <
             std::tie(b->request.batch.tenant, b->request.batch.service);
    });
    block::BlockWriter writer(options_.zstd_level);
    for (auto& waiter : waiters) waiter->added = writer.Add(std::move(waiter->request.batch));
    const Ulid id = Ulid::Make(clock_.NowNs() / kNsPerMs, random_);
    block::BuiltBlock built = writer.Build(id, shard, /*level=*/0);
    for (const auto& waiter : waiters) {
      const uint32_t dataset = waiter->added.dataset;
      if (dataset >= segment->positions.size()) segment->positions.resize(dataset + 1);
      segment->positions[dataset] = writer.dataset_position(dataset);
    }
    segment->meta = std::move(built.meta);
    object = std::move(built.object);
  }
  segment->waiters = std::move(waiters);
  const int64_t built_ns = clock_.MonotonicNs();
  metrics_.build_seconds.Observe(Seconds(built_ns - segment->begun_ns));

  const Status stored = store_.Put(segment->meta.ObjectKey(), {AsBytes(object)});
  const int64_t stored_ns = clock_.MonotonicNs();
  metrics_.upload_seconds.Observe(Seconds(stored_ns - built_ns));
  {
    std::lock_guard lock(mu_);
    last_upload_ = stored;
    if (!stored.ok()) last_failure_ns_ = stored_ns;
  }
  if (!stored.ok()) {
    metrics_.upload_failures.Add();
    Log(LogLevel::kError, "segment upload failed",
        {{"segment", segment->meta.id.ToString()}, {"shard", shard}, {"error", stored.ToString()}});
    Fail(segment->waiters, Unavailable("storing the segment failed: " + stored.message()));
    return;
  }
  segment->begun_ns = stored_ns;
  Register(std::move(segment));
}

void SegmentWriter::Register(std::shared_ptr<Segment> segment) {
  contract::RequestContext context;
  context.request_id = segment->meta.id.ToString();
  context.deadline_ns = clock_.MonotonicNs() + options_.register_timeout_ns;
  contract::AddBlocksRequest request;
  request.blocks.push_back(segment->meta);
  metastore_.AddBlocks(context, std::move(request),
                       [this, segment](Result<contract::AddBlocksResponse> response) {
                         Complete(*segment, response);
                       });
}

void SegmentWriter::Complete(Segment& segment, const Result<contract::AddBlocksResponse>& answer) {
  const int64_t now_ns = clock_.MonotonicNs();
  // The answer may have come over a wire.
  const bool fits = !answer.ok() || answer->blocks.size() == 1;
  const Result<contract::AddBlocksResponse> misfit =
      Internal("the metastore did not answer for the one block it was given");
  const Result<contract::AddBlocksResponse>& response = fits ? answer : misfit;
  metrics_.register_seconds.Observe(Seconds(now_ns - segment.begun_ns));
  if (!response.ok()) {
    metrics_.register_failures.Add();
    Log(LogLevel::kError, "segment registration failed",
        {{"segment", segment.meta.id.ToString()}, {"error", response.status().ToString()}});
    Fail(segment.waiters,
         Unavailable("registering the segment failed: " + response.status().message()));
    return;
  }
  metrics_.segments.Add();
  metrics_.bytes.Add(segment.meta.size);
  Log(LogLevel::kDebug, "segment registered",
      {{"segment", segment.meta.id.ToString()},
       {"shard", segment.meta.shard},
       {"bytes", segment.meta.size},
       {"batches", segment.waiters.size()}});
  const auto& hidden = response->blocks.front().hidden_profiles;
  size_t bytes = 0;
  for (auto& waiter : segment.waiters) {
    contract::AppendReceipt receipt;
    receipt.segment = segment.meta.id;
    const auto& added = waiter->added;
    const uint32_t position = segment.positions[added.dataset];
    if (position < hidden.size()) {
      for (uint32_t p : hidden[position]) {
        if (p >= added.first_profile && p < added.first_profile + added.profile_count) {
          ++receipt.duplicates;
        }
      }
    }
    metrics_.profiles.Add(added.profile_count);
    metrics_.wait_seconds.Observe(Seconds(now_ns - waiter->arrived_ns));
    bytes += waiter->bytes;
    waiter->done(std::move(receipt));
  }
  segment.waiters.clear();
  Release(bytes);
}

void SegmentWriter::Fail(Waiters& waiters, const Status& status) {
  size_t bytes = 0;
  for (auto& waiter : waiters) {
    bytes += waiter->bytes;
    waiter->done(status);
  }
  waiters.clear();
  Release(bytes);
}

void SegmentWriter::Release(size_t bytes) {
  // Notified under the lock: Stop() may destroy the writer as soon as it sees the last byte gone.
  std::lock_guard lock(mu_);
  buffer_bytes_ -= bytes;
  metrics_.buffer_bytes.Set(static_cast<int64_t>(buffer_bytes_));
  if (is_stopping_) changed_.notify_all();
}

}  // namespace brazier::segment_writer
