// The life of data in one thread and from one seed: segments are written, registered, compacted, deleted and cleaned away by the real
// state machine (store/index), scheduler (server/metastore/compaction), merge (store/block) and query code over memory stores, while
// workers die, leases run out, leaders change, objects are damaged and profiles are sent again.
//
// What every answer must be is known: nothing is ever taken from an archive of what was written, and each report over the blocks of
// the index must equal the report over the archive (I2, I3, I4). In the end every object is referenced or gone (I8), and names that
// were deleted are in no object. docs/simulation.md. Free functions; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>

namespace brazier::simulation {

// Bugs that are planted to see that the checks find them.
enum class LifeCanary : uint8_t {
  kNone,
  kLoseARepeatedTime,   // of two profiles with equal labels and times the worker keeps one
  kForgetDeletions,     // the worker merges without looking at what was deleted
};
const char* LifeCanaryName(LifeCanary canary);

struct LifeOptions {
  uint64_t seed = 1;
  uint32_t steps = 400;
  LifeCanary canary = LifeCanary::kNone;
  bool prints = false;
};

struct LifeFigures {
  uint64_t segments = 0;
  uint64_t profiles = 0;
  uint64_t repeats = 0;        // profiles that were sent again
  uint64_t jobs_finished = 0;
  uint64_t jobs_refused = 0;   // stale leases, changed inputs
  uint64_t workers_died = 0;
  uint64_t leaders = 0;
  uint64_t queries = 0;
  uint64_t rollup_rows = 0;    // that queries read in place of profiles
  uint64_t deletions = 0;
  uint64_t damaged = 0;        // objects
  uint64_t quarantined = 0;
  uint64_t orphans = 0;
  uint64_t objects_deleted = 0;
  uint64_t blocks_at_end = 0;
};

struct LifeResult {
  std::string failure;  // empty: every check held
  LifeFigures figures;
  uint64_t trace = 0;   // hash of what happened: equal for equal options
};

LifeResult SimulateLife(const LifeOptions& options);

}  // namespace brazier::simulation
