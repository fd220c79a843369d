// MeasureRemoteCommits: add-block requests over Thrift to the members of a metastore group that runs, for example three
// processes on loopback.
#pragma once

#include <string>
#include <vector>

#include "benchmark/index/block_fleet.h"

namespace brazier::benchmark {

// Prints requests/s with `callers` callers, each of which registers its next block when the last one is answered, and the
// time of an answer for a lone caller. `addresses`: Thrift, "host:port", of any members; redirects are followed.
void MeasureRemoteCommits(const BlockFleet& fleet, const std::vector<std::string>& addresses, size_t callers);

}  // namespace brazier::benchmark
