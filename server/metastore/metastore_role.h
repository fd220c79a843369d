// MetastoreRole: everything of the metastore in one folder of one process, opened and closed in order: the key-value
// store, the index, the member of the consensus group, and the Metastore over them, which it answers as.
//
// A group of one and a group of five are the same code. A monolith's metastore, and one that tools open, founds its group
// alone. Others are founded by their settings (MetastoreOptions::members) or by an operator; until then every call is
// kUnavailable with reason "no_group", and the member waits.
//
// Owned by app/wiring, which holds the folder's lock. Borrows clock, registry, random, transport and objects, which outlive it.
// Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/contract/metastore.h"
#include "common/contract/metastore_group.h"
#include "common/observe/metrics.h"
#include "server/metastore/compaction/compaction_service.h"
#include "server/metastore/group/group_admin.h"
#include "server/metastore/group/member_transport.h"
#include "server/metastore/lifecycle/lifecycle_keeper.h"
#include "server/metastore/snapshot/snapshot_keeper.h"
#include "store/kv/key_value_store.h"
#include "store/object/object_store.h"

namespace brazier::metastore {

struct MetastoreOptions {
  std::string folder;                                        // created when missing
  int64_t dedup_window_ns = int64_t{10} * 60 * kNsPerSecond;  // at most 7 days
  uint64_t dedup_bytes_max = 64u << 20;                      // at most 1 GiB; 16 bytes each profile

  bool founds_alone = true;          // a store that is new becomes a group of one, for good or to be grown
  std::vector<std::string> members;  // else: Thrift addresses of the group's members, this one among them
  std::string name;                  // of this member, for people
  std::string rpc_address;           // where the others reach it, "host:port"
  MemberTransport* transport = nullptr;  // null: no way to other members
  ConnectToMember connect;               // likewise

  // Where copies of the index go; it must be new when a group is founded with an empty index. Null: no copies, no check.
  object::ObjectStore* objects = nullptr;
  SnapshotKeeper::Options snapshots;
  CompactionPolicy compaction;
  bool schedules_compaction = true;  // tools: false
  std::optional<LifecycleOptions> lifecycle;  // none, tools: nothing is removed, deleted or checked by itself
  bool state_is_staged = false;  // tools: the index that the new store begins with is in family kStaging
};

class MetastoreRole final : public contract::Metastore {
 public:
  using Options = MetastoreOptions;

  // Returns when the log is read and its thread runs; Ready() tells when it can serve.
  static Result<std::unique_ptr<MetastoreRole>> Open(const Options& options, const Clock& clock,
                                                     MetricsRegistry& registry,
                                                     Random& random = SystemRandom());
  // Fails what waits and stops the consensus thread. No call may be running or follow.
  ~MetastoreRole() override;
  MetastoreRole(const MetastoreRole&) = delete;
  MetastoreRole& operator=(const MetastoreRole&) = delete;

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
  Status ReportSuspectBlock(const contract::RequestContext& context, const Ulid& id, const std::string& why) override;
  Status Heartbeat(const contract::RequestContext& context, const Member& member) override;
  Result<MemberList> Members(const contract::RequestContext& context) override;
  Result<contract::PlacementResponse> Placement(const contract::RequestContext& context, const std::string& tenant,
                                                const std::string& service) override;
  // OK when this member can serve now: as the leader, commit; as another, ask a leader that it knows.
  Status Ready() override;
  // The index as of every command that was committed before the call, for tools that compare it with the bucket.
  Result<std::unique_ptr<kv::Reader>> Snapshot(const contract::RequestContext& context);

  contract::MetastoreGroup& group();
  // The scheduler of compaction: refuses what this member cannot answer because it does not lead, or has no group yet.
  CompactionService& compaction();
  // What operators ask about the life of data; null without MetastoreOptions::lifecycle.
  contract::Lifecycle* lifecycle();
  // Before a clean stop: moves leadership to another member, if this one leads and there is one; waits up to `timeout_ns`.
  void GiveUpLeadership(int64_t timeout_ns);

 private:
  class Parts;
  explicit MetastoreRole(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace brazier::metastore
