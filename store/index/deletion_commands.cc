// The commands of MetadataIndex that are about deletions of data, and their accounts.
//
// A block that holds something of a deletion is noted twice: under the deletion (`ip`, as long as it is in the index), where queries
// look, and under its own id (`ih`, until its tombstone is purged), where whatever happens to the block looks. A deletion counts both;
// with both counts zero it is confirmed.
#include <algorithm>
#include <map>

#include "common/base/check.h"
#include "store/index/block_queue.h"
#include "store/index/dataset_scan.h"
#include "store/index/deletion_scope.h"
#include "store/index/index_keys.h"
#include "store/index/index_limits.h"
#include "store/index/metadata_index.h"

namespace brazier::index {
namespace {

// The blocks that hold something of a deletion.
class ConcernedBlocks final : public DatasetScan {
 public:
  struct Block {
    uint32_t level = 0;
    uint32_t shard = 0;
    bool has_covered_dataset = false;
  };

  ConcernedBlocks(const kv::Reader& reader, const BlockSelection& selection, const QueryLimits& limits,
                  const DeletionScope& scope)
      : DatasetScan(reader, selection, limits), scope_(scope), states_(reader, selection.selector, limits.label_sets_max) {}

  const std::map<Ulid, Block>& blocks() const { return blocks_; }

 private:
  Status Visit(const ScannedDataset& dataset) override {
    ASSIGN_OR_RETURN(const bool can_match, CanMatch(dataset, states_));
    if (!can_match) return Status();
    const auto [it, is_new] = blocks_.try_emplace(dataset.id);
    if (is_new) {
      if (blocks_.size() > kBlocksPerDeletionMax) {
        return ResourceExhausted("deleting data: it concerns more than " + std::to_string(kBlocksPerDeletionMax) +
                                 " blocks; delete a shorter range at a time");
      }
      ASSIGN_OR_RETURN(const DatasetEntry entry, DecodeDatasetEntry(dataset.value, /*label_sets=*/false));
      it->second.level = entry.level;
      it->second.shard = entry.shard;
    }
    if (scope_.Covers(dataset.tenant, dataset.service, dataset.min_time_ns, dataset.head.max_time_ns)) {
      it->second.has_covered_dataset = true;
    }
    return Status();
  }
  Status EndService(const std::string&, const std::string&) override {
    states_.Clear();
    return Status();
  }

  const DeletionScope& scope_;
  LabelSetStates states_;
  std::map<Ulid, Block> blocks_;
};

constexpr QueryLimits kDeletionLimits = {.tenants_max = 1, .entries_max = kEntriesPerDeletionMax};

}  // namespace

std::vector<NotedDeletion> MetadataIndex::DeletionsNoted(const Ulid& block) const {
  std::string stored;
  if (!Read(DeletionsOfBlockKey(block), &stored)) return {};
  auto noted = DecodeNotedDeletions(stored);
  CHECK(noted.ok());
  return std::move(noted).value();
}

Deletion MetadataIndex::ReadDeletionOfNow(const Ulid& id) const {
  std::string stored;
  CHECK(Read(DeletionKey(id), &stored));
  auto deletion = DecodeDeletion(id, stored);
  CHECK(deletion.ok());
  return std::move(deletion).value();
}

Result<uint64_t> MetadataIndex::DeleteData(const DeleteDataCommand& command, kv::WriteBatch& batch) {
  std::string stored;
  if (Read(DeletionKey(command.id), &stored)) return ReadDeletionOfNow(command.id).blocks;
  ASSIGN_OR_RETURN(const DeletionScope scope, DeletionScope::Of(command.filter));
  const OverlayReader reader = ReaderOfNow();
  const BlockSelection selection{.tenants = {command.filter.tenant},
                                 .start_ns = command.filter.start_ns,
                                 .end_ns = command.filter.end_ns,
                                 .service = command.filter.service,
                                 .profile_type = {},
                                 .selector = &scope.selector()};
  ConcernedBlocks concerned(reader, selection, kDeletionLimits, scope);
  const Status scanned = concerned.Run();
  // What is stored was written by Apply and is covered by the store's checksums: only a limit can be in the way.
  CHECK(scanned.ok() || scanned.code() == Code::kResourceExhausted);
  RETURN_IF_ERROR(scanned);
  std::vector<Ulid> removed;
  for (const auto& [id, block] : concerned.blocks()) {
    if (DeletionsNoted(id).size() >= kDeletionsPerBlockMax) {
      return ResourceExhausted("deleting data: block " + id.ToString() + " waits for " +
                               std::to_string(kDeletionsPerBlockMax) + " deletions already; try again later");
    }
    // One command removes a bounded number of blocks; the others are noted, and nothing is left of them once they are rewritten.
    if (block.level == 0 || !block.has_covered_dataset || removed.size() >= kBlocksPerCommandMax) continue;
    const BlockMeta entry = BlockEntryOf(id);
    if (std::all_of(entry.datasets.begin(), entry.datasets.end(), [&](const DatasetMeta& dataset) {
          return scope.Covers(dataset.tenant, dataset.service, dataset.min_time_ns, dataset.max_time_ns);
        })) {
      removed.push_back(id);
    }
  }
  EnsureVersion(batch);
  const uint64_t count = concerned.blocks().size();
  Write(DeletionKey(command.id),
        EncodeDeletion({.id = command.id,
                        .filter = command.filter,
                        .created_ns = command.time_ns,
                        .blocks = count,
                        .blocks_to_rewrite = count,
                        .objects_to_delete = 0,
                        .confirmed_ns = count == 0 ? command.time_ns : 0}),
        batch);
  if (count > 0) Write(PendingDeletionKey(command.filter.tenant, command.id), EncodeMark(), batch);
  auto next_removed = removed.begin();
  for (const auto& [id, block] : concerned.blocks()) {
    std::vector<NotedDeletion> noted = DeletionsNoted(id);
    noted.push_back({command.id, applying_});
    Write(DeletionsOfBlockKey(id), EncodeNotedDeletions(noted), batch);
    Write(BlockOfDeletionKey(command.id, id), EncodeMark(), batch);
    if (next_removed != removed.end() && *next_removed == id) {
      ++next_removed;
      continue;
    }
    if (observer_ == nullptr || !version_.IsUpgraded()) continue;
    const QueueName queue{block.level, block.level >= kShardlessLevel ? 0 : block.shard,
                          block.level == 0 ? "" : command.filter.tenant};
    if (Read(QueueKey(queue, id), &stored)) observer_->BlockMustBeRewritten(queue, id);
  }
  std::set<DayOfService> touched;
  for (const Ulid& id : removed) RemoveBlock(id, command.time_ns, touched, batch);
  DropLabelSets(touched, batch);
  return count;
}

void MetadataIndex::CountRemoved(const Ulid& block, kv::WriteBatch& batch) {
  for (const NotedDeletion& noted : DeletionsNoted(block)) {
    Deletion deletion = ReadDeletionOfNow(noted.deletion);
    CHECK(deletion.blocks_to_rewrite > 0);
    --deletion.blocks_to_rewrite;
    ++deletion.objects_to_delete;
    Erase(BlockOfDeletionKey(deletion.id, block), batch);
    if (deletion.blocks_to_rewrite == 0) Erase(PendingDeletionKey(deletion.filter.tenant, deletion.id), batch);
    Write(DeletionKey(deletion.id), EncodeDeletion(deletion), batch);
  }
}

void MetadataIndex::CountPurged(const Ulid& block, int64_t time_ns, kv::WriteBatch& batch) {
  const std::vector<NotedDeletion> all = DeletionsNoted(block);
  if (all.empty()) return;
  for (const NotedDeletion& noted : all) {
    Deletion deletion = ReadDeletionOfNow(noted.deletion);
    CHECK(deletion.objects_to_delete > 0);
    --deletion.objects_to_delete;
    if (deletion.blocks_to_rewrite == 0 && deletion.objects_to_delete == 0) deletion.confirmed_ns = time_ns;
    Write(DeletionKey(deletion.id), EncodeDeletion(deletion), batch);
  }
  Erase(DeletionsOfBlockKey(block), batch);
}

uint64_t MetadataIndex::ForgetDeletions(const ForgetDeletionsCommand& command, kv::WriteBatch& batch) {
  uint64_t count = 0;
  std::string stored;
  for (const Ulid& id : command.ids) {
    std::string key = DeletionKey(id);
    if (!Read(key, &stored)) continue;
    const Deletion deletion = ReadDeletionOfNow(id);
    // Time 0 is a time too: what is left tells.
    if (deletion.blocks_to_rewrite > 0 || deletion.objects_to_delete > 0) continue;
    Erase(std::move(key), batch);
    ++count;
  }
  return count;
}

}  // namespace brazier::index
