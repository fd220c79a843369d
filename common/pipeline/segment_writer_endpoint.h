// SegmentWriterEndpoint: serves a contract::SegmentWriter on a pipeline server.
//
// Batches are decoded on the loop thread and handed to Append() there, which by contract does not
// block. The answer leaves when `done` is called, and not before: nothing is acknowledged that is
// not durable. A batch whose deadline has passed already is refused without looking at it.
#pragma once

#include "common/contract/segment_writer.h"
#include "common/pipeline/server.h"

namespace brazier::pipeline {

// Registers the handler. REQUIRES: before server.Start(). `writer` outlives server.Stop().
void ServeSegmentWriter(PipelineServer& server, contract::SegmentWriter& writer);

}  // namespace brazier::pipeline
