// RebuildIndex: recreates a metastore's index from the objects of a bucket.
//
// Objects are taken in the order of their ids and added one by one through the metastore, at the time at which each was
// made: so profiles are hidden as they were, up to what README.md names. Damaged and foreign objects are reported and
// left out. May be stopped at any point and begun again: known blocks are not read again.
#pragma once

#include <functional>

#include "common/contract/metastore.h"
#include "server/metastore/rebuild/block_clock.h"
#include "server/metastore/rebuild/findings.h"
#include "store/kv/key_value_store.h"
#include "store/object/object_store.h"

namespace brazier::metastore {

// How far a walk over a bucket is.
struct WalkProgress {
  uint64_t objects_done = 0;
  uint64_t objects_found = 0;
  uint64_t bytes_done = 0;  // of the objects, not of what is read of them
  uint64_t bytes_found = 0;
};
using OnProgress = std::function<void(const WalkProgress&)>;

struct RebuildReport {
  uint64_t objects_found = 0;  // under names of ours
  uint64_t objects_read = 0;   // and good
  uint64_t blocks_known = 0;   // before; not read
  uint64_t blocks_added = 0;
  uint64_t profiles = 0;         // of the blocks added
  uint64_t profiles_hidden = 0;  // likewise: repeats
  Findings left_out;             // damaged, foreign, refused
};

struct RebuildOptions {
  size_t readers = 8;
  int64_t add_timeout_ns = 60 * kNsPerSecond;  // of one block
};

// `metastore` tells its time by `clock`. `known` is a view of its index before the call, or null when it is empty.
// `on_progress` is called on the calling thread after each object. An error means that the rest was not added (the
// store cannot be listed, the metastore does not answer); the report says how far it came.
Status RebuildIndex(object::ObjectStore& store, contract::Metastore& metastore, BlockClock& clock,
                    const kv::Reader* known, const RebuildOptions& options,
                    const OnProgress& on_progress, RebuildReport* report);

}  // namespace brazier::metastore
