// The commands of MetadataIndex that are about jobs.
//
// Which job has a block is said by the block's own key (JobOf) alone. A job's entry lists the inputs it was made of: those that were
// removed meanwhile stay there, so that whoever finishes it hears of it; those that went into quarantine are taken off.
#include <algorithm>

#include "common/base/check.h"
#include "store/index/block_queue.h"
#include "store/index/index_keys.h"
#include "store/index/index_limits.h"
#include "store/index/metadata_index.h"

namespace brazier::index {

using kv::Family;

std::optional<Job> MetadataIndex::ReadJob(uint64_t id) const {
  std::string stored;
  if (!Read(JobKey(id), &stored)) return std::nullopt;
  auto job = DecodeJob(id, stored);
  CHECK(job.ok());
  return std::move(job).value();
}

Result<std::vector<LeasedJob>> MetadataIndex::LeaseJobs(const LeaseJobsCommand& command, kv::WriteBatch& batch) {
  if (!version_.IsUpgraded()) {
    return Status(Code::kFailedPrecondition, "leasing jobs: the index is not upgraded yet");
  }
  std::vector<LeasedJob> leased;
  for (const JobLease& lease : command.jobs) {
    if (lease.id == 0) {
      leased.push_back(LeaseNewJob(lease, command.time_ns, batch));
      continue;
    }
    std::optional<Job> job = ReadJob(lease.id);
    if (!job.has_value()) {
      leased.emplace_back();
      continue;
    }
    job->token = applying_;
    job->worker = lease.worker;
    ++job->attempts;
    Write(JobKey(job->id), EncodeJob(*job), batch);
    leased.push_back({.id = job->id, .token = job->token, .not_free = {}});
  }
  return leased;
}

LeasedJob MetadataIndex::LeaseNewJob(const JobLease& lease, int64_t time_ns, kv::WriteBatch& batch) {
  LeasedJob leased;
  std::vector<QueuedBlock> inputs;
  std::string stored;
  for (const Ulid& id : lease.inputs) {
    if (!Read(QueueKey(lease.queue, id), &stored)) {
      leased.not_free.push_back(id);
      continue;
    }
    const auto block = DecodeQueuedBlock(id, stored);
    CHECK(block.ok());
    inputs.push_back(*block);
  }
  if (!leased.not_free.empty()) return leased;
  uint64_t newest = 0;
  if (Read(NewestJobKey(), &stored)) {
    const auto number = DecodeJobNumber(stored);
    CHECK(number.ok());
    newest = *number;
  }
  leased.id = newest + 1;
  leased.token = applying_;
  Write(NewestJobKey(), EncodeJobNumber(leased.id), batch);
  for (const QueuedBlock& block : inputs) {
    Erase(QueueKey(lease.queue, block.id), batch);
    Write(JobOfBlockKey(block.id), EncodeJobOfBlock({leased.id, block}), batch);
    if (observer_ != nullptr) observer_->BlockTaken(lease.queue, block.id);
  }
  const Job job{.id = leased.id,
                .token = leased.token,
                .queue = lease.queue,
                .output_level = lease.output_level,
                .inputs = lease.inputs,
                .worker = lease.worker,
                .started_ns = time_ns,
                .attempts = 1};
  Write(JobKey(job.id), EncodeJob(job), batch);
  return leased;
}

bool MetadataIndex::WasFinished(const FinishJobCommand& command) const {
  std::string stored;
  return std::all_of(command.inputs.begin(), command.inputs.end(), [&](const Ulid& id) { return IsRemoved(id); }) &&
         std::all_of(command.outputs.begin(), command.outputs.end(),
                     [&](const BlockMeta& output) { return IsPresent(output.id) || IsRemoved(output.id); }) &&
         std::all_of(command.bad.begin(), command.bad.end(),
                     [&](const BadInput& bad) { return Read(QuarantineKey(bad.id), &stored) || IsRemoved(bad.id); });
}

Status MetadataIndex::CheckFinishable(const FinishJobCommand& command, const Job& job) const {
  constexpr std::string_view kDoing = "finishing a job";
  const auto is_of_job = [&](const Ulid& id) { return std::binary_search(job.inputs.begin(), job.inputs.end(), id); };
  const auto foreign = [&](const Ulid& id) {
    return InvalidArgument(std::string(kDoing) + ": block " + id.ToString() + " is no input of job " + std::to_string(job.id));
  };
  size_t bytes = 0;
  std::string stored;
  for (const Ulid& id : command.inputs) {
    const auto place = JobOf(id);
    if (place.has_value() && place->job == job.id) {
      CHECK(Read(BlockKey(id), &stored));
      bytes += stored.size();
      RETURN_IF_ERROR(CheckEntryBytes(kDoing, bytes));
      for (const NotedDeletion& noted : DeletionsNoted(id)) {
        if (noted.index <= command.token) continue;
        return Status(Code::kFailedPrecondition,
                      std::string(kDoing) + ": data of input " + id.ToString() + " was deleted after its lease")
            .WithReason("inputs_changed");
      }
    } else if (Read(QuarantineKey(id), &stored)) {
      return Status(Code::kFailedPrecondition, std::string(kDoing) + ": input " + id.ToString() + " is in quarantine now")
          .WithReason("inputs_changed");
    } else if (is_of_job(id) || !IsPresent(id)) {
      return NotFound(std::string(kDoing) + ": input " + id.ToString() + (IsRemoved(id) ? " was removed" : " is not known"))
          .WithReason("input_gone");
    } else {
      return foreign(id);
    }
  }
  for (const BadInput& bad : command.bad) {
    if (!is_of_job(bad.id) && IsPresent(bad.id) && !Read(QuarantineKey(bad.id), &stored)) return foreign(bad.id);
  }
  return CheckNotRemoved(kDoing, command.outputs);
}

Result<JobFinished> MetadataIndex::FinishJob(FinishJobCommand command, kv::WriteBatch& batch) {
  const std::optional<Job> job = ReadJob(command.id);
  if (!job.has_value()) {
    if (WasFinished(command)) return JobFinished{.already_done = true};
    return NotFound("finishing a job: job " + std::to_string(command.id) + " is not known").WithReason("job_gone");
  }
  if (job->token != command.token) {
    return Status(Code::kFailedPrecondition,
                  "finishing a job: job " + std::to_string(command.id) + " has another lease now")
        .WithReason("stale_lease");
  }
  RETURN_IF_ERROR(CheckFinishable(command, *job));
  uint64_t left_job = 0;
  for (const BadInput& bad : command.bad) Quarantine(bad, command.time_ns, &left_job, batch);
  Swap(std::move(command.outputs), command.inputs, command.time_ns, batch);
  for (const Ulid& id : job->inputs) {
    const auto place = JobOf(id);
    if (!place.has_value() || place->job != job->id) continue;
    FailedBlock failure = FailureOf(id);
    failure.not_before_ns = 0;
    FreeFromJob(*job, *place, failure, batch);
  }
  Erase(JobKey(job->id), batch);
  return JobFinished{};
}

uint64_t MetadataIndex::ReturnJob(const ReturnJobCommand& command, kv::WriteBatch& batch) {
  const std::optional<Job> job = ReadJob(command.id);
  if (!job.has_value() || (command.token != 0 && command.token != job->token)) return 0;
  uint64_t freed = 0;
  for (const Ulid& id : job->inputs) {
    const auto place = JobOf(id);
    if (!place.has_value() || place->job != job->id) continue;
    FailedBlock failure = FailureOf(id);
    failure.not_before_ns = command.not_before_ns;
    if (command.counts) {
      if (failure.failures < UINT32_MAX) ++failure.failures;
      failure.error = command.error;
    }
    FreeFromJob(*job, *place, failure, batch);
    ++freed;
  }
  Erase(JobKey(job->id), batch);
  return freed;
}

uint64_t MetadataIndex::ForgetFailures(const ForgetFailuresCommand& command, kv::WriteBatch& batch) {
  std::vector<Ulid> blocks = command.blocks;
  if (blocks.empty()) {
    const std::string prefix = KindPrefix(KeyKind::kFailure);
    const Status scanned =
        ReaderOfNow().Scan(Family::kState, prefix, PrefixEnd(prefix), [&](std::string_view key, std::string_view) {
          blocks.push_back(ParseId(key.substr(prefix.size())));
          return blocks.size() < kBlocksPerCommandMax;
        });
    CHECK(scanned.ok());
  }
  uint64_t forgotten = 0;
  std::string stored;
  for (const Ulid& id : blocks) {
    std::string key = FailureKey(id);
    if (!Read(key, &stored)) continue;
    Erase(std::move(key), batch);
    ++forgotten;
    if (observer_ == nullptr || JobOf(id).has_value()) continue;
    // It is free: a block in quarantine has no failures.
    const BlockMeta block = BlockEntryOf(id);
    TellQueued(QueueOf(block), {id, block.size, block.min_time_ns, block.max_time_ns}, {.id = id});
  }
  return forgotten;
}

}  // namespace brazier::index
