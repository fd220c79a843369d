#include "common/rpc/convert_metastore.h"

#include <cstring>
#include <utility>

#include "common/codec/block_meta_msgpack.h"
#include "common/codec/query_msgpack.h"
#include "common/model/label_report.h"

namespace brazier::rpc {

namespace {

constexpr size_t kIdBytes = 16;

}  // namespace

std::vector<idl::EncodedBlockMeta> BlocksToWire(const std::vector<BlockMeta>& blocks) {
  std::vector<idl::EncodedBlockMeta> out;
  out.reserve(blocks.size());
  for (const BlockMeta& block : blocks) {
    idl::EncodedBlockMeta& wire = out.emplace_back();
    wire.encoding = kBlockMetaEncoding;
    wire.data = codec::EncodeBlockMeta(block);
  }
  return out;
}

Result<std::vector<BlockMeta>> BlocksFromWire(const std::vector<idl::EncodedBlockMeta>& blocks) {
  std::vector<BlockMeta> out;
  out.reserve(blocks.size());
  for (const idl::EncodedBlockMeta& wire : blocks) {
    const std::string which = "block " + std::to_string(out.size());
    if (wire.encoding != kBlockMetaEncoding) {
      return Status(Code::kInvalidArgument, which + " has metadata in the unknown encoding " +
                                                std::to_string(wire.encoding))
          .WithReason("unknown_encoding");
    }
    Result<BlockMeta> block = codec::DecodeBlockMeta(AsBytes(wire.data));
    if (!block.ok()) return InvalidArgument(which + ": " + block.status().message());
    out.push_back(*std::move(block));
  }
  return out;
}

idl::AddBlocksResponse AddedToWire(const contract::AddBlocksResponse& response) {
  idl::AddBlocksResponse out;
  out.blocks.reserve(response.blocks.size());
  for (const auto& block : response.blocks) {
    idl::AddedBlock& wire = out.blocks.emplace_back();
    wire.already_known = block.already_known;
    wire.hidden_profiles.reserve(block.hidden_profiles.size());
    for (const auto& dataset : block.hidden_profiles) {
      wire.hidden_profiles.emplace_back(dataset.begin(), dataset.end());
    }
  }
  return out;
}

Result<contract::AddBlocksResponse> AddedFromWire(const idl::AddBlocksResponse& response,
                                                  size_t blocks_sent) {
  if (response.blocks.size() != blocks_sent) {
    return Internal("answer for " + std::to_string(response.blocks.size()) + " blocks to " +
                    std::to_string(blocks_sent));
  }
  contract::AddBlocksResponse out;
  out.blocks.reserve(response.blocks.size());
  for (const idl::AddedBlock& wire : response.blocks) {
    auto& block = out.blocks.emplace_back();
    block.already_known = wire.already_known;
    for (const auto& dataset : wire.hidden_profiles) {
      block.hidden_profiles.emplace_back(dataset.begin(), dataset.end());
    }
  }
  return out;
}

idl::FindBlocksRequest FindToWire(const contract::FindBlocksRequest& request) {
  idl::FindBlocksRequest out;
  out.tenants = request.tenants;
  out.start_ns = request.start_ns;
  out.end_ns = request.end_ns;
  out.service_name = request.service;
  out.profile_type = request.profile_type;
  out.selector = request.selector;
  return out;
}

contract::FindBlocksRequest FindFromWire(const idl::FindBlocksRequest& request) {
  return {.tenants = request.tenants,
          .start_ns = request.start_ns,
          .end_ns = request.end_ns,
          .service = request.service_name,
          .profile_type = request.profile_type,
          .selector = request.selector};
}

idl::QueryLabelsRequest LabelsRequestToWire(const contract::QueryLabelsRequest& request) {
  idl::QueryLabelsRequest out;
  out.tenants = request.tenants;
  out.start_ns = request.start_ns;
  out.end_ns = request.end_ns;
  out.selector = request.selector;
  for (const ReportRequest& report : request.reports) {
    idl::LabelReportRequest& wire = out.reports.emplace_back();
    wire.kind = static_cast<int32_t>(report.kind);
    wire.label_name = report.label_name;
    wire.label_names = report.label_names;
  }
  return out;
}

Result<contract::QueryLabelsRequest> LabelsRequestFromWire(const idl::QueryLabelsRequest& request) {
  contract::QueryLabelsRequest out{.tenants = request.tenants,
                                   .start_ns = request.start_ns,
                                   .end_ns = request.end_ns,
                                   .selector = request.selector,
                                   .reports = {}};
  for (const idl::LabelReportRequest& wire : request.reports) {
    const auto kind = static_cast<ReportKind>(wire.kind);
    if (static_cast<int32_t>(kind) != wire.kind || !LabelReport::IsLabelKind(kind)) {
      return InvalidArgument("report kind " + std::to_string(wire.kind) + " is not one of labels");
    }
    out.reports.push_back({.kind = kind, .label_names = wire.label_names, .label_name = wire.label_name});
  }
  return out;
}

idl::QueryLabelsResponse LabelsToWire(const contract::QueryLabelsResponse& response) {
  idl::QueryLabelsResponse out;
  out.encoded_result = codec::EncodeQueryResult({.reports = response.reports, .stats = {}});
  out.unanswered = BlocksToWire(response.unanswered);
  out.datasets_answered = static_cast<int64_t>(response.datasets_answered);
  out.newest_data_ns = response.newest_data_ns;
  return out;
}

Result<contract::QueryLabelsResponse> LabelsFromWire(const idl::QueryLabelsResponse& response,
                                                     const std::vector<ReportRequest>& asked) {
  contract::QueryLabelsResponse out;
  Result<QueryResult> result = codec::DecodeQueryResult(AsBytes(response.encoded_result));
  if (!result.ok()) return InvalidArgument(result.status().message());
  out.reports = std::move(result->reports);
  bool fits = out.reports.size() == asked.size();
  for (size_t i = 0; fits && i < asked.size(); ++i) fits = out.reports[i].kind == asked[i].kind;
  if (!fits) return InvalidArgument("reports that were not asked for");
  ASSIGN_OR_RETURN(out.unanswered, BlocksFromWire(response.unanswered));
  out.datasets_answered = static_cast<uint64_t>(response.datasets_answered);
  out.newest_data_ns = response.newest_data_ns;
  return out;
}

std::string IdsToWire(const std::vector<Ulid>& ids) {
  std::string bytes;
  bytes.reserve(ids.size() * kIdBytes);
  for (const Ulid& id : ids) {
    const uint64_t big[2] = {__builtin_bswap64(id.bits.high), __builtin_bswap64(id.bits.low)};
    static_assert(sizeof(big) == kIdBytes);
    bytes.append(reinterpret_cast<const char*>(big), sizeof(big));
  }
  return bytes;
}

Result<std::vector<Ulid>> IdsFromWire(std::string_view bytes) {
  if (bytes.size() % kIdBytes != 0) {
    return InvalidArgument(std::to_string(bytes.size()) + " bytes are not whole 16-byte ids");
  }
  std::vector<Ulid> ids(bytes.size() / kIdBytes);
  for (size_t i = 0; i < ids.size(); ++i) {
    uint64_t big[2];
    std::memcpy(big, bytes.data() + i * kIdBytes, sizeof(big));
    ids[i].bits = {__builtin_bswap64(big[0]), __builtin_bswap64(big[1])};
  }
  return ids;
}

idl::TenantStats StatsToWire(const contract::TenantStats& stats) {
  idl::TenantStats out;
  out.data_ingested = stats.data_ingested;
  out.oldest_ns = stats.oldest_ns;
  out.newest_ns = stats.newest_ns;
  out.blocks = static_cast<int64_t>(stats.blocks);
  out.bytes = static_cast<int64_t>(stats.bytes);
  return out;
}

contract::TenantStats StatsFromWire(const idl::TenantStats& stats) {
  return {.data_ingested = stats.data_ingested,
          .oldest_ns = stats.oldest_ns,
          .newest_ns = stats.newest_ns,
          .blocks = static_cast<uint64_t>(stats.blocks),
          .bytes = static_cast<uint64_t>(stats.bytes)};
}

idl::Member MemberToWire(const Member& member) {
  idl::Member out;
  out.id = member.id;
  out.roles = member.roles;
  out.pipeline_address = member.pipeline_address;
  out.rpc_address = member.rpc_address;
  out.jobs_address = member.jobs_address;
  out.draining = member.draining;
  return out;
}

Member MemberFromWire(const idl::Member& member) {
  return {.id = member.id,
          .roles = member.roles,
          .pipeline_address = member.pipeline_address,
          .rpc_address = member.rpc_address,
          .jobs_address = member.jobs_address,
          .draining = member.draining};
}

idl::MemberList MembersToWire(const MemberList& members) {
  idl::MemberList out;
  out.version = static_cast<int64_t>(members.version);
  for (const Member& member : members.members) out.members.push_back(MemberToWire(member));
  return out;
}

MemberList MembersFromWire(const idl::MemberList& members) {
  MemberList out;
  out.version = static_cast<uint64_t>(members.version);
  for (const idl::Member& member : members.members) out.members.push_back(MemberFromWire(member));
  return out;
}

}  // namespace brazier::rpc
