#include "server/metastore/compaction/finish_packing.h"

#include <vector>

#include "common/codec/block_meta_msgpack.h"
#include "store/index/index_limits.h"
#include "store/index/job_command.h"
#include "store/index/validate_block.h"

namespace brazier::metastore {
namespace {

Status CheckSize(uint64_t id, size_t bytes, size_t limit) {
  if (bytes <= limit) return Status::Ok();
  return InvalidArgument("the outcome of job " + std::to_string(id) + " takes " + std::to_string(bytes) +
                         " bytes, the limit of a command is " + std::to_string(limit))
      .WithReason("metadata_limit");
}

}  // namespace

Result<std::string> PackFinishJob(const contract::FinishedJob& job, int64_t time_ns, size_t command_bytes_max) {
  if (job.inputs.size() + job.bad.size() > index::kJobInputsMax) {
    return InvalidArgument(std::to_string(job.inputs.size() + job.bad.size()) + " inputs of job " + std::to_string(job.id) +
                           ", the limit is " + std::to_string(index::kJobInputsMax));
  }
  index::FinishJobCommand command;
  command.time_ns = time_ns;
  command.id = job.id;
  command.token = job.token;
  command.inputs = job.inputs;
  for (const contract::BadBlock& bad : job.bad) {
    command.bad.push_back({.id = bad.id, .reason = bad.reason.substr(0, index::kReasonBytesMax)});
  }
  std::vector<std::string> outputs;
  size_t bytes = 0;
  for (const BlockMeta& output : job.outputs) {
    RETURN_IF_ERROR(index::ValidateBlock(output));
    outputs.push_back(codec::EncodeBlockMeta(output));
    bytes += outputs.back().size();
    RETURN_IF_ERROR(CheckSize(job.id, bytes, command_bytes_max));
  }
  std::string encoded = index::EncodeFinishJobCommand(command, outputs);
  RETURN_IF_ERROR(CheckSize(job.id, encoded.size(), command_bytes_max));
  // The rules between blocks are the index's own.
  RETURN_IF_ERROR(index::DecodeFinishJobCommand(encoded).status());
  return encoded;
}

}  // namespace brazier::metastore
