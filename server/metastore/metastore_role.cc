#include "server/metastore/metastore_role.h"

#include <atomic>
#include <filesystem>
#include <mutex>

#include "common/base/hash.h"
#include "common/observe/log.h"
#include "server/metastore/group/group_keeper.h"
#include "server/metastore/index_state_machine.h"
#include "server/metastore/lifecycle/member_index.h"
#include "server/metastore/metastore.h"
#include "server/metastore/snapshot/snapshot_store.h"
#include "server/metastore/state_upgrade.h"
#include "store/consensus/group_founding.h"
#include "store/consensus/raft_consensus.h"
#include "store/index/index_limits.h"

namespace brazier::metastore {
namespace {

using consensus::NodeIdentity;

Status CheckOptions(const MetastoreOptions& options) {
  if (options.dedup_window_ns < 0 || options.dedup_window_ns > index::kDedupWindowNsMax) {
    return InvalidArgument("dedup.window must be from 0 to 7 days");
  }
  if (options.dedup_bytes_max > index::kDedupBytesMax) {
    return InvalidArgument("dedup.bytes-max must be at most " + std::to_string(index::kDedupBytesMax) +
                           " bytes");
  }
  return Status();
}

uint64_t DrawId(Random& random) {
  uint64_t id = 0;
  while (id == 0) id = random.Next();
  return id;
}

// A store draws its node id once. One that was founded before groups had ids draws that too: it is alone.
Result<NodeIdentity> EnsureIdentity(kv::KeyValueStore& store, Random& random) {
  ASSIGN_OR_RETURN(const std::optional<NodeIdentity> stored, consensus::ReadIdentity(store));
  NodeIdentity identity = stored.value_or(NodeIdentity{});
  if (identity.node_id == 0) identity.node_id = DrawId(random);
  ASSIGN_OR_RETURN(const bool is_founded, consensus::IsFounded(store));
  if (identity.group_id == 0 && is_founded) identity.group_id = DrawId(random);
  if (identity != stored) RETURN_IF_ERROR(consensus::WriteIdentity(store, identity));
  return identity;
}

}  // namespace

// The scheduler as the lifecycle service speaks to it.
class SchedulerControl final : public CompactionControl {
 public:
  explicit SchedulerControl(CompactionService& service) : service_(service) {}
  Result<contract::CompactionOverview> GetCompaction(const contract::RequestContext& context) override {
    return service_.Overview(context);
  }
  Status SetCompactionPaused(const contract::RequestContext& context, bool is_paused) override {
    return service_.SetPaused(context, is_paused);
  }
  Status ForceCompaction(const contract::RequestContext& context, const std::vector<uint32_t>& levels,
                         const std::string& tenant) override {
    return service_.Force(context, levels, tenant);
  }
  Result<uint64_t> RetryFailed(const contract::RequestContext& context, const std::vector<Ulid>& ids) override {
    return service_.RetryFailed(context, ids);
  }

 private:
  CompactionService& service_;
};

// In the order in which they are opened; closed in reverse, after the threads have stopped.
class MetastoreRole::Parts final : public GroupHost {
 public:
  Parts(const Options& options, const Clock& clock, MetricsRegistry& registry, Random& random)
      : options_(options),
        clock_(clock),
        registry_(registry),
        random_(random),
        admin_(*this, options.connect),
        keeper_(*this, admin_, options.connect, options.members, clock) {}
  ~Parts() override;

  Status Open();
  metastore::Metastore* metastore() const { return serving_.load(std::memory_order_acquire); }
  const kv::KeyValueStore& store() const { return *store_; }
  GroupAdmin& admin() { return admin_; }
  CompactionService& compaction() { return *compaction_; }
  Status ReportSuspect(const Ulid& id) { return lifecycle_ ? lifecycle_->ReportSuspect(id) : Status::Ok(); }
  contract::Lifecycle* lifecycle() { return lifecycle_ ? &lifecycle_->service() : nullptr; }
  std::string Waiting() const { return keeper_.Waiting(); }

  contract::GroupIdentity Identity() const override;
  consensus::RaftConsensus* raft() const override { return running_.load(std::memory_order_acquire); }
  Status Adopt(uint64_t group_id, const std::vector<GroupMember>& founders) override;
  Status CheckMayFound() override {
    return options_.objects == nullptr ? Status::Ok() : CheckBucketIsNew(*options_.objects);
  }
  Result<contract::GroupSnapshot> TakeSnapshot(const contract::RequestContext& context) override {
    if (snapshots_ == nullptr) return Status(Code::kUnimplemented, "this metastore has no object store");
    return snapshots_->Take(context);
  }

 private:
  Status StartConsensus();

  const Options options_;
  const Clock& clock_;
  MetricsRegistry& registry_;
  Random& random_;
  std::unique_ptr<kv::KeyValueStore> store_;
  std::unique_ptr<CompactionService> compaction_;
  std::unique_ptr<index::MetadataIndex> index_;
  std::unique_ptr<IndexStateMachine> machine_;

  mutable std::mutex mu_;  // held while a group is adopted
  NodeIdentity identity_;  // guarded by mu_
  std::unique_ptr<consensus::RaftConsensus> consensus_;
  std::unique_ptr<metastore::Metastore> metastore_;
  std::atomic<consensus::RaftConsensus*> running_ = nullptr;  // set once
  std::atomic<metastore::Metastore*> serving_ = nullptr;      // set once

  GroupAdmin admin_;
  GroupKeeper keeper_;
  std::unique_ptr<SnapshotKeeper> snapshots_;
  std::unique_ptr<SchedulerControl> control_;
  std::unique_ptr<LifecycleKeeper> lifecycle_;
};

MetastoreRole::Parts::~Parts() {
  keeper_.Stop();
  if (snapshots_) snapshots_->Stop();
  if (options_.transport != nullptr) options_.transport->Stop();
  if (lifecycle_) lifecycle_->RequestStop();
  if (compaction_) compaction_->Stop();
  if (consensus_) consensus_->Stop();
  if (lifecycle_) lifecycle_->Stop();
}

Status MetastoreRole::Parts::Open() {
  std::error_code error;
  std::filesystem::create_directories(options_.folder, error);
  if (error) {
    return Unavailable("creating the metastore's folder " + options_.folder + ": " + error.message());
  }
  ASSIGN_OR_RETURN(store_, kv::OpenRocksKeyValueStore(options_.folder));
  ASSIGN_OR_RETURN(identity_, EnsureIdentity(*store_, random_));
  compaction_ = std::make_unique<CompactionService>(options_.compaction, *store_, clock_, registry_);
  if (options_.transport != nullptr) {
    RETURN_IF_ERROR(options_.transport->Listen(identity_.node_id, [this](std::string message) {
      if (consensus::RaftConsensus* raft = this->raft()) raft->Receive(std::move(message));
    }));
  }
  ASSIGN_OR_RETURN(const bool is_founded, consensus::IsFounded(*store_));
  if (is_founded) {
    RETURN_IF_ERROR(StartConsensus());
  } else {
    const GroupMember self = Identity().member;
    const bool is_only_member = options_.members.size() == 1 && options_.members[0] == self.rpc_address;
    if (options_.founds_alone || is_only_member) {
      RETURN_IF_ERROR(CheckMayFound());
      RETURN_IF_ERROR(Adopt(consensus::GroupIdOf({self}), {self}));
    }
  }
  if (!options_.founds_alone) keeper_.Start();
  if (options_.lifecycle.has_value()) {
    control_ = std::make_unique<SchedulerControl>(*compaction_);
    lifecycle_ = std::make_unique<LifecycleKeeper>(
        *options_.lifecycle, std::make_unique<MemberIndex>([this] { return raft(); }, *store_, clock_), options_.objects,
        [this] { return control_.get(); }, clock_, registry_);
    lifecycle_->Start();
  }
  if (options_.objects == nullptr) return Status::Ok();
  snapshots_ = std::make_unique<SnapshotKeeper>(
      options_.snapshots, *store_, *options_.objects,
      [this] {
        const consensus::RaftConsensus* raft = this->raft();
        if (raft == nullptr) return SnapshotKeeper::Standing{};
        return SnapshotKeeper::Standing{.leads = raft->CanCommit(),
                                        .group_id = Identity().group_id,
                                        .applied_index = raft->GetStatus().applied_index};
      },
      clock_, registry_);
  snapshots_->Start();
  return Status::Ok();
}

Status MetastoreRole::Parts::StartConsensus() {
  ASSIGN_OR_RETURN(index_, index::MetadataIndex::Open(*store_, random_.Next()));
  index_->SetObserver(&compaction_->observer());
  machine_ = std::make_unique<IndexStateMachine>(*index_, clock_, registry_);
  consensus::RaftConsensus::Options raft;
  raft.node.node_id = identity_.node_id;
  raft.node.seed = random_.Next();
  raft.registry = &registry_;
  raft.transport = options_.transport;
  if (options_.transport != nullptr) options_.transport->SetGroup(identity_.group_id);
  ASSIGN_OR_RETURN(consensus_, consensus::RaftConsensus::OpenRaft(raft, *store_, *machine_, clock_));
  const metastore::Metastore::Options metastore_options{
      .dedup = {.window_ns = options_.dedup_window_ns, .bytes_max = options_.dedup_bytes_max}};
  metastore_ = std::make_unique<metastore::Metastore>(metastore_options, *consensus_, *store_, clock_, registry_);
  running_.store(consensus_.get(), std::memory_order_release);
  serving_.store(metastore_.get(), std::memory_order_release);
  // Here for a member that leads at once, as one alone does, and again whenever this one begins to lead.
  BeginStateUpgrade(*index_, *consensus_, clock_);
  if (options_.schedules_compaction) {
    compaction_->Start(*consensus_, [this] { BeginStateUpgrade(*index_, *consensus_, clock_); });
  }
  return Status::Ok();
}

contract::GroupIdentity MetastoreRole::Parts::Identity() const {
  contract::GroupIdentity out;
  out.member.name = options_.name;
  out.member.rpc_address = options_.rpc_address;
  if (options_.transport != nullptr) out.member.raft_address = options_.transport->address();
  std::lock_guard lock(mu_);
  out.member.node_id = identity_.node_id;
  out.group_id = identity_.group_id;
  return out;
}

Status MetastoreRole::Parts::Adopt(uint64_t group_id, const std::vector<GroupMember>& founders) {
  std::lock_guard lock(mu_);
  if (identity_.group_id == group_id && consensus_ != nullptr) return Status::Ok();
  if (identity_.group_id != 0 && identity_.group_id != group_id) {
    return Status(Code::kFailedPrecondition, "this member belongs to another group already");
  }
  const NodeIdentity adopted{.node_id = identity_.node_id, .group_id = group_id};
  RETURN_IF_ERROR(consensus::FoundStore(*store_, adopted, founders, options_.state_is_staged));
  identity_ = adopted;
  Log(LogLevel::kInfo, founders.empty() ? "joined a metastore group" : "founded a metastore group",
      {{"group", IdText(group_id)}, {"node", IdText(adopted.node_id)}, {"founders", founders.size()}});
  return StartConsensus();
}

Result<std::unique_ptr<MetastoreRole>> MetastoreRole::Open(const Options& options,
                                                           const Clock& clock,
                                                           MetricsRegistry& registry,
                                                           Random& random) {
  RETURN_IF_ERROR(CheckOptions(options));
  auto parts = std::make_unique<Parts>(options, clock, registry, random);
  RETURN_IF_ERROR(parts->Open());
  return std::unique_ptr<MetastoreRole>(new MetastoreRole(std::move(parts)));
}

MetastoreRole::MetastoreRole(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

MetastoreRole::~MetastoreRole() = default;

void MetastoreRole::AddBlocks(const contract::RequestContext& context,
                              contract::AddBlocksRequest request,
                              std::function<void(Result<contract::AddBlocksResponse>)> done) {
  if (auto* metastore = parts_->metastore()) {
    return metastore->AddBlocks(context, std::move(request), std::move(done));
  }
  done(NoGroup());
}

Result<std::vector<BlockMeta>> MetastoreRole::FindBlocks(
    const contract::RequestContext& context, const contract::FindBlocksRequest& request) {
  auto* metastore = parts_->metastore();
  return metastore ? metastore->FindBlocks(context, request) : NoGroup();
}

Result<contract::TenantStats> MetastoreRole::GetTenantStats(const contract::RequestContext& context,
                                                            const std::string& tenant) {
  auto* metastore = parts_->metastore();
  return metastore ? metastore->GetTenantStats(context, tenant) : NoGroup();
}

Result<contract::QueryLabelsResponse> MetastoreRole::QueryLabels(const contract::RequestContext& context,
                                                             const contract::QueryLabelsRequest& request) {
  auto* metastore = parts_->metastore();
  return metastore ? metastore->QueryLabels(context, request) : NoGroup();
}

Result<contract::GetBlocksResponse> MetastoreRole::GetBlocks(const contract::RequestContext& context,
                                                     const std::vector<Ulid>& ids) {
  auto* metastore = parts_->metastore();
  return metastore ? metastore->GetBlocks(context, ids) : NoGroup();
}

Result<std::vector<Ulid>> MetastoreRole::ListBlocks(const contract::RequestContext& context,
                                            const std::optional<Ulid>& after, size_t limit) {
  auto* metastore = parts_->metastore();
  return metastore ? metastore->ListBlocks(context, after, limit) : NoGroup();
}

Result<std::vector<contract::TenantListing>> MetastoreRole::ListTenants(const contract::RequestContext& context,
                                                                const std::string& after, size_t limit) {
  auto* metastore = parts_->metastore();
  return metastore ? metastore->ListTenants(context, after, limit) : NoGroup();
}

Result<std::vector<contract::BlockQueue>> MetastoreRole::ListQueues(
    const contract::RequestContext& context, const std::optional<contract::BlockQueue>& after, size_t limit) {
  auto* metastore = parts_->metastore();
  return metastore ? metastore->ListQueues(context, after, limit) : NoGroup();
}

Result<std::vector<contract::QueuedBlock>> MetastoreRole::ListQueuedBlocks(const contract::RequestContext& context,
                                                                   const contract::BlockQueue& queue,
                                                                   const std::optional<Ulid>& after, size_t limit) {
  auto* metastore = parts_->metastore();
  return metastore ? metastore->ListQueuedBlocks(context, queue, after, limit) : NoGroup();
}

Result<std::vector<contract::Tombstone>> MetastoreRole::ListTombstones(
    const contract::RequestContext& context, int64_t before_ns, const std::optional<contract::TombstoneCursor>& after,
    size_t limit) {
  auto* metastore = parts_->metastore();
  return metastore ? metastore->ListTombstones(context, before_ns, after, limit) : NoGroup();
}

void MetastoreRole::ReplaceBlocks(const contract::RequestContext& context, contract::ReplaceBlocksRequest request,
                          std::function<void(Result<contract::ReplaceBlocksResponse>)> done) {
  if (auto* metastore = parts_->metastore()) return metastore->ReplaceBlocks(context, std::move(request), std::move(done));
  done(NoGroup());
}

void MetastoreRole::PurgeTombstones(const contract::RequestContext& context, std::vector<Ulid> ids,
                            std::function<void(Result<contract::PurgeTombstonesResponse>)> done) {
  if (auto* metastore = parts_->metastore()) return metastore->PurgeTombstones(context, std::move(ids), std::move(done));
  done(NoGroup());
}

Status MetastoreRole::ReportSuspectBlock(const contract::RequestContext&, const Ulid& id, const std::string& why) {
  Log(LogLevel::kWarn, "somebody cannot read a block", {{"block", id.ToString()}, {"why", why}});
  return parts_->ReportSuspect(id);
}

Status MetastoreRole::Heartbeat(const contract::RequestContext& context, const Member& member) {
  auto* metastore = parts_->metastore();
  return metastore ? metastore->Heartbeat(context, member) : NoGroup();
}

Result<MemberList> MetastoreRole::Members(const contract::RequestContext& context) {
  auto* metastore = parts_->metastore();
  return metastore ? metastore->Members(context) : NoGroup();
}

Result<contract::PlacementResponse> MetastoreRole::Placement(const contract::RequestContext& context, const std::string& tenant,
                                                     const std::string& service) {
  auto* metastore = parts_->metastore();
  return metastore ? metastore->Placement(context, tenant, service) : NoGroup();
}

Status MetastoreRole::Ready() {
  auto* metastore = parts_->metastore();
  const Status status = metastore ? metastore->Ready() : NoGroup();
  const std::string waiting = parts_->Waiting();
  return status.ok() || waiting.empty() || waiting == status.message() ? status : status.Annotate(waiting);
}

Result<std::unique_ptr<kv::Reader>> MetastoreRole::Snapshot(const contract::RequestContext& context) {
  auto* raft = parts_->raft();
  if (raft == nullptr) return NoGroup();
  RETURN_IF_ERROR(raft->ReadBarrier(context.deadline_ns));
  return parts_->store().Snapshot();
}

contract::MetastoreGroup& MetastoreRole::group() { return parts_->admin(); }
CompactionService& MetastoreRole::compaction() { return parts_->compaction(); }
contract::Lifecycle* MetastoreRole::lifecycle() { return parts_->lifecycle(); }

void MetastoreRole::GiveUpLeadership(int64_t timeout_ns) {
  auto* raft = parts_->raft();
  if (raft == nullptr || !raft->GetStatus().is_leader || raft->GetMembers().size() < 2) return;
  const Status moved = parts_->admin().TransferLeadership(
      {.request_id = "stop", .deadline_ns = SystemClock().MonotonicNs() + timeout_ns}, 0);
  Log(moved.ok() ? LogLevel::kInfo : LogLevel::kWarn, "leadership before the stop",
      {{"moved", moved.ok() ? "yes" : moved.message()}});
}

}  // namespace brazier::metastore
