// JobRunner: does one compaction job: asks the metastore what the inputs are, merges them, stores the outputs. What becomes of it is a
// value; telling the metastore is the worker's.
//
// An input that cannot be read is read a second time, alone; when that fails too it is named as bad, and the merge starts again
// without it. When the outputs' metadata does not fit one command, half of the inputs are done; the others go back to their queue.
// When none of several inputs is there, or nothing at all, the store is doubted instead (a folder that is not mounted, another bucket):
// the job is returned as unavailable; what is truly lost the leader's scrub finds. What is unavailable is tried again, kTries times. No local disk; memory is the merge's budget and one output.
//
// Borrows metastore, store and clock. Thread-safe: several jobs at a time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/contract/compaction.h"
#include "common/contract/metastore.h"
#include "store/block/block_merge.h"
#include "store/object/object_store.h"
#include "worker/compaction/job_control.h"

namespace brazier::compaction {

// block::MergeBlocks, or a test's.
using MergeFunction = std::function<Result<block::MergeFigures>(const block::MergeOptions&, object::ObjectStore&,
                                                                const std::vector<BlockMeta>&, block::MergeHost&, Ulid* bad)>;

struct JobOutcome {
  std::optional<contract::FinishedJob> finished;
  block::MergeFigures figures;  // of the merge that ended well
  uint64_t bytes_written = 0;   // of the outputs
  // When it is not finished:
  bool is_stopped = false;  // it was told to
  contract::ReturnReason reason = contract::ReturnReason::kFailed;
  std::string error;
};

class JobRunner {
 public:
  static constexpr int kTries = 4;                            // of each step
  static constexpr int64_t kFirstPauseNs = 500 * kNsPerMs;    // between them; doubles
  static constexpr int64_t kCallNs = 30 * kNsPerSecond;       // deadline of a question to the metastore
  static constexpr size_t kIdsPerQuestion = 50;               // an answer is one message
  static constexpr int kDoubtsMax = 3;  // errors of inputs that a second read did not confirm

  JobRunner(contract::Metastore& metastore, object::ObjectStore& store, const Clock& clock, MergeFunction merge)
      : metastore_(metastore), store_(store), clock_(clock), merge_(std::move(merge)) {}

  JobOutcome Run(const contract::CompactionJob& job, JobControl& control) const;

 private:
  class Host;
  Result<std::vector<BlockMeta>> Inputs(const contract::CompactionJob& job, JobControl& control) const;
  // Whether a second read of the input alone fails as well, with which reason. Errors: it could not be told.
  Result<std::optional<std::string>> Confirm(const block::MergeOptions& options, const BlockMeta& input,
                                             JobControl& control) const;
  bool IsMissing(const BlockMeta& block) const;
  // Whether the store holds blocks at all; false also when it cannot be told.
  bool MayBelieveMissing() const;
  // Takes the inputs whose objects are not there out, and names them.
  void DropMissing(std::vector<BlockMeta>& inputs, std::vector<BlockMeta>& missing,
                   std::vector<contract::BadBlock>& bad) const;

  contract::Metastore& metastore_;
  object::ObjectStore& store_;
  const Clock& clock_;
  const MergeFunction merge_;
};

}  // namespace brazier::compaction
