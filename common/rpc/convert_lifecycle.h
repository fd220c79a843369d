// What an operator asks about the life of data <-> the generated structs of admin.thrift. Counts are unsigned and travel as i64, bit by
// bit. Includes generated code: only for .cc files of this folder and tests. What comes from the wire is kInvalidArgument when a
// number or an id is none.
#pragma once

#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/contract/lifecycle.h"
#include "idl/admin_types.h"

namespace brazier::rpc {

idl::CompactionStatus CompactionToWire(const contract::CompactionOverview& overview);
Result<contract::CompactionOverview> CompactionFromWire(const idl::CompactionStatus& wire);

Result<std::vector<uint32_t>> LevelsFromWire(const std::vector<int32_t>& wire);

idl::DataFilter FilterToWire(const DataFilter& filter);
DataFilter FilterFromWire(const idl::DataFilter& wire);
// Exactly one id.
Result<Ulid> OneIdFromWire(std::string_view bytes);
idl::DataDeletion DeletionToWire(const contract::DeletionView& view);
Result<contract::DeletionView> DeletionFromWire(const idl::DataDeletion& wire);

idl::QuarantinedBlock QuarantinedToWire(const contract::QuarantinedBlockView& view);
Result<contract::QuarantinedBlockView> QuarantinedFromWire(const idl::QuarantinedBlock& wire);

idl::ScrubStatus ScrubToWire(const contract::ScrubReport& report);
contract::ScrubReport ScrubFromWire(const idl::ScrubStatus& wire);

}  // namespace brazier::rpc
