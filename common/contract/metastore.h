// What every other role asks of the metastore: register blocks, find them and their labels, learn who lives where.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/contract/context.h"
#include "common/model/block_meta.h"
#include "common/model/member.h"
#include "common/model/query.h"

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
  // A selector's text; empty: every series. Service and profile type that it demands belong above as well.
  std::string selector;
};

struct QueryLabelsRequest {
  std::vector<std::string> tenants;
  int64_t start_ns = 0;  // inclusive
  int64_t end_ns = 0;    // inclusive
  std::string selector;  // text; empty: every series
  std::vector<ReportRequest> reports;  // of label kinds: LabelReport::IsLabelKind
};

struct QueryLabelsResponse {
  std::vector<Report> reports;  // in the order of the requests
  // Datasets that the index cannot answer: to be read, and the reports of both merged. As FindBlocks gives them.
  std::vector<BlockMeta> unanswered;
  uint64_t datasets_answered = 0;
  int64_t newest_data_ns = 0;  // of the datasets that were answered; 0 without any
};

struct GetBlocksResponse {
  std::vector<BlockMeta> blocks;  // in the order of the request
  std::vector<Ulid> unknown;      // ids that the index does not know
};

struct TenantStats {
  bool data_ingested = false;
  int64_t oldest_ns = 0;
  int64_t newest_ns = 0;
  uint64_t blocks = 0;
  uint64_t bytes = 0;
};

struct TenantListing {
  std::string tenant;
  TenantStats stats;
};

class Metastore {
 public:
  // Of one answer of the lists below; a caller that asks for more gets this many.
  static constexpr size_t kIdsPerGetMax = 1'000;
  static constexpr size_t kIdsPerListMax = 100'000;
  static constexpr size_t kTenantsPerListMax = 10'000;

  virtual ~Metastore() = default;
  // Idempotent by block id. `done` is called once, from any thread, after the entries are committed; it must not
  // block. kInvalidArgument for metadata that is refused before it is proposed.
  virtual void AddBlocks(const RequestContext& context, AddBlocksRequest request,
                         std::function<void(Result<AddBlocksResponse>)> done) = 0;
  // Blocks that can match, with only the datasets that can, without label sets, sorted by block id. Linearizable, as every
  // question to the index: sees every AddBlocks that was answered before the call. kInvalidArgument for a bad selector,
  // kResourceExhausted, reason "index_query_limit", for an answer over a limit.
  virtual Result<std::vector<BlockMeta>> FindBlocks(const RequestContext& context,
                                                    const FindBlocksRequest& request) = 0;
  virtual Result<TenantStats> GetTenantStats(const RequestContext& context,
                                             const std::string& tenant) = 0;
  // Profile types, label names, label values and series from the index, no block is read. kUnimplemented, as all below, from a
  // metastore of before it could.
  virtual Result<QueryLabelsResponse> QueryLabels(const RequestContext& context, const QueryLabelsRequest& request) {
    return NotThere("label queries");
  }
  // All that the index knows of these blocks, label sets and hidden profiles included; kInvalidArgument for more than
  // kIdsPerGetMax ids.
  virtual Result<GetBlocksResponse> GetBlocks(const RequestContext& context, const std::vector<Ulid>& ids) {
    return NotThere("blocks by id");
  }
  // Ids in their order, above `after` when there is one. Fewer than min(limit, kIdsPerListMax): there are no more.
  virtual Result<std::vector<Ulid>> ListBlocks(const RequestContext& context, const std::optional<Ulid>& after,
                                               size_t limit) {
    return NotThere("lists of blocks");
  }
  // Tenants in their order, above `after` (a tenant is never empty). Fewer than min(limit, kTenantsPerListMax): no more.
  virtual Result<std::vector<TenantListing>> ListTenants(const RequestContext& context, const std::string& after,
                                                         size_t limit) {
    return NotThere("lists of tenants");
  }
  // Soft state: a process says that it lives; members whose heartbeats stop for MemberList::kTtlMs are forgotten.
  virtual Status Heartbeat(const RequestContext& context, const Member& member) = 0;
  virtual Result<MemberList> Members(const RequestContext& context) = 0;
  // OK when AddBlocks would be expected to succeed.
  virtual Status Ready() = 0;

 private:
  static Status NotThere(const char* what) {
    return {Code::kUnimplemented, std::string("this metastore has no ") + what};
  }
};

}  // namespace brazier::contract
