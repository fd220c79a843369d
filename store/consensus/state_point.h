// StatePoint: what a view of the store is the state of: the last applied entry and its term.
// Value; Thread-compatible.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "store/kv/key_value_store.h"

namespace brazier::consensus {

struct StatePoint {
  uint64_t index = 0;
  uint64_t term = 0;
};

// Of a view of a founded store, whichever thread has it. kCorruption when its records do not fit.
Result<StatePoint> ReadStatePoint(const kv::Reader& reader);

}  // namespace brazier::consensus
