// Serves contract::CompactionJobs on a PipelineServer: pulls, heartbeats, finished and returned jobs.
#pragma once

#include "common/contract/compaction.h"
#include "common/pipeline/server.h"

namespace brazier::pipeline {

// Call before server.Start(). `jobs` outlives server.Stop(); it runs on the loop thread, and must not wait for anything there.
void ServeCompactionJobs(PipelineServer& server, contract::CompactionJobs& jobs);

}  // namespace brazier::pipeline
