// MeasureCommits: add-block commands through consensus, by many callers at once and by one that waits for each answer.
#pragma once

#include <string>

#include "benchmark/index/block_fleet.h"

namespace brazier::benchmark {

// Prints commands/s with `callers` callers, each of which proposes its next block when it has the answer to the one before, for
// groups of one and of three members; and the time of an answer for a lone caller as a ratio to one append with fdatasync
// of as many bytes in the same folder, measured in turns. Members are RaftConsensus in this process, each with a
// store of its own below `folder`; messages between them are function calls.
void MeasureCommits(const BlockFleet& fleet, const std::string& folder, size_t members, size_t callers);

}  // namespace brazier::benchmark
