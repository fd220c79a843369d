#include "server/metastore/compaction_packing.h"

#include <algorithm>
#include <string_view>

#include "common/codec/block_meta_msgpack.h"
#include "store/index/compaction_command.h"
#include "store/index/index_limits.h"
#include "store/index/validate_block.h"

namespace brazier::metastore {
namespace {

using contract::Metastore;

static_assert(Metastore::kBlocksPerReplaceMax <= index::kBlocksPerCommandMax);
static_assert(Metastore::kTombstonesPerPurgeMax <= index::kBlocksPerCommandMax);

Status CheckCount(std::string_view what, size_t count, size_t limit) {
  if (count <= limit) return Status::Ok();
  return InvalidArgument(std::to_string(count) + " " + std::string(what) + ", the limit is " + std::to_string(limit));
}

Status CheckNoneTwice(std::string_view what, std::vector<Ulid> ids) {
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice == ids.end()) return Status::Ok();
  return InvalidArgument("block " + twice->ToString() + " is " + std::string(what) + " twice");
}

Status CheckSize(const std::string& what, size_t bytes, size_t limit, std::string_view advice) {
  if (bytes <= limit) return Status::Ok();
  return InvalidArgument(what + " takes " + std::to_string(bytes) + " bytes, the limit of a command is " +
                         std::to_string(limit) + "; " + std::string(advice));
}

constexpr std::string_view kSmallerOutputs = "make outputs of fewer services";

}  // namespace

Result<std::string> PackReplaceBlocks(const contract::ReplaceBlocksRequest& request, int64_t time_ns,
                                      size_t command_bytes_max) {
  RETURN_IF_ERROR(CheckCount("inputs", request.inputs.size(), Metastore::kBlocksPerReplaceMax));
  RETURN_IF_ERROR(CheckCount("outputs", request.outputs.size(), Metastore::kBlocksPerReplaceMax));
  RETURN_IF_ERROR(CheckNoneTwice("an input", request.inputs));
  std::vector<std::string> encoded;
  size_t bytes = 0;
  for (const BlockMeta& output : request.outputs) {
    RETURN_IF_ERROR(index::ValidateBlock(output));
    encoded.push_back(codec::EncodeBlockMeta(output));
    bytes += encoded.back().size();
    // Before all of them are held twice. Label sets are not left out, as those of segments are: a compaction can make smaller
    // outputs, a segment that does not fit would be lost.
    RETURN_IF_ERROR(CheckSize("the metadata of outputs up to block " + output.id.ToString(), bytes, command_bytes_max,
                              kSmallerOutputs));
  }
  std::string command = index::EncodeReplaceBlocksCommand(time_ns, encoded, request.inputs);
  RETURN_IF_ERROR(CheckSize("the replacement", command.size(), command_bytes_max, kSmallerOutputs));
  // The rules between blocks are the index's own.
  RETURN_IF_ERROR(index::DecodeReplaceBlocksCommand(command).status());
  return command;
}

Result<std::string> PackPurgeTombstones(const std::vector<Ulid>& ids, int64_t time_ns, size_t command_bytes_max) {
  RETURN_IF_ERROR(CheckCount("ids", ids.size(), Metastore::kTombstonesPerPurgeMax));
  RETURN_IF_ERROR(CheckNoneTwice("there", ids));
  std::string command = index::EncodePurgeTombstonesCommand(time_ns, ids);
  RETURN_IF_ERROR(CheckSize("the purge", command.size(), command_bytes_max, "name fewer ids"));
  return command;
}

}  // namespace brazier::metastore
