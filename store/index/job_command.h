// The commands by which the life of blocks goes on after they are added: compaction jobs, quarantine, deletion of data, orphans,
// settings; and their answers (docs/format/index.md). As compaction_command.h: decoding is for hostile input, what decodes is within
// index_limits.h, a kind may be proposed only when every member of the group knows it. Values; Thread-compatible.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/block_meta.h"
#include "common/model/data_filter.h"
#include "store/index/block_queue.h"

namespace brazier::index {

// One job to be leased to a worker. A new one takes inputs that are in `queue`, in no other job and not quarantined; an old one
// (id > 0) keeps its inputs and gets another lease, and the rest of this is ignored but for the worker.
struct JobLease {
  uint64_t id = 0;  // 0: a new job
  QueueName queue;
  uint32_t output_level = 0;
  std::vector<Ulid> inputs;  // ascending, at least one, at most kJobInputsMax
  std::string worker;
};
struct LeaseJobsCommand {
  int64_t time_ns = 0;
  std::vector<JobLease> jobs;
};
std::string EncodeLeaseJobsCommand(const LeaseJobsCommand& command);
Result<LeaseJobsCommand> DecodeLeaseJobsCommand(std::string_view command);
// Per job of the command, in its order.
struct LeasedJob {
  uint64_t id = 0;     // 0: refused
  uint64_t token = 0;  // index of the command in the log
  // Why it was refused: inputs of a new job that are not free (gone, in a job, quarantined); none: the old job is gone.
  std::vector<Ulid> not_free;
  friend bool operator==(const LeasedJob&, const LeasedJob&) = default;
};
std::string EncodeLeaseJobsAnswer(const Result<std::vector<LeasedJob>>& answer);
Result<std::vector<LeasedJob>> DecodeLeaseJobsAnswer(std::string_view answer);

struct BadInput {
  Ulid id;
  std::string reason;
  friend bool operator==(const BadInput&, const BadInput&) = default;
};

// As ReplaceBlocks of the inputs by the outputs, when the token is that of the job's newest lease; the job is over then. Bad inputs
// are quarantined; inputs that are neither are free again at once. Errors: kNotFound the job is unknown, or an input is not in the
// index; kFailedPrecondition another token, or data of an input was deleted after the lease, or an output was removed before. The
// answer carries a reason: "job_gone", "input_gone"; "stale_lease", "inputs_changed" (an input in quarantine too), "output_removed".
struct FinishJobCommand {
  int64_t time_ns = 0;
  uint64_t id = 0;
  uint64_t token = 0;
  std::vector<Ulid> inputs;
  std::vector<BlockMeta> outputs;
  std::vector<BadInput> bad;
};
std::string EncodeFinishJobCommand(const FinishJobCommand& command, std::span<const std::string> encoded_outputs);
Result<FinishJobCommand> DecodeFinishJobCommand(std::string_view command);
struct JobFinished {
  bool already_done = false;  // by an earlier command: its inputs have tombstones and its outputs are known
  friend bool operator==(const JobFinished&, const JobFinished&) = default;
};
std::string EncodeFinishJobAnswer(const Result<JobFinished>& answer);
Result<JobFinished> DecodeFinishJobAnswer(std::string_view answer);

// The job is over without a result. Its inputs are free again from `not_before_ns` on, with one failure more on their account when
// `counts` is set (not for a worker that just stops). Token 0: whatever the lease is. An unknown job or another token: OK, nothing.
struct ReturnJobCommand {
  int64_t time_ns = 0;
  uint64_t id = 0;
  uint64_t token = 0;
  int64_t not_before_ns = 0;
  bool counts = true;
  std::string error;  // cut to kReasonBytesMax
};
std::string EncodeReturnJobCommand(const ReturnJobCommand& command);
Result<ReturnJobCommand> DecodeReturnJobCommand(std::string_view command);
// Failures of these blocks are forgotten; none: of all. At most kBlocksPerCommandMax at a time: `number` of the answer tells.
struct ForgetFailuresCommand {
  int64_t time_ns = 0;
  std::vector<Ulid> blocks;
};
std::string EncodeForgetFailuresCommand(const ForgetFailuresCommand& command);
Result<ForgetFailuresCommand> DecodeForgetFailuresCommand(std::string_view command);

// Blocks whose objects must not be read: out of their queues and jobs, named by FindBlocks as quarantined. Unknown ids are passed
// over, those that are quarantined keep their first reason.
struct QuarantineBlocksCommand {
  int64_t time_ns = 0;
  std::vector<BadInput> blocks;
};
std::string EncodeQuarantineBlocksCommand(const QuarantineBlocksCommand& command);
Result<QuarantineBlocksCommand> DecodeQuarantineBlocksCommand(std::string_view command);
// Back into their queues.
struct ReleaseBlocksCommand {
  int64_t time_ns = 0;
  std::vector<Ulid> blocks;
};
std::string EncodeReleaseBlocksCommand(const ReleaseBlocksCommand& command);
Result<ReleaseBlocksCommand> DecodeReleaseBlocksCommand(std::string_view command);

// Objects that no block of the index has: each id that is neither known nor removed gets a tombstone, so that it can never be
// registered any more (AddBlocks of it is refused) and its object is deleted like those of removed blocks.
struct CondemnedObject {
  Ulid id;
  uint32_t shard = 0;
  uint32_t level = 0;
  std::string tenant;  // "" at level 0
  uint64_t size = 0;
  friend bool operator==(const CondemnedObject&, const CondemnedObject&) = default;
};
struct CondemnObjectsCommand {
  int64_t time_ns = 0;
  std::vector<CondemnedObject> objects;
};
std::string EncodeCondemnObjectsCommand(const CondemnObjectsCommand& command);
Result<CondemnObjectsCommand> DecodeCondemnObjectsCommand(std::string_view command);

// Deletes what the filter names from the blocks that are in the index now. Blocks of which nothing else is left are removed at
// once; the others are noted (deletions.h) until a job has replaced them. A known id answers as the first time. kResourceExhausted
// for more than kBlocksPerDeletionMax blocks.
struct DeleteDataCommand {
  int64_t time_ns = 0;
  Ulid id;
  DataFilter filter;  // its selector parses
};
std::string EncodeDeleteDataCommand(const DeleteDataCommand& command);
Result<DeleteDataCommand> DecodeDeleteDataCommand(std::string_view command);
// Forgets deletions that are confirmed. Others, and unknown ones, are passed over.
struct ForgetDeletionsCommand {
  int64_t time_ns = 0;
  std::vector<Ulid> ids;
};
std::string EncodeForgetDeletionsCommand(const ForgetDeletionsCommand& command);
Result<ForgetDeletionsCommand> DecodeForgetDeletionsCommand(std::string_view command);

struct SetCompactionCommand {
  int64_t time_ns = 0;
  bool is_paused = false;
};
std::string EncodeSetCompactionCommand(const SetCompactionCommand& command);
Result<SetCompactionCommand> DecodeSetCompactionCommand(std::string_view command);

// The answer of the commands above that have no other: how many blocks, objects or deletions something was done to.
std::string EncodeCountAnswer(const Result<uint64_t>& answer);
Result<uint64_t> DecodeCountAnswer(std::string_view answer);

}  // namespace brazier::index
