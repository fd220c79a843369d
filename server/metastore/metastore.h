// Metastore: answers what other roles ask of the index (contract/metastore.h) over a consensus group whose state machine
// is the metadata index.
//
// AddBlocks validates, packs the blocks into as few commands as fit, and proposes them with the caller's deadline;
// concurrent calls share one commit in the consensus thread. What compaction asks is one command each, or refused. Questions to the index: index_queries.h. Members are soft
// state of the leader.
// Limits: a block's metadata must fit one command (about 1 MiB); queries as in index_limits.h; MemberTable's.
// Borrows everything it is given. Consensus must be stopped before this is destroyed: callbacks of proposals refer to it.
// Thread-safe.
#pragma once

#include <mutex>

#include "common/base/clock.h"
#include "common/contract/metastore.h"
#include "server/metastore/index_queries.h"
#include "server/metastore/member_table.h"
#include "server/metastore/metastore_metrics.h"
#include "store/consensus/consensus.h"
#include "store/index/index_command.h"
#include "store/index/index_reader.h"

namespace brazier::metastore {

class Metastore final : public contract::Metastore {
 public:
  struct Options {
    index::DedupBounds dedup;
    index::QueryLimits query;
  };

  // `store` is the one that the group's state machine writes to.
  Metastore(const Options& options, consensus::Consensus& consensus, const kv::KeyValueStore& store,
            const Clock& clock, MetricsRegistry& registry);

  void AddBlocks(const contract::RequestContext& context, contract::AddBlocksRequest request,
                 std::function<void(Result<contract::AddBlocksResponse>)> done) override;
  Result<std::vector<BlockMeta>> FindBlocks(const contract::RequestContext& context,
                                            const contract::FindBlocksRequest& request) override;
  Result<contract::TenantStats> GetTenantStats(const contract::RequestContext& context,
                                               const std::string& tenant) override;
  Result<contract::QueryLabelsResponse> QueryLabels(const contract::RequestContext& context,
                                                    const contract::QueryLabelsRequest& request) override;
  Result<contract::GetBlocksResponse> GetBlocks(const contract::RequestContext& context,
                                                const std::vector<Ulid>& ids) override;
  Result<std::vector<Ulid>> ListBlocks(const contract::RequestContext& context, const std::optional<Ulid>& after,
                                       size_t limit) override;
  Result<std::vector<contract::TenantListing>> ListTenants(const contract::RequestContext& context,
                                                           const std::string& after, size_t limit) override;
  Result<std::vector<contract::BlockQueue>> ListQueues(const contract::RequestContext& context,
                                                       const std::optional<contract::BlockQueue>& after,
                                                       size_t limit) override;
  Result<std::vector<contract::QueuedBlock>> ListQueuedBlocks(const contract::RequestContext& context,
                                                              const contract::BlockQueue& queue,
                                                              const std::optional<Ulid>& after, size_t limit) override;
  Result<std::vector<contract::Tombstone>> ListTombstones(const contract::RequestContext& context, int64_t before_ns,
                                                          const std::optional<contract::TombstoneCursor>& after,
                                                          size_t limit) override;
  void ReplaceBlocks(const contract::RequestContext& context, contract::ReplaceBlocksRequest request,
                     std::function<void(Result<contract::ReplaceBlocksResponse>)> done) override;
  void PurgeTombstones(const contract::RequestContext& context, std::vector<Ulid> ids,
                       std::function<void(Result<contract::PurgeTombstonesResponse>)> done) override;
  Status Heartbeat(const contract::RequestContext& context, const Member& member) override;
  Result<MemberList> Members(const contract::RequestContext& context) override;
  Result<contract::PlacementResponse> Placement(const contract::RequestContext& context, const std::string& tenant,
                                                const std::string& service) override;
  Status Ready() override;

 private:
  using Done = std::function<void(Result<contract::AddBlocksResponse>)>;

  // Proposes the command and answers `done` with the index's answer to it, as `decode` reads it; measures.
  template <typename Response>
  void Propose(const contract::RequestContext& context, Result<std::string> command, RequestMetrics& metrics,
               const char* doing, Result<Response> (*decode)(std::string_view answer),
               std::function<void(Result<Response>)> done);
  // Counts the outcome and answers.
  void Finish(int64_t start_ns, Result<std::vector<index::AddedBlock>> added, const Done& done);
  // Members are known to the leader only: kUnavailable when another node leads. While nobody does (a start, an election),
  // heartbeats are taken: they are soft state and would only be lost. Not while this member's disk stalls: others may lead.
  Status CheckLeader() const;

  const Options options_;
  consensus::Consensus& consensus_;
  const Clock& clock_;
  MetastoreMetrics metrics_;
  IndexQueries queries_;
  std::mutex mu_;
  MemberTable members_;  // guarded by mu_
};

}  // namespace brazier::metastore
