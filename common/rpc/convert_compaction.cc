#include "common/rpc/convert_compaction.h"

#include <string>

#include "common/rpc/convert_metastore.h"

namespace brazier::rpc {
namespace {

Result<uint32_t> NumberFromWire(std::string_view what, int64_t number) {
  if (number >= 0 && number <= UINT32_MAX) return static_cast<uint32_t>(number);
  return InvalidArgument(std::string(what) + " " + std::to_string(number) + " is not a number of 32 bits without sign");
}

Result<Ulid> IdFromWire(std::string_view bytes) {
  ASSIGN_OR_RETURN(const std::optional<Ulid> id, AfterFromWire(bytes));
  if (!id.has_value()) return InvalidArgument("an id is missing");
  return *id;
}

}  // namespace

Result<std::optional<Ulid>> AfterFromWire(std::string_view bytes) {
  ASSIGN_OR_RETURN(const std::vector<Ulid> ids, IdsFromWire(bytes));
  if (ids.size() > 1) return InvalidArgument(std::to_string(ids.size()) + " ids where one is expected");
  return ids.empty() ? std::optional<Ulid>() : std::optional<Ulid>(ids[0]);
}

idl::BlockQueue QueueToWire(const contract::BlockQueue& queue) {
  idl::BlockQueue out;
  out.level = static_cast<int32_t>(queue.level);
  out.shard = queue.shard;
  out.tenant = queue.tenant;
  return out;
}

Result<contract::BlockQueue> QueueFromWire(const idl::BlockQueue& queue) {
  contract::BlockQueue out;
  ASSIGN_OR_RETURN(out.level, NumberFromWire("level", queue.level));
  ASSIGN_OR_RETURN(out.shard, NumberFromWire("shard", queue.shard));
  out.tenant = queue.tenant;
  return out;
}

std::vector<idl::BlockQueue> QueuesToWire(const std::vector<contract::BlockQueue>& queues) {
  std::vector<idl::BlockQueue> out;
  out.reserve(queues.size());
  for (const contract::BlockQueue& queue : queues) out.push_back(QueueToWire(queue));
  return out;
}

Result<std::vector<contract::BlockQueue>> QueuesFromWire(const std::vector<idl::BlockQueue>& queues) {
  std::vector<contract::BlockQueue> out;
  out.reserve(queues.size());
  for (const idl::BlockQueue& wire : queues) {
    ASSIGN_OR_RETURN(contract::BlockQueue queue, QueueFromWire(wire));
    out.push_back(std::move(queue));
  }
  return out;
}

std::vector<idl::QueuedBlock> QueuedToWire(const std::vector<contract::QueuedBlock>& blocks) {
  std::vector<idl::QueuedBlock> out;
  out.reserve(blocks.size());
  for (const contract::QueuedBlock& block : blocks) {
    idl::QueuedBlock& wire = out.emplace_back();
    wire.id = IdsToWire({block.id});
    wire.size = static_cast<int64_t>(block.size);
    wire.min_time_ns = block.min_time_ns;
    wire.max_time_ns = block.max_time_ns;
  }
  return out;
}

Result<std::vector<contract::QueuedBlock>> QueuedFromWire(const std::vector<idl::QueuedBlock>& blocks) {
  std::vector<contract::QueuedBlock> out;
  out.reserve(blocks.size());
  for (const idl::QueuedBlock& wire : blocks) {
    contract::QueuedBlock& block = out.emplace_back();
    ASSIGN_OR_RETURN(block.id, IdFromWire(wire.id));
    block.size = static_cast<uint64_t>(wire.size);
    block.min_time_ns = wire.min_time_ns;
    block.max_time_ns = wire.max_time_ns;
  }
  return out;
}

idl::ReplaceBlocksRequest ReplaceToWire(const contract::ReplaceBlocksRequest& request) {
  idl::ReplaceBlocksRequest out;
  out.outputs = BlocksToWire(request.outputs);
  out.inputs = IdsToWire(request.inputs);
  return out;
}

Result<contract::ReplaceBlocksRequest> ReplaceFromWire(const idl::ReplaceBlocksRequest& request) {
  contract::ReplaceBlocksRequest out;
  ASSIGN_OR_RETURN(out.outputs, BlocksFromWire(request.outputs));
  ASSIGN_OR_RETURN(out.inputs, IdsFromWire(request.inputs));
  return out;
}

std::vector<idl::Tombstone> TombstonesToWire(const std::vector<contract::Tombstone>& tombstones) {
  std::vector<idl::Tombstone> out;
  out.reserve(tombstones.size());
  for (const contract::Tombstone& tombstone : tombstones) {
    idl::Tombstone& wire = out.emplace_back();
    wire.id = IdsToWire({tombstone.id});
    wire.removed_ns = tombstone.removed_ns;
    wire.shard = tombstone.shard;
    wire.level = static_cast<int32_t>(tombstone.level);
    wire.tenant = tombstone.tenant;
    wire.size = static_cast<int64_t>(tombstone.size);
  }
  return out;
}

Result<std::vector<contract::Tombstone>> TombstonesFromWire(const std::vector<idl::Tombstone>& tombstones) {
  std::vector<contract::Tombstone> out;
  out.reserve(tombstones.size());
  for (const idl::Tombstone& wire : tombstones) {
    contract::Tombstone& tombstone = out.emplace_back();
    ASSIGN_OR_RETURN(tombstone.id, IdFromWire(wire.id));
    tombstone.removed_ns = wire.removed_ns;
    ASSIGN_OR_RETURN(tombstone.shard, NumberFromWire("shard", wire.shard));
    ASSIGN_OR_RETURN(tombstone.level, NumberFromWire("level", wire.level));
    tombstone.tenant = wire.tenant;
    tombstone.size = static_cast<uint64_t>(wire.size);
  }
  return out;
}

idl::PlacementResponse PlacementToWire(const contract::PlacementResponse& placement) {
  idl::PlacementResponse out;
  out.version = static_cast<int64_t>(placement.version);
  for (const Member& writer : placement.writers) out.writers.push_back(MemberToWire(writer));
  for (const auto& shard : placement.shards) {
    idl::ShardPlacement& wire = out.shards.emplace_back();
    wire.shard = shard.shard;
    wire.writer_ids = shard.writer_ids;
  }
  return out;
}

Result<contract::PlacementResponse> PlacementFromWire(const idl::PlacementResponse& placement) {
  contract::PlacementResponse out;
  out.version = static_cast<uint64_t>(placement.version);
  for (const idl::Member& writer : placement.writers) out.writers.push_back(MemberFromWire(writer));
  for (const idl::ShardPlacement& wire : placement.shards) {
    auto& shard = out.shards.emplace_back();
    ASSIGN_OR_RETURN(shard.shard, NumberFromWire("shard", wire.shard));
    shard.writer_ids = wire.writer_ids;
  }
  return out;
}

}  // namespace brazier::rpc
