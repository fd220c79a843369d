// MergeBlocks: many objects of one queue into few: what compaction does. Streams: sample columns are read chunk by chunk and written
// row by row, symbols are mapped by id; no profile is ever an object of its own. docs/compaction.md tells how.
//
// Deterministic: equal inputs and options give equal bytes and ids, whatever machine or order of arrival. Exact: hidden profiles and
// what a deletion names are left out, a second profile of the same (non-zero) identity in one dataset is left out, everything else
// is kept. What only left-out profiles referred to is in no output, names included.
//
// Memory is bounded by options.memory_bytes_max whatever the inputs, but for one row of samples and the metadata of the inputs.
// Objects are not trusted: whatever is wrong with an input ends the merge with its id in `*bad`. Thread-compatible.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/model/block_meta.h"
#include "store/block/block_writer.h"
#include "store/object/object_store.h"

namespace brazier::block {

struct MergeOptions {
  uint32_t level = 1;  // of the outputs
  uint32_t shard = 0;  // of the outputs
  uint64_t block_bytes_max = 64 << 20;    // of an output; one dataset's smallest part may exceed it
  uint64_t memory_bytes_max = 256 << 20;
  // Of the metadata of all outputs together, encoded: they travel in one command. Label sets are listed as far as they fit.
  size_t metadata_bytes_max = 700 << 10;
  bool hour_rollups = false;
  bool day_rollups = false;
  int zstd_level = 3;
  // Goes into the outputs' ids and nothing else: the number of the job. Whoever does one job makes the same objects; what an earlier
  // job left of the same inputs may have been condemned as orphans, and such ids never come back.
  uint64_t salt = 0;
};

struct MergeFigures {
  uint64_t bytes_read = 0;       // of the inputs' objects
  uint64_t bytes_written = 0;
  uint64_t profiles = 0;         // written
  uint64_t profiles_hidden = 0;  // left out because the index hides them
  uint64_t profiles_repeated = 0;  // left out because of their identity
  uint64_t profiles_deleted = 0;   // left out because of a deletion; with some of its rows left, a profile is written
  uint64_t memory_bytes_peak = 0;  // as accounted
};

class MergeHost {
 public:
  virtual ~MergeHost() = default;
  // An output is complete; meta has no identities. What it returns other than OK ends the merge.
  virtual Status Put(BuiltBlock block) = 0;
  // Called often, with the share of the inputs' bytes that is done. False: stop, nobody wants the result any more (kCancelled).
  virtual bool GoOn(uint64_t bytes_done) { return true; }
};

// Inputs as the index knows them (GetBlocks): hidden profiles and deletions included. REQUIRES: at least one, no two alike.
// Outputs are put in the order of tenants; one tenant's in the order of services and times. None when nothing is left.
// kCorruption or kNotFound with `*bad` = the input that cannot be read; other errors are the host's or the store's.
// kResourceExhausted, reason "metadata_limit", when the outputs' metadata does not fit: give it fewer inputs.
Result<MergeFigures> MergeBlocks(const MergeOptions& options, object::ObjectStore& store, const std::vector<BlockMeta>& inputs,
                                 MergeHost& host, Ulid* bad);

// The id of the n-th output: the time of the newest input, and a hash of options, inputs and n.
Ulid MergeOutputId(const MergeOptions& options, const std::vector<BlockMeta>& inputs, const std::string& tenant, uint32_t n);

}  // namespace brazier::block
