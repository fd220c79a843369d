#include "server/metastore/metastore.h"

#include <memory>

#include "server/metastore/add_blocks_packing.h"
#include "server/metastore/compaction_packing.h"
#include "server/metastore/writer_placement.h"
#include "store/index/compaction_command.h"

namespace brazier::metastore {
namespace {

// The commands of one request: the request is answered when the last of them is, with the first error if there was one.
// Any of its blocks may then be registered; asking again is safe. Thread-safe.
class CommandsInFlight {
 public:
  using Done = std::function<void(Result<std::vector<index::AddedBlock>>)>;

  CommandsInFlight(size_t commands, Done done)
      : waiting_(commands), answers_(commands), done_(std::move(done)) {}

  void Answer(size_t command, Result<std::string> answer) {
    Result<std::vector<index::AddedBlock>> decoded =
        answer.ok() ? index::DecodeAddBlocksAnswer(*answer) : answer.status();
    {
      std::lock_guard lock(mu_);
      if (decoded.ok()) {
        answers_[command] = std::move(decoded).value();
      } else if (error_.ok()) {
        error_ = decoded.status();
      }
      if (--waiting_ > 0) return;
    }
    // The last one: nobody else touches the members any more.
    if (!error_.ok()) return done_(error_);
    std::vector<index::AddedBlock> all = std::move(answers_.front());
    for (size_t i = 1; i < answers_.size(); ++i) {
      std::move(answers_[i].begin(), answers_[i].end(), std::back_inserter(all));
    }
    done_(std::move(all));
  }

 private:
  std::mutex mu_;
  size_t waiting_;                                      // guarded by mu_
  std::vector<std::vector<index::AddedBlock>> answers_;  // guarded by mu_ while waiting_ > 0
  Status error_;                                        // likewise
  const Done done_;
};

Result<contract::ReplaceBlocksResponse> DecodeReplaced(std::string_view answer) {
  ASSIGN_OR_RETURN(const index::Replaced replaced, index::DecodeReplaceBlocksAnswer(answer));
  return contract::ReplaceBlocksResponse{.already_done = replaced.already_done};
}

Result<contract::PurgeTombstonesResponse> DecodePurged(std::string_view answer) {
  ASSIGN_OR_RETURN(const index::Purged purged, index::DecodePurgeTombstonesAnswer(answer));
  return contract::PurgeTombstonesResponse{.purged = purged.tombstones};
}

}  // namespace

Metastore::Metastore(const Options& options, consensus::Consensus& consensus,
                     const kv::KeyValueStore& store, const Clock& clock, MetricsRegistry& registry)
    : options_(options),
      consensus_(consensus),
      clock_(clock),
      metrics_(registry),
      queries_(options.query, consensus, store, clock, registry),
      members_(static_cast<uint64_t>(clock.NowNs() / kNsPerMs)) {}

void Metastore::AddBlocks(const contract::RequestContext& context,
                          contract::AddBlocksRequest request,
                          std::function<void(Result<contract::AddBlocksResponse>)> done) {
  const int64_t start_ns = clock_.MonotonicNs();
  auto commands = PackAddBlocks(request.blocks, clock_.NowNs(), options_.dedup,
                                consensus::Consensus::kCommandBytesMax);
  if (!commands.ok()) return Finish(start_ns, commands.status(), done);
  if (commands->empty()) return Finish(start_ns, std::vector<index::AddedBlock>{}, done);
  const size_t block_count = request.blocks.size();
  const auto in_flight = std::make_shared<CommandsInFlight>(
      commands->size(), [this, start_ns, block_count, done = std::move(done)](
                            Result<std::vector<index::AddedBlock>> added) {
        if (added.ok() && added->size() != block_count) {
          added = Internal("the index answered for " + std::to_string(added->size()) + " of " +
                           std::to_string(block_count) + " blocks");
        }
        Finish(start_ns, std::move(added), done);
      });
  for (size_t i = 0; i < commands->size(); ++i) {
    consensus_.Propose(std::move((*commands)[i]), context.deadline_ns,
                       [in_flight, i](Result<std::string> answer) {
                         in_flight->Answer(i, std::move(answer));
                       });
  }
}

void Metastore::Finish(int64_t start_ns, Result<std::vector<index::AddedBlock>> added,
                       const Done& done) {
  metrics_.add_blocks.Observe(added.status(), clock_.MonotonicNs() - start_ns);
  if (!added.ok()) return done(added.status().Annotate("registering blocks"));
  contract::AddBlocksResponse response;
  response.blocks.reserve(added->size());
  for (index::AddedBlock& block : *added) {
    if (block.already_known) {
      metrics_.blocks_repeated_total.Add();
    } else {
      metrics_.blocks_added_total.Add();
      for (const auto& hidden : block.hidden_profiles) metrics_.profiles_hidden_total.Add(hidden.size());
    }
    response.blocks.push_back({block.already_known, std::move(block.hidden_profiles)});
  }
  done(std::move(response));
}

template <typename Response>
void Metastore::Propose(const contract::RequestContext& context, Result<std::string> command, RequestMetrics& metrics,
                        const char* doing, Result<Response> (*decode)(std::string_view answer),
                        std::function<void(Result<Response>)> done) {
  const int64_t start_ns = clock_.MonotonicNs();
  auto finish = [this, &metrics, doing, start_ns, done = std::move(done)](Result<Response> response) {
    metrics.Observe(response.status(), clock_.MonotonicNs() - start_ns);
    if (!response.ok()) return done(response.status().Annotate(doing));
    done(std::move(response));
  };
  if (!command.ok()) return finish(command.status());
  consensus_.Propose(*std::move(command), context.deadline_ns,
                     [finish = std::move(finish), decode](const Result<std::string>& answer) {
                       finish(answer.ok() ? decode(*answer) : Result<Response>(answer.status()));
                     });
}

void Metastore::ReplaceBlocks(const contract::RequestContext& context, contract::ReplaceBlocksRequest request,
                              std::function<void(Result<contract::ReplaceBlocksResponse>)> done) {
  Propose(context, PackReplaceBlocks(request, clock_.NowNs(), consensus::Consensus::kCommandBytesMax),
          metrics_.replace_blocks, "changing the index", &DecodeReplaced, std::move(done));
}

void Metastore::PurgeTombstones(const contract::RequestContext& context, std::vector<Ulid> ids,
                                std::function<void(Result<contract::PurgeTombstonesResponse>)> done) {
  Propose(context, PackPurgeTombstones(ids, clock_.NowNs(), consensus::Consensus::kCommandBytesMax),
          metrics_.purge_tombstones, "purging tombstones", &DecodePurged, std::move(done));
}

Result<std::vector<BlockMeta>> Metastore::FindBlocks(const contract::RequestContext& context,
                                                     const contract::FindBlocksRequest& request) {
  return queries_.FindBlocks(context, request);
}

Result<contract::TenantStats> Metastore::GetTenantStats(const contract::RequestContext& context,
                                                        const std::string& tenant) {
  return queries_.GetTenantStats(context, tenant);
}

Result<contract::QueryLabelsResponse> Metastore::QueryLabels(const contract::RequestContext& context,
                                                             const contract::QueryLabelsRequest& request) {
  return queries_.QueryLabels(context, request);
}

Result<contract::GetBlocksResponse> Metastore::GetBlocks(const contract::RequestContext& context,
                                                     const std::vector<Ulid>& ids) {
  return queries_.GetBlocks(context, ids);
}

Result<std::vector<Ulid>> Metastore::ListBlocks(const contract::RequestContext& context,
                                            const std::optional<Ulid>& after, size_t limit) {
  return queries_.ListBlocks(context, after, limit);
}

Result<std::vector<contract::TenantListing>> Metastore::ListTenants(const contract::RequestContext& context,
                                                                const std::string& after, size_t limit) {
  return queries_.ListTenants(context, after, limit);
}

Result<std::vector<contract::BlockQueue>> Metastore::ListQueues(const contract::RequestContext& context,
                                                                const std::optional<contract::BlockQueue>& after,
                                                                size_t limit) {
  return queries_.ListQueues(context, after, limit);
}

Result<std::vector<contract::QueuedBlock>> Metastore::ListQueuedBlocks(const contract::RequestContext& context,
                                                                       const contract::BlockQueue& queue,
                                                                       const std::optional<Ulid>& after, size_t limit) {
  return queries_.ListQueuedBlocks(context, queue, after, limit);
}

Result<std::vector<contract::Tombstone>> Metastore::ListTombstones(const contract::RequestContext& context, int64_t before_ns,
                                                                   const std::optional<contract::TombstoneCursor>& after,
                                                                   size_t limit) {
  return queries_.ListTombstones(context, before_ns, after, limit);
}

Status Metastore::CheckLeader() const {
  const consensus::ConsensusStatus status = consensus_.GetStatus();
  if (status.is_leader || (status.leader_id == 0 && !status.is_stalled)) return Status();
  return consensus_.NotLeader();
}

Status Metastore::Heartbeat(const contract::RequestContext& context, const Member& member) {
  RETURN_IF_ERROR(CheckLeader());
  std::lock_guard lock(mu_);
  const Status status = members_.Heartbeat(member, clock_.MonotonicNs());
  metrics_.members_count.Set(static_cast<int64_t>(members_.list().members.size()));
  return status;
}

Result<MemberList> Metastore::Members(const contract::RequestContext& context) {
  RETURN_IF_ERROR(CheckLeader());
  std::lock_guard lock(mu_);
  members_.Expire(clock_.MonotonicNs());
  metrics_.members_count.Set(static_cast<int64_t>(members_.list().members.size()));
  return members_.list();
}

Result<contract::PlacementResponse> Metastore::Placement(const contract::RequestContext& context,
                                                         const std::string& tenant, const std::string& service) {
  const int64_t start_ns = clock_.MonotonicNs();
  const Result<MemberList> members = Members(context);
  metrics_.placement.Observe(members.status(), clock_.MonotonicNs() - start_ns);
  if (!members.ok()) return members.status().Annotate("placing a service");
  return PlaceService(*members, tenant, service);
}

Status Metastore::Ready() {
  if (consensus_.CanServe()) return Status();
  return Unavailable("the metastore cannot serve now: no leader, a stalled disk, or it is stopping");
}

}  // namespace brazier::metastore
