// MeasureIndex: opens an index that was built, and measures: time to ready, memory, look-ups.
#pragma once

#include <string>

#include "benchmark/index/block_fleet.h"

namespace brazier::benchmark {

// Prints a table. Look-ups are FindBlocks over a snapshot, as the metastore answers them, of services and times drawn at random
// from all of the index ("now": the last hour). "Cold": the first time, after the system was told to drop what it cached of the files;
// then the same ones again.
void MeasureIndex(const BlockFleet& fleet, const std::string& folder, uint64_t blocks);

}  // namespace brazier::benchmark
