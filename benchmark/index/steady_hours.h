// MeasureSteadyHours: how many objects and index entries there are while services push steadily and compaction keeps up, in virtual
// time: the real index, scheduler and policy, and blocks that are nothing but metadata.
#pragma once

#include <cstdint>

namespace brazier::benchmark {

// Every service pushes four kinds of profiles every 15 s, each push an object of its own (segment.linger 0 and no batches: the most
// objects that there can be), spread over four shards. Prints a table by hour.
void MeasureSteadyHours(uint32_t services, uint32_t hours);

}  // namespace brazier::benchmark
