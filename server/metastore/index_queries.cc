#include "server/metastore/index_queries.h"

#include <algorithm>

#include "store/index/block_queue.h"
#include "store/index/index_limits.h"
#include "store/index/tombstones.h"

namespace brazier::metastore {
namespace {

contract::TenantStats StatsOf(const index::TenantSummary& summary) {
  return {.data_ingested = summary.data_ingested,
          .oldest_ns = summary.oldest_ns,
          .newest_ns = summary.newest_ns,
          .blocks = summary.blocks,
          .bytes = summary.bytes};
}

// An empty text selects everything.
Result<Selector> ParseSelector(const std::string& text) { return text.empty() ? Selector() : Selector::Parse(text); }

// A level that fits no key would name another queue.
Status CheckQueue(const contract::BlockQueue& queue) {
  if (queue.level <= index::kLevelMax) return Status::Ok();
  return InvalidArgument("a queue of level " + std::to_string(queue.level) + ", the limit is " +
                         std::to_string(index::kLevelMax));
}

index::QueueName NameOf(const contract::BlockQueue& queue) { return {queue.level, queue.shard, queue.tenant}; }

}  // namespace

IndexQueries::IndexQueries(const index::QueryLimits& limits, consensus::Consensus& consensus,
                           const kv::KeyValueStore& store, const Clock& clock, MetricsRegistry& registry)
    : limits_(limits),
      consensus_(consensus),
      store_(store),
      clock_(clock),
      find_blocks_(registry, "find_blocks"),
      query_labels_(registry, "query_labels"),
      get_tenant_stats_(registry, "get_tenant_stats"),
      get_blocks_(registry, "get_blocks"),
      list_blocks_(registry, "list_blocks"),
      list_tenants_(registry, "list_tenants"),
      list_queues_(registry, "list_queues"),
      list_queued_blocks_(registry, "list_queued_blocks"),
      list_tombstones_(registry, "list_tombstones") {}

template <typename T, typename Query>
Result<T> IndexQueries::Run(const contract::RequestContext& context, RequestMetrics& metrics, std::string_view doing,
                            Query query) {
  const int64_t start_ns = clock_.MonotonicNs();
  Result<T> answer = [&]() -> Result<T> {
    RETURN_IF_ERROR(consensus_.ReadBarrier(context.deadline_ns));
    return query(*store_.Snapshot());
  }();
  metrics.Observe(answer.status(), clock_.MonotonicNs() - start_ns);
  if (!answer.ok()) return answer.status().Annotate(doing);
  return answer;
}

Result<std::vector<BlockMeta>> IndexQueries::FindBlocks(const contract::RequestContext& context,
                                                        const contract::FindBlocksRequest& request) {
  using Blocks = std::vector<BlockMeta>;
  return Run<Blocks>(context, find_blocks_, "finding blocks", [&](const kv::Reader& reader) -> Result<Blocks> {
    ASSIGN_OR_RETURN(const Selector selector, ParseSelector(request.selector));
    return index::FindBlocks(reader,
                             {.tenants = request.tenants,
                              .start_ns = request.start_ns,
                              .end_ns = request.end_ns,
                              .service = request.service,
                              .profile_type = request.profile_type,
                              .selector = &selector},
                             limits_);
  });
}

Result<contract::QueryLabelsResponse> IndexQueries::QueryLabels(const contract::RequestContext& context,
                                                                const contract::QueryLabelsRequest& request) {
  using Response = contract::QueryLabelsResponse;
  return Run<Response>(context, query_labels_, "querying labels", [&](const kv::Reader& reader) -> Result<Response> {
    ASSIGN_OR_RETURN(const Selector selector, ParseSelector(request.selector));
    ASSIGN_OR_RETURN(index::LabelAnswer answer,
                     index::QueryLabels(reader,
                                        {.tenants = request.tenants,
                                         .start_ns = request.start_ns,
                                         .end_ns = request.end_ns,
                                         .service = std::string(selector.EqualValue(label::kServiceName)),
                                         .profile_type = std::string(selector.EqualValue(label::kProfileType)),
                                         .selector = &selector},
                                        request.reports, limits_));
    return Response{.reports = std::move(answer.reports),
                    .unanswered = std::move(answer.unanswered),
                    .datasets_answered = answer.datasets_answered,
                    .newest_data_ns = answer.newest_data_ns};
  });
}

Result<contract::TenantStats> IndexQueries::GetTenantStats(const contract::RequestContext& context,
                                                           const std::string& tenant) {
  using Stats = contract::TenantStats;
  return Run<Stats>(context, get_tenant_stats_, "reading a tenant's statistics",
                    [&](const kv::Reader& reader) -> Result<Stats> {
                      ASSIGN_OR_RETURN(const index::TenantSummary summary, index::ReadTenantSummary(reader, tenant));
                      return StatsOf(summary);
                    });
}

Result<contract::GetBlocksResponse> IndexQueries::GetBlocks(const contract::RequestContext& context,
                                                            const std::vector<Ulid>& ids) {
  using Response = contract::GetBlocksResponse;
  return Run<Response>(context, get_blocks_, "reading blocks of the index", [&](const kv::Reader& reader) -> Result<Response> {
    if (ids.size() > contract::Metastore::kIdsPerGetMax) {
      return InvalidArgument(std::to_string(ids.size()) + " ids, the limit is " +
                             std::to_string(contract::Metastore::kIdsPerGetMax));
    }
    Response response;
    for (const Ulid& id : ids) {
      Result<BlockMeta> block = index::ReadBlock(reader, id);
      if (block.ok()) {
        response.blocks.push_back(*std::move(block));
      } else if (block.status().code() == Code::kNotFound) {
        response.unknown.push_back(id);
      } else {
        return block.status();
      }
    }
    return response;
  });
}

Result<std::vector<Ulid>> IndexQueries::ListBlocks(const contract::RequestContext& context,
                                                   const std::optional<Ulid>& after, size_t limit) {
  return Run<std::vector<Ulid>>(context, list_blocks_, "listing blocks", [&](const kv::Reader& reader) {
    return index::ListBlockIds(reader, after, std::min(limit, contract::Metastore::kIdsPerListMax));
  });
}

Result<std::vector<contract::TenantListing>> IndexQueries::ListTenants(const contract::RequestContext& context,
                                                                       const std::string& after, size_t limit) {
  using Listings = std::vector<contract::TenantListing>;
  return Run<Listings>(context, list_tenants_, "listing tenants", [&](const kv::Reader& reader) -> Result<Listings> {
    ASSIGN_OR_RETURN(const auto tenants,
                     index::ListTenants(reader, after, std::min(limit, contract::Metastore::kTenantsPerListMax)));
    Listings listings;
    for (const auto& [tenant, summary] : tenants) listings.push_back({tenant, StatsOf(summary)});
    return listings;
  });
}

Result<std::vector<contract::BlockQueue>> IndexQueries::ListQueues(const contract::RequestContext& context,
                                                                   const std::optional<contract::BlockQueue>& after,
                                                                   size_t limit) {
  using Queues = std::vector<contract::BlockQueue>;
  return Run<Queues>(context, list_queues_, "listing queues", [&](const kv::Reader& reader) -> Result<Queues> {
    std::optional<index::QueueName> above;
    if (after.has_value()) {
      RETURN_IF_ERROR(CheckQueue(*after));
      above = NameOf(*after);
    }
    ASSIGN_OR_RETURN(const auto names,
                     index::ListQueues(reader, above, std::min(limit, contract::Metastore::kQueuesPerListMax)));
    Queues queues;
    for (const index::QueueName& name : names) queues.push_back({name.level, name.shard, name.tenant});
    return queues;
  });
}

Result<std::vector<contract::QueuedBlock>> IndexQueries::ListQueuedBlocks(const contract::RequestContext& context,
                                                                          const contract::BlockQueue& queue,
                                                                          const std::optional<Ulid>& after,
                                                                          size_t limit) {
  using Blocks = std::vector<contract::QueuedBlock>;
  return Run<Blocks>(context, list_queued_blocks_, "listing a queue's blocks", [&](const kv::Reader& reader) -> Result<Blocks> {
    RETURN_IF_ERROR(CheckQueue(queue));
    ASSIGN_OR_RETURN(const auto queued,
                     index::ListQueuedBlocks(reader, NameOf(queue), after,
                                             std::min(limit, contract::Metastore::kQueuedBlocksPerListMax)));
    Blocks blocks;
    for (const index::QueuedBlock& block : queued) {
      blocks.push_back({block.id, block.size, block.min_time_ns, block.max_time_ns});
    }
    return blocks;
  });
}

Result<std::vector<contract::Tombstone>> IndexQueries::ListTombstones(
    const contract::RequestContext& context, int64_t before_ns, const std::optional<contract::TombstoneCursor>& after,
    size_t limit) {
  using Tombstones = std::vector<contract::Tombstone>;
  return Run<Tombstones>(context, list_tombstones_, "listing tombstones", [&](const kv::Reader& reader) -> Result<Tombstones> {
    std::optional<index::TombstoneCursor> above;
    if (after.has_value()) above = index::TombstoneCursor{after->removed_ns, after->id};
    ASSIGN_OR_RETURN(const auto removed,
                     index::ListTombstones(reader, before_ns, above,
                                           std::min(limit, contract::Metastore::kTombstonesPerListMax)));
    Tombstones tombstones;
    for (const index::Tombstone& tombstone : removed) {
      tombstones.push_back({.id = tombstone.id,
                            .removed_ns = tombstone.removed_ns,
                            .shard = tombstone.shard,
                            .level = tombstone.level,
                            .tenant = tombstone.tenant,
                            .size = tombstone.size});
    }
    return tombstones;
  });
}

}  // namespace brazier::metastore
