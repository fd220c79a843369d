// Queries of the metadata index over a snapshot of its state. No state of their own: any thread, any number at once.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/block_meta.h"
#include "common/model/tenant.h"
#include "store/index/index_limits.h"
#include "store/kv/key_value_store.h"

namespace brazier::index {

// What FindBlocks looks for.
struct BlockSelection {
  std::vector<std::string> tenants;
  int64_t start_ns = 0;      // inclusive
  int64_t end_ns = 0;        // inclusive
  std::string service;       // exact; empty: all services
  std::string profile_type;  // exact id; empty: all types
};

// Tests lower them.
struct QueryLimits {
  size_t tenants_max = kTenantsPerQueryMax;
  size_t datasets_max = kDatasetsPerQueryMax;
  size_t entries_max = kEntriesPerQueryMax;
};

// Blocks that can match, sorted by id, each with the datasets that can match and their tenants' shared symbols, both sorted.
// A dataset matches when its time range meets [start, end], and it is not hidden as a whole. Identities are not kept.
// kResourceExhausted, reason "index_query_limit", when the answer would be over a limit; kCorruption for damaged state.
// Cost: one seek per (service, duration class), and one step per entry of at most five times the range.
Result<std::vector<BlockMeta>> FindBlocks(const kv::Reader& reader, const BlockSelection& selection,
                                          const QueryLimits& limits = {});

// Services of the tenant, sorted. Of services whose blocks are all removed, too.
Result<std::vector<std::string>> ListServices(const kv::Reader& reader, std::string_view tenant);

struct TenantSummary {
  bool data_ingested = false;
  // No data is older or newer. They do not move inwards when blocks are removed, until the tenant has none left.
  int64_t oldest_ns = 0;
  int64_t newest_ns = 0;
  uint64_t blocks = 0;  // that hold data of the tenant, segments included
  uint64_t bytes = 0;   // of the tenant's sections
};
Result<TenantSummary> ReadTenantSummary(const kv::Reader& reader, std::string_view tenant);
// Tenants that have blocks, in order, above `after` (empty: from the first), at most `limit`.
Result<std::vector<std::string>> ListTenants(const kv::Reader& reader, std::string_view after, size_t limit);

// Ids of known blocks in their order, above `after` when there is one, at most `limit`.
Result<std::vector<Ulid>> ListBlockIds(const kv::Reader& reader, const std::optional<Ulid>& after, size_t limit);
// A block as AddBlocks took it, with all datasets and their hidden profiles, without identities. kNotFound when the id is
// not known; kCorruption when one of the block's entries is damaged or missing.
Result<BlockMeta> ReadBlock(const kv::Reader& reader, const Ulid& id);
Result<bool> HasBlock(const kv::Reader& reader, const Ulid& id);

// Every key and value of the index in key order, each with its length before it (4 bytes, big-endian): equal dumps are
// equal states. Calls `sink` with consecutive pieces.
Status DumpState(const kv::Reader& reader, const std::function<void(std::string_view)>& sink);

}  // namespace brazier::index
