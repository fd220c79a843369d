#include "server/metastore/metastore_role.h"

#include <filesystem>

#include "server/metastore/index_state_machine.h"
#include "server/metastore/metastore.h"
#include "store/consensus/raft_consensus.h"
#include "store/index/index_limits.h"

namespace brazier::metastore {
namespace {

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

}  // namespace

// In the order in which they are opened; destroyed in reverse, after the consensus thread has stopped.
struct MetastoreRole::Parts {
  std::unique_ptr<kv::KeyValueStore> store;
  std::unique_ptr<index::MetadataIndex> index;
  std::unique_ptr<IndexStateMachine> machine;
  std::unique_ptr<consensus::Consensus> consensus;
  std::unique_ptr<metastore::Metastore> metastore;
};

Result<std::unique_ptr<MetastoreRole>> MetastoreRole::Open(const Options& options,
                                                           const Clock& clock,
                                                           MetricsRegistry& registry,
                                                           Random& random) {
  RETURN_IF_ERROR(CheckOptions(options));
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  if (error) {
    return Unavailable("creating the metastore's folder " + options.folder + ": " + error.message());
  }
  auto parts = std::make_unique<Parts>();
  ASSIGN_OR_RETURN(parts->store, kv::OpenRocksKeyValueStore(options.folder));
  ASSIGN_OR_RETURN(parts->index, index::MetadataIndex::Open(*parts->store, random.Next()));
  parts->machine = std::make_unique<IndexStateMachine>(*parts->index, clock, registry);
  consensus::RaftConsensus::Options raft;
  raft.node.seed = random.Next();
  raft.registry = &registry;
  ASSIGN_OR_RETURN(parts->consensus, consensus::RaftConsensus::Open(raft, *parts->store,
                                                                    *parts->machine, clock));
  const metastore::Metastore::Options metastore_options{
      .dedup = {.window_ns = options.dedup_window_ns, .bytes_max = options.dedup_bytes_max}};
  parts->metastore = std::make_unique<metastore::Metastore>(metastore_options, *parts->consensus,
                                                            *parts->store, clock, registry);
  return std::unique_ptr<MetastoreRole>(new MetastoreRole(std::move(parts)));
}

MetastoreRole::MetastoreRole(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

MetastoreRole::~MetastoreRole() { parts_->consensus->Stop(); }

void MetastoreRole::AddBlocks(const contract::RequestContext& context,
                              contract::AddBlocksRequest request,
                              std::function<void(Result<contract::AddBlocksResponse>)> done) {
  parts_->metastore->AddBlocks(context, std::move(request), std::move(done));
}

Result<std::vector<BlockMeta>> MetastoreRole::FindBlocks(
    const contract::RequestContext& context, const contract::FindBlocksRequest& request) {
  return parts_->metastore->FindBlocks(context, request);
}

Result<contract::TenantStats> MetastoreRole::GetTenantStats(const contract::RequestContext& context,
                                                            const std::string& tenant) {
  return parts_->metastore->GetTenantStats(context, tenant);
}

Status MetastoreRole::Heartbeat(const contract::RequestContext& context, const Member& member) {
  return parts_->metastore->Heartbeat(context, member);
}

Result<MemberList> MetastoreRole::Members(const contract::RequestContext& context) {
  return parts_->metastore->Members(context);
}

Status MetastoreRole::Ready() { return parts_->metastore->Ready(); }

Result<std::unique_ptr<kv::Reader>> MetastoreRole::Snapshot(const contract::RequestContext& context) {
  RETURN_IF_ERROR(parts_->consensus->ReadBarrier(context.deadline_ns));
  return parts_->store->Snapshot();
}

}  // namespace brazier::metastore
