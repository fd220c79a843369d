#include "common/pipeline/segment_writer_endpoint.h"

#include "common/base/clock.h"
#include "common/codec/profile_batch_msgpack.h"
#include "common/pipeline/append_receipt.h"

namespace brazier::pipeline {
namespace {

void HandleAppend(contract::SegmentWriter& writer, ServerRequest request) {
  if (request.context.deadline_ns <= SystemClock().MonotonicNs()) {
    return request.responder.Answer(
        DeadlineExceeded("the deadline had passed when the batch arrived"));
  }
  Result<ProfileBatch> batch = codec::DecodeProfileBatch(request.payload.bytes());
  if (!batch.ok()) return request.responder.Answer(batch.status());
  request.payload = Frame();
  auto responder = std::make_shared<Responder>(std::move(request.responder));
  writer.Append(request.context, {request.header.shard, std::move(batch).value()},
                [responder](Result<contract::AppendReceipt> receipt) {
                  if (!receipt.ok()) return responder->Answer(receipt.status());
                  responder->Answer(EncodeAppendReceipt(*receipt));
                });
}

}  // namespace

void ServeSegmentWriter(PipelineServer& server, contract::SegmentWriter& writer) {
  server.Handle(Kind::kAppend,
                [&writer](ServerRequest request) { HandleAppend(writer, std::move(request)); });
}

}  // namespace brazier::pipeline
