// Index snapshots in the object store: write one, list them, load one, delete the old ones.
//
// A snapshot is taken from a view of the store, part by part: in memory are one part and its compressed form, writes go on
// meanwhile. It counts once its manifest is there; folders without one are remains of a writer that was stopped.
// Functions without state; Thread-safe as far as the stores are.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/contract/metastore_group.h"
#include "server/metastore/snapshot/snapshot_format.h"
#include "store/kv/key_value_store.h"
#include "store/object/object_store.h"

namespace brazier::metastore {

// Every key of the state that belongs to the index, as `state` has it. `go_on` is asked before each part; what it answers
// ends the writing. On failure what was put is deleted again, as far as that is possible.
Result<contract::GroupSnapshot> WriteSnapshot(object::ObjectStore& objects, const kv::Reader& state,
                                              uint64_t group_id, int64_t time_ns,
                                              const std::function<Status()>& go_on,
                                              size_t part_bytes = kSnapshotPartBytes);

struct StoredSnapshot {
  SnapshotName name;
  bool is_whole = false;  // its manifest is there
  uint64_t bytes = 0;
  std::vector<std::string> keys;
};
// By group, index and time.
Result<std::vector<StoredSnapshot>> ListSnapshots(object::ObjectStore& objects);
// The newest whole one of any group, by time. kNotFound when there is none.
Result<SnapshotName> NewestSnapshot(object::ObjectStore& objects);

// Writes the snapshot's records to family kStaging, whose earlier contents are deleted. kCorruption, naming the object, when
// a part is damaged, missing, or its keys are not in order.
Result<SnapshotManifest> StageSnapshot(object::ObjectStore& objects, const SnapshotName& name,
                                       kv::KeyValueStore& store);

// What a group that begins with an empty index checks first: kFailedPrecondition, reason "bucket_not_empty", when the
// bucket holds blocks or snapshots, which such an index would deny; the message says what to do.
Status CheckBucketIsNew(object::ObjectStore& objects);

// Deletes all but the newest `kept` whole snapshots of the group, and remains that are older than the newest whole one.
// Answers how many were deleted.
Result<size_t> PruneSnapshots(object::ObjectStore& objects, uint64_t group_id, size_t kept);

}  // namespace brazier::metastore
