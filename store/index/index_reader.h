// Queries of the metadata index over a snapshot of its state. No state of their own: any thread, any number at once.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/block_meta.h"
#include "common/model/query.h"
#include "common/model/selector.h"
#include "common/model/tenant.h"
#include "store/index/index_limits.h"
#include "store/kv/key_value_store.h"

namespace brazier::index {

// What FindBlocks and QueryLabels look for.
struct BlockSelection {
  std::vector<std::string> tenants;
  int64_t start_ns = 0;      // inclusive
  int64_t end_ns = 0;        // inclusive
  std::string service;       // exact; empty: all services
  std::string profile_type;  // exact id; empty: all types
  // A series must match it; null: all do. Service and profile type are conditions of their own: callers who have them as
  // matchers of the selector repeat them above, which spares looking at other services.
  const Selector* selector = nullptr;
};

// Tests lower them.
struct QueryLimits {
  size_t tenants_max = kTenantsPerQueryMax;
  size_t datasets_max = kDatasetsPerQueryMax;
  size_t entries_max = kEntriesPerQueryMax;
  size_t label_sets_max = kLabelSetsPerQueryMax;
  size_t label_bytes_max = kLabelAnswerBytesMax;
};

// Blocks that can match, sorted by id, each with the datasets that can match and their tenants' shared symbols, both sorted.
// A dataset matches when its time range meets [start, end], it is not hidden as a whole, and one of its label sets matches the
// selector; one whose label sets are not listed always can. Identities are not kept; label sets are left out.
// Blocks in quarantine are named too, with the reason in `quarantine`: they must not be read. `deletions` are filters of the selection's
// tenants that hold for the block: what they name does not count any more. Datasets of which that is all are left out.
// kResourceExhausted, reason "index_query_limit", when the answer would be over a limit; kCorruption for damaged state.
// Cost: one seek per (service, duration class), and one step per entry of at most five times the range; with a selector also
// a hash look-up per label set of such an entry, and one read per distinct (service, day, label set).
Result<std::vector<BlockMeta>> FindBlocks(const kv::Reader& reader, const BlockSelection& selection,
                                          const QueryLimits& limits = {});

struct LabelAnswer {
  std::vector<Report> reports;  // in the order of the requests
  // Datasets that had to be left out: they must be read from their blocks, and the reports of both merged. As of FindBlocks, but that
  // none is in quarantine: those are left out of everything.
  std::vector<BlockMeta> unanswered;
  uint64_t datasets_answered = 0;
  int64_t newest_data_ns = 0;  // of the datasets that were answered; 0 without any
};
// Reports of label kinds (common/model/label_report.h) over the series that match and have a profile in [start, end] that is not
// hidden. Equal to what reading the blocks answers, once `unanswered` is read too. A dataset is unanswered when its label sets are
// not listed; or when it reaches beyond the range, has hidden profiles or deleted ones, so that nobody can tell which of its series count, and one
// that matches would add something to a report.
// Errors as of FindBlocks; "index_query_limit" also for reports of more than label_bytes_max. kInvalidArgument for other kinds.
// Cost: as FindBlocks with a selector, whether there is one or not; what it builds is the answer. No block is read.
Result<LabelAnswer> QueryLabels(const kv::Reader& reader, const BlockSelection& selection,
                                const std::vector<ReportRequest>& requests, const QueryLimits& limits = {});

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
Result<std::vector<std::pair<std::string, TenantSummary>>> ListTenants(const kv::Reader& reader, std::string_view after,
                                                                       size_t limit);

// Ids of known blocks in their order, above `after` when there is one, at most `limit`.
Result<std::vector<Ulid>> ListBlockIds(const kv::Reader& reader, const std::optional<Ulid>& after, size_t limit);
// A block as AddBlocks took it, with all datasets and their hidden profiles, without identities; with the deletions that hold for it,
// of all tenants, and its quarantine. kNotFound when the id is not known; kCorruption when one of the block's entries is damaged or missing.
Result<BlockMeta> ReadBlock(const kv::Reader& reader, const Ulid& id);
Result<bool> HasBlock(const kv::Reader& reader, const Ulid& id);

// Every key and value of the index in key order, each with its length before it (4 bytes, big-endian): equal dumps are
// equal states. Calls `sink` with consecutive pieces.
Status DumpState(const kv::Reader& reader, const std::function<void(std::string_view)>& sink);

}  // namespace brazier::index
