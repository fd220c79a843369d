// OrphanLedger: objects that no block of the index has, and when they were first seen so. An object is an orphan for good when
// it was seen again after some age; until then it may be an upload whose registration is on its way. Bounded; what does not fit
// is found by a later walk. Pure; Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/index/jobs.h"
#include "store/index/tombstones.h"

namespace brazier::metastore {

// What the key of an object of ours says: "segments/<shard>/<id>.brz", "blocks/<shard>/<tenant>/<id>.brz". The level of a block is
// not in it: any above 0 gives the same key.
std::optional<index::CondemnedObject> ParseObjectKey(std::string_view key, uint64_t size);

// Whether a job that runs may have made the object, and may still register it: outputs have the time of the newest input in their ids.
bool MayBeOutputOf(const std::vector<index::Job>& jobs, const index::CondemnedObject& object);

class OrphanLedger {
 public:
  static constexpr size_t kObjectsMax = 100'000;

  // A walk has met it without a block.
  void See(const index::CondemnedObject& object, const std::string& key, int64_t now_ns);
  // It has a block, or a tombstone, or is gone.
  void Forget(const Ulid& id) { seen_.erase(id); }
  // A walk over everything began; FinishWalk forgets what it has not met.
  void BeginWalk() { ++walk_; }
  void FinishWalk();

  struct Candidate {
    index::CondemnedObject object;
    std::string key;
    int64_t first_seen_ns = 0;
    uint64_t walk = 0;  // that has met it last
  };
  // Those first seen at `before_ns` or earlier, in the order of ids above `after`.
  std::vector<Candidate> Due(int64_t before_ns, const std::optional<Ulid>& after, size_t limit) const;
  size_t size() const { return seen_.size(); }
  void Clear() { seen_.clear(); }

 private:
  std::map<Ulid, Candidate> seen_;
  uint64_t walk_ = 0;
};

}  // namespace brazier::metastore
