// Merged stacks -> pprof (uncompressed protobuf bytes), for `go tool pprof` and the compatible API.
#pragma once

#include <cstdint>
#include <string>

#include "common/model/profile_type.h"
#include "common/model/query.h"

namespace brazier::codec {

// One sample type, that of `type`; period 1e9 for process_cpu, 524288 for memory, else 1; ids are 1..n in table order;
// only symbols that a sample refers to are written. max_nodes > 0 folds functions below the threshold into "other".
std::string EncodePprof(const StackProfile& profile, const ProfileType& type, int64_t time_ns,
                        int64_t max_nodes);

}  // namespace brazier::codec
