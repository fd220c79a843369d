// MeasureCompaction: what the first compaction asks of an index: candidates from a queue, and their replacement.
#pragma once

#include <string>

#include "benchmark/index/block_fleet.h"

namespace brazier::benchmark {

// Changes the index in `folder` (of so many blocks), which is of no use for look-ups afterwards. Replaces
// the oldest segments, 20 at a time by one block, until half of them are gone, and prints the time of a listing of 20
// candidates from the head of a queue and behind a cursor, and the CPU of Apply and of its writes for a replacement.
void MeasureCompaction(const BlockFleet& fleet, const std::string& folder, uint64_t blocks);

}  // namespace brazier::benchmark
