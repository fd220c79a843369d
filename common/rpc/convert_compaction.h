// What compaction, retention and placement ask of the metastore <-> the wire. Includes generated code: only for .cc files of this
// folder and tests. What comes from the wire is kInvalidArgument when a number or an id is none.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/contract/metastore.h"
#include "idl/metastore_types.h"

namespace brazier::rpc {

// One id, or none for no bytes.
Result<std::optional<Ulid>> AfterFromWire(std::string_view bytes);

idl::BlockQueue QueueToWire(const contract::BlockQueue& queue);
Result<contract::BlockQueue> QueueFromWire(const idl::BlockQueue& queue);
std::vector<idl::BlockQueue> QueuesToWire(const std::vector<contract::BlockQueue>& queues);
Result<std::vector<contract::BlockQueue>> QueuesFromWire(const std::vector<idl::BlockQueue>& queues);

std::vector<idl::QueuedBlock> QueuedToWire(const std::vector<contract::QueuedBlock>& blocks);
Result<std::vector<contract::QueuedBlock>> QueuedFromWire(const std::vector<idl::QueuedBlock>& blocks);

idl::ReplaceBlocksRequest ReplaceToWire(const contract::ReplaceBlocksRequest& request);
Result<contract::ReplaceBlocksRequest> ReplaceFromWire(const idl::ReplaceBlocksRequest& request);

std::vector<idl::Tombstone> TombstonesToWire(const std::vector<contract::Tombstone>& tombstones);
Result<std::vector<contract::Tombstone>> TombstonesFromWire(const std::vector<idl::Tombstone>& tombstones);

idl::PlacementResponse PlacementToWire(const contract::PlacementResponse& placement);
Result<contract::PlacementResponse> PlacementFromWire(const idl::PlacementResponse& placement);

}  // namespace brazier::rpc
