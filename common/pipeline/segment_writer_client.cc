#include "common/pipeline/segment_writer_client.h"

#include "common/codec/profile_batch_msgpack.h"
#include "common/pipeline/append_receipt.h"

namespace brazier::pipeline {

Result<std::unique_ptr<SegmentWriterClient>> SegmentWriterClient::Open(
    Loop& loop, PipelineClient::Options options, MetricsRegistry& metrics) {
  ASSIGN_OR_RETURN(auto client, PipelineClient::Open(loop, std::move(options), metrics));
  return std::unique_ptr<SegmentWriterClient>(new SegmentWriterClient(std::move(client)));
}

void SegmentWriterClient::Append(const contract::RequestContext& context,
                                 contract::AppendRequest request,
                                 std::function<void(Result<contract::AppendReceipt>)> done) {
  client_->Call(context, {.kind = Kind::kAppend, .shard = request.shard},
                codec::EncodeProfileBatch(request.batch),
                [done = std::move(done)](Result<Frame> answer) {
                  if (!answer.ok()) return done(answer.status());
                  done(DecodeAppendReceipt(answer->bytes()));
                });
}

}  // namespace brazier::pipeline
