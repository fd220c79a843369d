// What the metastore is asked and answers <-> the wire. Includes generated code: only for .cc files of this folder
// and tests.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "common/contract/metastore.h"
#include "idl/metastore_types.h"

namespace brazier::rpc {

inline constexpr int32_t kBlockMetaEncoding = 1;  // docs/format/object.md

std::vector<idl::EncodedBlockMeta> BlocksToWire(const std::vector<BlockMeta>& blocks);
// kInvalidArgument for an unknown encoding or malformed bytes; says which block.
Result<std::vector<BlockMeta>> BlocksFromWire(const std::vector<idl::EncodedBlockMeta>& blocks);

idl::AddBlocksResponse AddedToWire(const contract::AddBlocksResponse& response);
Result<contract::AddBlocksResponse> AddedFromWire(const idl::AddBlocksResponse& response,
                                                  size_t blocks_sent);

idl::FindBlocksRequest FindToWire(const contract::FindBlocksRequest& request);
contract::FindBlocksRequest FindFromWire(const idl::FindBlocksRequest& request);

idl::QueryLabelsRequest LabelsRequestToWire(const contract::QueryLabelsRequest& request);
// kInvalidArgument for kinds that are not of labels.
Result<contract::QueryLabelsRequest> LabelsRequestFromWire(const idl::QueryLabelsRequest& request);
idl::QueryLabelsResponse LabelsToWire(const contract::QueryLabelsResponse& response);
// kInvalidArgument for malformed bytes, and for other reports than `asked`.
Result<contract::QueryLabelsResponse> LabelsFromWire(const idl::QueryLabelsResponse& response,
                                                     const std::vector<ReportRequest>& asked);

// 16 bytes each, big-endian. kInvalidArgument for bytes that are not whole ids.
std::string IdsToWire(const std::vector<Ulid>& ids);
Result<std::vector<Ulid>> IdsFromWire(std::string_view bytes);

idl::TenantStats StatsToWire(const contract::TenantStats& stats);
contract::TenantStats StatsFromWire(const idl::TenantStats& stats);

idl::Member MemberToWire(const Member& member);
Member MemberFromWire(const idl::Member& member);
idl::MemberList MembersToWire(const MemberList& members);
MemberList MembersFromWire(const idl::MemberList& members);

}  // namespace brazier::rpc
