// SegmentWriter: gathers batches per shard, writes one object per sealed segment, registers it, answers the waiters.
//
// Flush threads build and upload; while one segment of a shard uploads, the next gathers. Registration is
// asynchronous: the next upload does not wait for it. Bounded: bytes of batches not yet answered. Thread-safe.
// Shutdown: Stop() refuses new batches, flushes what it has, waits for the answers.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/metastore.h"
#include "common/contract/segment_writer.h"
#include "store/block/block_writer.h"
#include "store/object/object_store.h"
#include "worker/segment_writer/segment_writer_metrics.h"
#include "worker/segment_writer/segment_writer_options.h"
#include "worker/segment_writer/shard_heads.h"

namespace brazier::segment_writer {

class SegmentWriter final : public contract::SegmentWriter {
 public:
  SegmentWriter(SegmentWriterOptions options, object::ObjectStore& store,
                contract::Metastore& metastore, const Clock& clock, Random& random,
                MetricsRegistry& registry);
  ~SegmentWriter() override;

  void Append(const contract::RequestContext& context, contract::AppendRequest request,
              std::function<void(Result<contract::AppendReceipt>)> done) override;
  Status Ready() override;
  // Idempotent.
  void Stop();

 private:
  struct Waiter {
    contract::AppendRequest request;
    std::function<void(Result<contract::AppendReceipt>)> done;
    size_t bytes = 0;
    int64_t arrived_ns = 0;
    block::BlockWriter::Added added;
  };
  using Waiters = std::vector<std::unique_ptr<Waiter>>;
  struct Segment;

  void FlushLoop();
  void Flush(uint32_t shard, Waiters waiters);
  void Register(std::shared_ptr<Segment> segment);
  void Complete(Segment& segment, const Result<contract::AddBlocksResponse>& answer);
  void Fail(Waiters& waiters, const Status& status);
  void Release(size_t bytes);

  const SegmentWriterOptions options_;
  object::ObjectStore& store_;
  contract::Metastore& metastore_;
  const Clock& clock_;
  Random& random_;
  SegmentWriterMetrics metrics_;

  std::mutex mu_;
  std::condition_variable changed_;
  ShardHeads<std::unique_ptr<Waiter>> heads_;  // guarded by mu_
  size_t buffer_bytes_ = 0;                    // guarded by mu_
  bool is_stopping_ = false;                   // guarded by mu_
  Status last_upload_;                         // guarded by mu_: tells readiness
  int64_t last_failure_ns_ = 0;                // guarded by mu_

  std::vector<std::thread> threads_;
};

}  // namespace brazier::segment_writer
