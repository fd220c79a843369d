// The commands of MetadataIndex besides AddBlocks.
//
// ReplaceBlocks: 1 read every input's entry; one that is not there refuses the command, unless all of it was done before;
// 2 add the outputs, as AddBlocks does; 3 per input, remove its entries, take it off its tenants' accounts, leave a
// tombstone. Outputs first, so that a tenant whose blocks are all replaced keeps its entry.
#include <algorithm>
#include <functional>

#include "common/base/check.h"
#include "store/index/block_queue.h"
#include "store/index/index_keys.h"
#include "store/index/index_limits.h"
#include "store/index/metadata_index.h"
#include "store/index/tombstones.h"

namespace brazier::index {

using kv::Family;

bool MetadataIndex::IsPresent(const Ulid& id) const {
  std::string stored;
  return Read(BlockKey(id), &stored);
}

bool MetadataIndex::IsRemoved(const Ulid& id) const {
  std::string stored;
  if (!Read(RemovedKey(id), &stored)) return false;
  const auto removed = DecodeRemovedBlock(stored);
  CHECK(removed.ok());
  return !removed->is_condemned;
}

Status MetadataIndex::CheckEntryBytes(std::string_view doing, size_t bytes) const {
  if (bytes <= kReplacedEntryBytesMax) return Status::Ok();
  return InvalidArgument(std::string(doing) + ": what is known of the inputs takes more than " +
                         std::to_string(kReplacedEntryBytesMax) + " bytes");
}

Status MetadataIndex::CheckNotRemoved(std::string_view doing, const std::vector<BlockMeta>& outputs) const {
  std::string stored;
  for (const BlockMeta& output : outputs) {
    if (!Read(RemovedKey(output.id), &stored)) continue;
    return Status(Code::kFailedPrecondition,
                  std::string(doing) + ": output " + output.id.ToString() + " was removed before")
        .WithReason("output_removed");
  }
  return Status::Ok();
}

Result<bool> MetadataIndex::CheckReplaceable(const ReplaceBlocksCommand& command) const {
  constexpr std::string_view kDoing = "replacing blocks";
  const bool done =
      std::all_of(command.inputs.begin(), command.inputs.end(), [&](const Ulid& id) { return IsRemoved(id); }) &&
      std::all_of(command.outputs.begin(), command.outputs.end(),
                  [&](const BlockMeta& output) { return IsPresent(output.id) || IsRemoved(output.id); });
  if (done) return true;
  size_t bytes = 0;
  std::string stored;
  for (const Ulid& id : command.inputs) {
    if (!Read(BlockKey(id), &stored)) {
      return NotFound("replacing blocks: input " + id.ToString() +
                      (IsRemoved(id) ? " was removed already" : " is not known"));
    }
    bytes += stored.size();
    RETURN_IF_ERROR(CheckEntryBytes(kDoing, bytes));
  }
  RETURN_IF_ERROR(CheckNotRemoved(kDoing, command.outputs));
  return false;
}

Result<Replaced> MetadataIndex::ReplaceBlocks(ReplaceBlocksCommand command, kv::WriteBatch& batch) {
  ASSIGN_OR_RETURN(const bool done, CheckReplaceable(command));
  if (done) return Replaced{.already_done = true};
  Swap(std::move(command.outputs), command.inputs, command.time_ns, batch);
  return Replaced{};
}

void MetadataIndex::Swap(std::vector<BlockMeta> outputs, const std::vector<Ulid>& inputs, int64_t time_ns,
                         kv::WriteBatch& batch) {
  for (BlockMeta& output : outputs) AddBlock(std::move(output), time_ns, nullptr, batch);
  std::set<DayOfService> touched;
  for (const Ulid& input : inputs) RemoveBlock(input, time_ns, touched, batch);
  DropLabelSets(touched, batch);
}

void MetadataIndex::RemoveBlock(const Ulid& id, int64_t removed_ns, std::set<DayOfService>& touched,
                                kv::WriteBatch& batch) {
  std::string stored;
  CHECK(Read(BlockKey(id), &stored));
  // Written by Apply and covered by the store's checksums; here and below.
  const auto block = DecodeBlockEntry(stored);
  CHECK(block.ok());
  std::string value;
  for (size_t i = 0; i < block->datasets.size();) {
    const std::string& tenant = block->datasets[i].tenant;
    uint64_t bytes = 0;
    std::optional<SectionRef> shared;
    for (; i < block->datasets.size() && block->datasets[i].tenant == tenant; ++i) {
      const DatasetMeta& dataset = block->datasets[i];
      std::string key = DatasetKey(tenant, dataset.service, dataset.min_time_ns, dataset.max_time_ns, id);
      CHECK(Read(key, &value));
      const auto entry = DecodeDatasetEntry(value);
      CHECK(entry.ok());
      for (const SectionRef& section : entry->dataset.sections) bytes += section.size;
      shared = entry->shared_symbols;
      // Whether it lists label sets or not: those of others may have waited for it.
      touched.insert({tenant, dataset.service, DayOf(dataset.min_time_ns)});
      Erase(std::move(key), batch);
    }
    if (shared.has_value()) bytes += shared->size;
    RemoveFromTenant(tenant, bytes, batch);
  }
  Erase(BlockKey(id), batch);
  TakeFromPlaces(*block, batch);
  Write(RemovedKey(id), EncodeRemovedBlock(removed_ns, stored), batch);
  Write(RemovedByTimeKey(removed_ns, id), EncodeTombstone(TombstoneOf(*block, removed_ns)), batch);
  CountRemoved(id, batch);
  blocks_removed_.fetch_add(1, std::memory_order_relaxed);
}

void MetadataIndex::DropLabelSets(const std::set<DayOfService>& touched, kv::WriteBatch& batch) {
  if (touched.empty()) return;
  const OverlayReader reader = ReaderOfNow();
  const auto visit_keys = [&](const std::string& begin, const std::string& end,
                              const std::function<bool(const std::string&)>& visit) {
    const Status scanned = reader.Scan(Family::kState, begin, end, [&](std::string_view key, std::string_view) {
      return visit(std::string(key));
    });
    CHECK(scanned.ok());
  };
  std::vector<std::string> dropped;
  for (const DayOfService& gone : touched) {
    bool has_dataset = false;
    for (uint32_t c = 0; c < kDurationClasses && !has_dataset; ++c) {
      std::string begin = DatasetPrefix(gone.tenant, gone.service, c);
      std::string end = begin;
      AppendTime(begin, gone.day * kDayNs);
      if (gone.day < INT64_MAX / kDayNs) {
        AppendTime(end, (gone.day + 1) * kDayNs);
      } else {
        end = PrefixEnd(std::move(end));  // the last day there is
      }
      visit_keys(begin, end, [&](const std::string&) {
        has_dataset = true;
        return false;
      });
    }
    if (has_dataset) continue;
    const std::string prefix = LabelSetPrefix(gone.tenant, gone.service, gone.day);
    visit_keys(prefix, PrefixEnd(prefix), [&](const std::string& key) {
      dropped.push_back(key);
      return true;
    });
  }
  if (dropped.empty()) return;
  for (std::string& key : dropped) Erase(std::move(key), batch);
  label_sets_.Forget();
}

void MetadataIndex::RemoveFromTenant(const std::string& tenant, uint64_t bytes, kv::WriteBatch& batch) {
  std::string key = TenantKey(tenant);
  std::string stored;
  CHECK(Read(key, &stored));
  auto entry = DecodeTenantEntry(stored);
  CHECK(entry.ok());
  CHECK(entry->blocks > 0 && entry->bytes >= bytes);
  if (--entry->blocks == 0) return Erase(std::move(key), batch);
  entry->bytes -= bytes;
  Write(std::move(key), EncodeTenantEntry(*entry), batch);
}

Purged MetadataIndex::PurgeTombstones(const PurgeTombstonesCommand& command, kv::WriteBatch& batch) {
  Purged purged;
  std::string stored;
  for (const Ulid& id : command.blocks) {
    if (!Read(RemovedKey(id), &stored)) continue;
    const auto removed = DecodeRemovedBlock(stored);
    CHECK(removed.ok());
    Erase(RemovedByTimeKey(removed->removed_ns, id), batch);
    Erase(RemovedKey(id), batch);
    CountPurged(id, command.time_ns, batch);
    ++purged.tombstones;
  }
  return purged;
}

Upgraded MetadataIndex::UpgradeState(const UpgradeStateCommand& command, kv::WriteBatch& batch) {
  if (version_.IsUpgraded()) return {.blocks = 0, .done = true};
  Upgraded upgraded;
  StateVersion version = version_;
  for (const Ulid& id : BlocksAbove(version_.upgraded_to, command.blocks_max)) {
    version.upgraded_to = id;
    version.queued_to.reset();
    SetVersion(version);
    BringPlaceUp(BlockEntryOf(id), batch);
    ++upgraded.blocks;
  }
  upgraded.done = upgraded.blocks < command.blocks_max;
  if (upgraded.done) {
    SetVersion({3, std::nullopt, std::nullopt});
    batch.Put(Family::kState, VersionKey(), std::string(kStateVersion3));
    batch.Delete(Family::kState, UpgradeKey());
    upgraded_at_ = applying_;
  } else {
    batch.Put(Family::kState, UpgradeKey(), EncodeUpgradePlace(*version_.upgraded_to));
  }
  return upgraded;
}

std::vector<Ulid> MetadataIndex::BlocksAbove(const std::optional<Ulid>& after, size_t limit) const {
  const std::string prefix = KindPrefix(KeyKind::kBlock);
  const std::string begin = after.has_value() ? BlockKey(*after) + '\0' : prefix;
  std::vector<Ulid> ids;
  const Status scanned =
      ReaderOfNow().Scan(Family::kState, begin, PrefixEnd(prefix), [&](std::string_view key, std::string_view) {
        ids.push_back(ParseId(key.substr(prefix.size())));
        return ids.size() < limit;
      });
  CHECK(scanned.ok());
  return ids;
}

}  // namespace brazier::index
