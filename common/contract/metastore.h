// What every other role asks of the metastore: register blocks, find them, learn who lives where.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/contract/context.h"
#include "common/model/block_meta.h"
#include "common/model/member.h"

namespace brazier::contract {

struct AddBlocksRequest {
  std::vector<BlockMeta> blocks;  // with identities in their datasets
};

struct AddBlocksResponse {
  // Per block of the request, per dataset: positions of profiles that were known already and are now hidden.
  struct Block {
    bool already_known = false;  // this block id was registered before; nothing changed
    std::vector<std::vector<uint32_t>> hidden_profiles;
  };
  std::vector<Block> blocks;
};

struct FindBlocksRequest {
  std::vector<std::string> tenants;
  int64_t start_ns = 0;  // inclusive
  int64_t end_ns = 0;    // inclusive
  std::string service;       // exact; empty: all services
  std::string profile_type;  // exact id; empty: all types
};

struct TenantStats {
  bool data_ingested = false;
  int64_t oldest_ns = 0;
  int64_t newest_ns = 0;
  uint64_t blocks = 0;
  uint64_t bytes = 0;
};

class Metastore {
 public:
  virtual ~Metastore() = default;
  // Idempotent by block id. `done` is called once, from any thread, after the entries are committed; it must not
  // block. kInvalidArgument for metadata that is refused before it is proposed.
  virtual void AddBlocks(const RequestContext& context, AddBlocksRequest request,
                         std::function<void(Result<AddBlocksResponse>)> done) = 0;
  // Blocks that can match, with only the datasets that can, sorted by block id. Linearizable: sees every AddBlocks
  // that was answered before the call.
  virtual Result<std::vector<BlockMeta>> FindBlocks(const RequestContext& context,
                                                    const FindBlocksRequest& request) = 0;
  virtual Result<TenantStats> GetTenantStats(const RequestContext& context,
                                             const std::string& tenant) = 0;
  // Soft state: a process says that it lives; members whose heartbeats stop for MemberList::kTtlMs are forgotten.
  virtual Status Heartbeat(const RequestContext& context, const Member& member) = 0;
  virtual Result<MemberList> Members(const RequestContext& context) = 0;
  // OK when AddBlocks would be expected to succeed.
  virtual Status Ready() = 0;
};

}  // namespace brazier::contract
