// SegmentWriterClient: contract::SegmentWriter of another process, over the append pipeline.
// Batches are encoded on the caller's thread. Failures: see PipelineClient. Thread-safe.
#pragma once

#include <memory>

#include "common/contract/segment_writer.h"
#include "common/pipeline/client.h"

namespace brazier::pipeline {

class SegmentWriterClient final : public contract::SegmentWriter {
 public:
  static Result<std::unique_ptr<SegmentWriterClient>> Open(Loop& loop,
                                                           PipelineClient::Options options,
                                                           MetricsRegistry& metrics);
  void Append(const contract::RequestContext& context, contract::AppendRequest request,
              std::function<void(Result<contract::AppendReceipt>)> done) override;
  Status Ready() override { return client_->Ready(); }

 private:
  explicit SegmentWriterClient(std::unique_ptr<PipelineClient> client)
      : client_(std::move(client)) {}
  const std::unique_ptr<PipelineClient> client_;
};

}  // namespace brazier::pipeline
