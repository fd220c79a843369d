#include "server/metastore/writer_placement.h"

#include <algorithm>

#include "common/model/placement.h"

namespace brazier::metastore {
namespace {

constexpr std::string_view kSegmentWriterRole = "segment-writer";

// As distributors see it: batches come over the pipeline.
bool TakesBatches(const Member& member) {
  return !member.draining && !member.pipeline_address.empty() &&
         std::find(member.roles.begin(), member.roles.end(), kSegmentWriterRole) != member.roles.end();
}

}  // namespace

contract::PlacementResponse PlaceService(const MemberList& members, std::string_view tenant, std::string_view service) {
  contract::PlacementResponse placement{.version = members.version, .writers = {}, .shards = {}};
  std::vector<std::string> ids;
  for (const Member& member : members.members) {
    if (!TakesBatches(member)) continue;
    placement.writers.push_back(member);
    ids.push_back(member.id);
  }
  if (ids.empty()) return placement;
  auto& shard = placement.shards.emplace_back();
  shard.shard = ShardOf(tenant, service, static_cast<uint32_t>(ids.size()));
  for (size_t i : Ring(ids).WritersOf(shard.shard, contract::Metastore::kWritersPerShardMax)) {
    shard.writer_ids.push_back(ids[i]);
  }
  return placement;
}

}  // namespace brazier::metastore
