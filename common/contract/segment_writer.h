// What distributors ask of a segment-writer: make this batch durable and visible.
#pragma once

#include <functional>

#include "common/base/result.h"
#include "common/base/ulid.h"
#include "common/contract/context.h"
#include "common/model/profile.h"

namespace brazier::contract {

struct AppendRequest {
  uint32_t shard = 0;
  ProfileBatch batch;
};

struct AppendReceipt {
  Ulid segment;
  uint32_t duplicates = 0;  // profiles of the batch that the index knew already
};

class SegmentWriter {
 public:
  virtual ~SegmentWriter() = default;
  // Calls `done` exactly once, from any thread: OK after the segment that holds the batch is in the object store and
  // registered in the metastore. kResourceExhausted when the writer's buffer is full (bytes), kUnavailable when it
  // is stopping or the upload or registration failed; both may be retried. `done` must not block. Thread-safe.
  virtual void Append(const RequestContext& context, AppendRequest request,
                      std::function<void(Result<AppendReceipt>)> done) = 0;
  // OK when an append made now would be expected to succeed.
  virtual Status Ready() = 0;
};

}  // namespace brazier::contract
