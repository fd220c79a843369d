#include "worker/compaction/job_runner.h"

#include <algorithm>

#include "store/object/block_folders.h"

namespace brazier::compaction {
namespace {

using contract::ReturnReason;

constexpr const char* kCameBack = "inputs that were missing are there again; was the object store away?";

// Calls until it is not a transient failure any more; OK, an error, or kCancelled when the job was stopped meanwhile.
template <typename Call>
auto WithRetries(JobControl& control, const Call& call) -> decltype(call()) {
  int64_t pause_ns = JobRunner::kFirstPauseNs;
  for (int tries = 1;; ++tries) {
    auto answer = call();
    const Status& status = [&]() -> const Status& {
      if constexpr (std::is_same_v<decltype(answer), Status>) {
        return answer;
      } else {
        return answer.status();
      }
    }();
    if (status.ok() || !IsRetryable(status.code()) || tries >= JobRunner::kTries) return answer;
    if (!control.Sleep(pause_ns)) return Status(Code::kCancelled, "the job was stopped");
    pause_ns *= 2;
  }
}

JobOutcome Returned(ReturnReason reason, std::string error) {
  JobOutcome outcome;
  outcome.reason = reason;
  outcome.error = std::move(error);
  return outcome;
}

JobOutcome ReturnedFor(const Status& status) {
  const bool transient = IsRetryable(status.code());
  JobOutcome outcome = Returned(transient ? ReturnReason::kUnavailable : ReturnReason::kFailed, status.ToString());
  if (status.code() == Code::kCancelled) {
    outcome.is_stopped = true;
    outcome.reason = ReturnReason::kStopping;
  }
  return outcome;
}

bool IsInputsFault(const Status& status) {
  return status.code() == Code::kCorruption || status.code() == Code::kNotFound;
}

// A merge of one input whose outputs nobody wants.
class DiscardingHost final : public block::MergeHost {
 public:
  explicit DiscardingHost(JobControl& control) : control_(control) {}
  Status Put(block::BuiltBlock) override { return Status::Ok(); }
  bool GoOn(uint64_t) override { return !control_.is_stopped(); }

 private:
  JobControl& control_;
};

}  // namespace

class JobRunner::Host final : public block::MergeHost {
 public:
  Host(object::ObjectStore& store, JobControl& control) : store_(store), control_(control) {}

  Status Put(block::BuiltBlock block) override {
    const std::string key = block.meta.ObjectKey();
    RETURN_IF_ERROR(WithRetries(control_, [&] { return store_.Put(key, {AsBytes(block.object)}); }));
    bytes_written += block.object.size();
    outputs.push_back(std::move(block.meta));
    return Status::Ok();
  }
  bool GoOn(uint64_t bytes_done) override {
    control_.bytes_done = bytes_done;
    return !control_.is_stopped();
  }

  std::vector<BlockMeta> outputs;
  uint64_t bytes_written = 0;

 private:
  object::ObjectStore& store_;
  JobControl& control_;
};

Result<std::vector<BlockMeta>> JobRunner::Inputs(const contract::CompactionJob& job, JobControl& control) const {
  std::vector<BlockMeta> inputs;
  for (size_t begin = 0; begin < job.inputs.size(); begin += kIdsPerQuestion) {
    const std::vector<Ulid> ids(job.inputs.begin() + static_cast<ptrdiff_t>(begin),
                                job.inputs.begin() +
                                    static_cast<ptrdiff_t>(std::min(job.inputs.size(), begin + kIdsPerQuestion)));
    ASSIGN_OR_RETURN(contract::GetBlocksResponse answer, WithRetries(control, [&] {
      return metastore_.GetBlocks({.request_id = "job-" + std::to_string(job.id),
                                   .deadline_ns = clock_.MonotonicNs() + kCallNs,
                                   .cancellation = nullptr},
                                  ids);
    }));
    for (BlockMeta& block : answer.blocks) {
      // Quarantined since the job began: none of its inputs any more, as those that are gone.
      if (!block.IsQuarantined()) inputs.push_back(std::move(block));
    }
  }
  return inputs;
}

Result<std::optional<std::string>> JobRunner::Confirm(const block::MergeOptions& options, const BlockMeta& input,
                                                      JobControl& control) const {
  DiscardingHost host(control);
  Ulid bad;
  const auto merged = merge_(options, store_, {input}, host, &bad);
  if (merged.ok()) return std::optional<std::string>();
  if (IsInputsFault(merged.status())) return std::optional<std::string>(merged.status().message());
  return merged.status();
}

bool JobRunner::MayBelieveMissing() const {
  const Result<bool> holds_blocks = object::HoldsBlocks(store_);
  return holds_blocks.ok() && *holds_blocks;
}

bool JobRunner::IsMissing(const BlockMeta& block) const {
  return store_.Head(block.ObjectKey()).status().code() == Code::kNotFound;
}

void JobRunner::DropMissing(std::vector<BlockMeta>& inputs, std::vector<BlockMeta>& missing,
                            std::vector<contract::BadBlock>& bad) const {
  std::erase_if(inputs, [&](const BlockMeta& block) {
    if (!IsMissing(block) || !IsMissing(block)) return false;
    bad.push_back({.id = block.id, .reason = "missing: " + block.ObjectKey()});
    missing.push_back(block);
    return true;
  });
}

JobOutcome JobRunner::Run(const contract::CompactionJob& job, JobControl& control) const {
  const int64_t start_ns = clock_.MonotonicNs();
  Result<std::vector<BlockMeta>> found = Inputs(job, control);
  if (!found.ok()) return ReturnedFor(found.status());
  std::vector<BlockMeta> inputs = *std::move(found);
  if (inputs.empty()) return Returned(ReturnReason::kStopping, "none of the inputs is there any more");
  block::MergeOptions options;
  options.level = job.level;
  options.shard = job.shard;
  options.block_bytes_max = job.block_bytes_max;
  options.memory_bytes_max = job.memory_bytes_max;
  options.hour_rollups = job.hour_rollups;
  options.salt = job.id;
  options.day_rollups = job.day_rollups;

  std::vector<contract::BadBlock> bad_blocks;
  std::vector<BlockMeta> missing;  // of those
  // The store may have been away for a moment of the job: what is back must not be called bad.
  const auto is_back = [&] { return !std::all_of(missing.begin(), missing.end(), [&](const auto& m) { return IsMissing(m); }); };
  bool is_all_missing = true;
  int doubts = 0;
  int transient_failures = 0;
  int64_t pause_ns = kFirstPauseNs;
  while (!inputs.empty()) {
    uint64_t bytes = 0;
    for (const BlockMeta& input : inputs) bytes += input.size;
    control.bytes_total = bytes;
    control.bytes_done = 0;
    Host host(store_, control);
    Ulid bad;
    const auto merged = merge_(options, store_, inputs, host, &bad);
    if (merged.ok()) {
      if (is_back()) return Returned(ReturnReason::kUnavailable, kCameBack);
      JobOutcome outcome;
      outcome.figures = *merged;
      outcome.bytes_written = host.bytes_written;
      contract::FinishedJob& finished = outcome.finished.emplace();
      finished.outputs = std::move(host.outputs);
      for (const BlockMeta& input : inputs) finished.inputs.push_back(input.id);
      finished.bad = std::move(bad_blocks);
      finished.id = job.id;
      finished.token = job.token;
      finished.bytes_read = merged->bytes_read;
      finished.duration_ns = clock_.MonotonicNs() - start_ns;
      return outcome;
    }
    const Status& status = merged.status();
    if (control.is_stopped()) return ReturnedFor(Status(Code::kCancelled, "the job was stopped"));
    if (status.reason() == "metadata_limit") {
      if (inputs.size() == 1) return ReturnedFor(status);
      inputs.resize((inputs.size() + 1) / 2);
      continue;
    }
    const auto faulty = std::find_if(inputs.begin(), inputs.end(), [&](const BlockMeta& input) { return input.id == bad; });
    if (IsInputsFault(status) && faulty != inputs.end()) {
      auto confirmed = Confirm(options, *faulty, control);
      if (!confirmed.ok()) return ReturnedFor(confirmed.status());
      if (!confirmed->has_value()) {
        if (++doubts >= kDoubtsMax) return Returned(ReturnReason::kUnavailable, "not the same twice: " + status.ToString());
        continue;
      }
      bad_blocks.push_back({.id = bad, .reason = **std::move(confirmed)});
      is_all_missing = is_all_missing && status.code() == Code::kNotFound;
      if (status.code() == Code::kNotFound) missing.push_back(*faulty);
      inputs.erase(faulty);
      // Where one is missing others often are: not a merge for each.
      if (status.code() == Code::kNotFound) DropMissing(inputs, missing, bad_blocks);
      if (inputs.empty() && is_all_missing && (bad_blocks.size() > 1 || !MayBelieveMissing())) {
        return Returned(ReturnReason::kUnavailable, "none of " + std::to_string(bad_blocks.size()) +
                                                        " inputs is in this worker's object store; is it the cluster's?");
      }
      continue;
    }
    if (IsRetryable(status.code()) && ++transient_failures < kTries) {
      if (!control.Sleep(pause_ns)) return ReturnedFor(Status(Code::kCancelled, "the job was stopped"));
      pause_ns *= 2;
      continue;
    }
    return ReturnedFor(status);
  }
  if (is_back()) return Returned(ReturnReason::kUnavailable, kCameBack);
  JobOutcome outcome;
  contract::FinishedJob& finished = outcome.finished.emplace();
  finished.id = job.id;
  finished.token = job.token;
  finished.bad = std::move(bad_blocks);
  finished.duration_ns = clock_.MonotonicNs() - start_ns;
  return outcome;
}

}  // namespace brazier::compaction
