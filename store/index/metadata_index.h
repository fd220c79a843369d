// MetadataIndex: the deterministic state machine behind the metastore. Command bytes in; writes and answer bytes out.
//
// State is the keys of index_keys.h in a KeyValueStore. In memory it keeps what derives from them and from the commands
// after them: the dedup window, an overlay of writes that the store does not have yet, and caches of service entries and label sets. No clock, no threads, no
// randomness: replicas that apply the same commands hold the same bytes, wherever one of them restarted.
//
// Use: Open over a store; Apply each committed command; Applied once its writes are in the store. Queries do not come
// here: they read a snapshot of the store (index_reader.h).
//
// Borrows the store, which outlives it. Apply and Applied run on one thread (the consensus thread); window_* on any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "store/index/compaction_command.h"
#include "store/index/identity_window.h"
#include "store/index/index_command.h"
#include "store/index/index_entries.h"
#include "store/index/job_command.h"
#include "store/index/jobs.h"
#include "store/index/label_set_table.h"
#include "store/index/lifecycle_entries.h"
#include "store/index/overlay_reader.h"
#include "store/index/state_version.h"
#include "store/kv/key_value_store.h"

namespace brazier::index {

class MetadataIndex {
 public:
  // Rebuilds the dedup window from the store. kFailedPrecondition when a later version wrote the state. `hash_seed` has
  // no influence on state or answers; it should be unpredictable (identity_window.h).
  static Result<std::unique_ptr<MetadataIndex>> Open(const kv::KeyValueStore& store,
                                                     uint64_t hash_seed);

  // Total: any bytes get an answer. A command that is refused writes nothing. `index` ascends.
  // A store that cannot be read here stops the process: to go on would let replicas differ.
  std::string Apply(uint64_t index, std::string_view command, kv::WriteBatch& batch);
  // The writes of the commands up to `index` are in the store.
  void Applied(uint64_t index);
  // The store holds another state now, as of `index`: everything in memory is read from it anew. As Open. On failure the
  // object is of no use.
  Status Restored(uint64_t index);

  // Tells it of the queues from the next command on; null: nobody. Nothing of a state that is not upgraded, and Restored when it
  // is. Consensus thread, or before it runs. Borrowed.
  void SetObserver(QueueObserver* observer) { observer_ = observer; }

  static constexpr size_t kServicesCachedMax = 65'536;

  // Counts for metrics. Thread-safe.
  uint64_t window_identities() const { return window_identities_.load(std::memory_order_relaxed); }
  uint64_t profiles_hidden() const { return profiles_hidden_.load(std::memory_order_relaxed); }
  uint64_t blocks_added() const { return blocks_added_.load(std::memory_order_relaxed); }
  uint64_t blocks_removed() const { return blocks_removed_.load(std::memory_order_relaxed); }
  // The state is of an earlier version and waits for UpgradeState commands (state_version.h).
  bool needs_upgrade() const { return needs_upgrade_.load(std::memory_order_relaxed); }

 private:
  MetadataIndex(const kv::KeyValueStore& store, uint64_t hash_seed);
  Status Load();

  // Reads through the overlay. False when there is no such key.
  bool Read(const std::string& key, std::string* value) const;
  // Writes a value that a later command may read before the store has it.
  void Write(std::string key, std::string value, kv::WriteBatch& batch);
  void Erase(std::string key, kv::WriteBatch& batch);
  void SetVersion(const StateVersion& version);

  template <typename Command, typename Answer>
  std::string Count(const Result<Command>& decoded, Answer (MetadataIndex::*apply)(const Command&, kv::WriteBatch&),
                    kv::WriteBatch& batch);
  // An empty state begins with this program's version. REQUIRES: the command writes something.
  void EnsureVersion(kv::WriteBatch& batch);
  // The state as after the last command, for walks. Of no use any more once something is written.
  OverlayReader ReaderOfNow() const { return OverlayReader(store_, overlay_); }

  Result<std::vector<AddedBlock>> AddBlocks(AddBlocksCommand command, kv::WriteBatch& batch);
  // `removed`: its tombstone by id; null: it has none.
  AddedBlock AddBlock(BlockMeta block, int64_t time_ns, const std::string* removed, kv::WriteBatch& batch);
  void HideRepeats(BlockMeta& block, int64_t time_ns, kv::WriteBatch& batch);
  void WriteDatasets(BlockMeta& block, kv::WriteBatch& batch);
  std::optional<std::vector<uint32_t>> InternLabelSets(const DatasetMeta& dataset, kv::WriteBatch& batch);
  void WriteTenants(const BlockMeta& block, kv::WriteBatch& batch);
  void WriteService(const DatasetMeta& dataset, kv::WriteBatch& batch);
  void ForgetIdentities(int64_t now_ns, const DedupBounds& bounds, kv::WriteBatch& batch);

  // compaction_commands.cc
  Result<Replaced> ReplaceBlocks(ReplaceBlocksCommand command, kv::WriteBatch& batch);
  // OK when the replacement can be made, true when it was made before.
  Result<bool> CheckReplaceable(const ReplaceBlocksCommand& command) const;
  // Shared with FinishJob. Bytes of entries in one command; outputs that may not come.
  Status CheckEntryBytes(std::string_view doing, size_t bytes) const;
  Status CheckNotRemoved(std::string_view doing, const std::vector<BlockMeta>& outputs) const;
  bool IsPresent(const Ulid& id) const;
  bool IsRemoved(const Ulid& id) const;  // and was in the index before
  void Swap(std::vector<BlockMeta> outputs, const std::vector<Ulid>& inputs, int64_t time_ns, kv::WriteBatch& batch);
  // (tenant, service, day) that had a dataset removed.
  struct DayOfService {
    std::string tenant;
    std::string service;
    int64_t day = 0;
    friend auto operator<=>(const DayOfService&, const DayOfService&) = default;
  };
  void RemoveBlock(const Ulid& id, int64_t removed_ns, std::set<DayOfService>& touched, kv::WriteBatch& batch);
  // Deletes the label sets of those that have no dataset left.
  void DropLabelSets(const std::set<DayOfService>& touched, kv::WriteBatch& batch);
  void RemoveFromTenant(const std::string& tenant, uint64_t bytes, kv::WriteBatch& batch);
  Purged PurgeTombstones(const PurgeTombstonesCommand& command, kv::WriteBatch& batch);
  Upgraded UpgradeState(const UpgradeStateCommand& command, kv::WriteBatch& batch);
  std::vector<Ulid> BlocksAbove(const std::optional<Ulid>& after, size_t limit) const;

  // block_places.cc: where a block is: free in its queue, in a job, in quarantine; by time of expiry.
  void PlaceBlock(const BlockMeta& block, kv::WriteBatch& batch);       // one that is new
  void TakeFromPlaces(const BlockMeta& block, kv::WriteBatch& batch);   // one that goes
  void BringPlaceUp(const BlockMeta& block, kv::WriteBatch& batch);     // to this version
  void Enqueue(const BlockMeta& block, const FailedBlock& failure, kv::WriteBatch& batch);
  void Dequeue(const BlockMeta& block, kv::WriteBatch& batch);
  void TellQueued(const QueueName& queue, const QueuedBlock& block, const FailedBlock& failure) const;
  BlockMeta BlockEntryOf(const Ulid& id) const;  // REQUIRES: present
  FailedBlock FailureOf(const Ulid& id) const;
  void SetFailure(const FailedBlock& failure, kv::WriteBatch& batch);
  std::optional<JobOfBlock> JobOf(const Ulid& id) const;
  // Free again, from `failure.not_before_ns` on. REQUIRES: in the job
  void FreeFromJob(const Job& job, const JobOfBlock& place, const FailedBlock& failure, kv::WriteBatch& batch);
  // False: it is not known, or in quarantine already. `left_job`: that it was in, else 0.
  bool Quarantine(const BadInput& bad, int64_t time_ns, uint64_t* left_job, kv::WriteBatch& batch);

  // job_commands.cc
  Result<std::vector<LeasedJob>> LeaseJobs(const LeaseJobsCommand& command, kv::WriteBatch& batch);
  LeasedJob LeaseNewJob(const JobLease& lease, int64_t time_ns, kv::WriteBatch& batch);
  Result<JobFinished> FinishJob(FinishJobCommand command, kv::WriteBatch& batch);
  Status CheckFinishable(const FinishJobCommand& command, const Job& job) const;
  bool WasFinished(const FinishJobCommand& command) const;
  uint64_t ReturnJob(const ReturnJobCommand& command, kv::WriteBatch& batch);
  uint64_t ForgetFailures(const ForgetFailuresCommand& command, kv::WriteBatch& batch);
  std::optional<Job> ReadJob(uint64_t id) const;

  // lifecycle_commands.cc
  uint64_t QuarantineBlocks(const QuarantineBlocksCommand& command, kv::WriteBatch& batch);
  uint64_t ReleaseBlocks(const ReleaseBlocksCommand& command, kv::WriteBatch& batch);
  uint64_t CondemnObjects(const CondemnObjectsCommand& command, kv::WriteBatch& batch);
  uint64_t SetCompaction(const SetCompactionCommand& command, kv::WriteBatch& batch);

  // deletion_commands.cc
  Result<uint64_t> DeleteData(const DeleteDataCommand& command, kv::WriteBatch& batch);
  uint64_t ForgetDeletions(const ForgetDeletionsCommand& command, kv::WriteBatch& batch);
  std::vector<NotedDeletion> DeletionsNoted(const Ulid& block) const;
  Deletion ReadDeletionOfNow(const Ulid& id) const;  // REQUIRES: it is there
  void CountRemoved(const Ulid& block, kv::WriteBatch& batch);
  void CountPurged(const Ulid& block, int64_t time_ns, kv::WriteBatch& batch);

  const kv::KeyValueStore& store_;
  const uint64_t hash_seed_;
  IdentityWindow window_;
  StateVersion version_;  // as after the last command
  uint64_t applying_ = 0;  // index of the command being applied
  Overlay overlay_;
  // Service entries as they are after the last command, so that known services cost no read. At most kServicesCachedMax;
  // then it starts anew.
  std::unordered_map<std::string, uint32_t> service_classes_;
  LabelSetTable label_sets_;
  QueueObserver* observer_ = nullptr;
  uint64_t upgraded_at_ = 0;  // index of the command that ended an upgrade; the observer hears of it when the store has it
  std::atomic<uint64_t> window_identities_{0};
  std::atomic<uint64_t> profiles_hidden_{0};
  std::atomic<uint64_t> blocks_added_{0};
  std::atomic<uint64_t> blocks_removed_{0};
  std::atomic<bool> needs_upgrade_{false};
};

}  // namespace brazier::index
