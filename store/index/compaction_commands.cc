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

void MetadataIndex::WriteQueue(const BlockMeta& block, kv::WriteBatch& batch) {
  if (!version_.HasQueueOf(block.id)) return;
  Write(QueueKey(QueueOf(block), block.id),
        EncodeQueuedBlock({block.id, block.size, block.min_time_ns, block.max_time_ns}), batch);
}

Result<bool> MetadataIndex::CheckReplaceable(const ReplaceBlocksCommand& command) const {
  std::string stored;
  const auto is_removed = [&](const Ulid& id) { return Read(RemovedKey(id), &stored); };
  const auto is_present = [&](const Ulid& id) { return Read(BlockKey(id), &stored); };
  const bool done =
      std::all_of(command.inputs.begin(), command.inputs.end(), is_removed) &&
      std::all_of(command.outputs.begin(), command.outputs.end(),
                  [&](const BlockMeta& output) { return is_present(output.id) || is_removed(output.id); });
  if (done) return true;
  size_t bytes = 0;
  for (const Ulid& id : command.inputs) {
    if (!is_present(id)) {
      return NotFound("replacing blocks: input " + id.ToString() +
                      (is_removed(id) ? " was removed already" : " is not known"));
    }
    bytes += stored.size();
    if (bytes > kReplacedEntryBytesMax) {
      return InvalidArgument("replacing blocks: what is known of the inputs takes more than " +
                             std::to_string(kReplacedEntryBytesMax) + " bytes");
    }
  }
  for (const BlockMeta& output : command.outputs) {
    if (is_removed(output.id)) {
      return Status(Code::kFailedPrecondition, "replacing blocks: output " + output.id.ToString() + " was removed before");
    }
  }
  return false;
}

Result<Replaced> MetadataIndex::ReplaceBlocks(ReplaceBlocksCommand command, kv::WriteBatch& batch) {
  ASSIGN_OR_RETURN(const bool done, CheckReplaceable(command));
  if (done) return Replaced{.already_done = true};
  for (BlockMeta& output : command.outputs) AddBlock(std::move(output), command.time_ns, batch);
  std::set<DayOfService> touched;
  for (const Ulid& input : command.inputs) RemoveBlock(input, command.time_ns, touched, batch);
  DropLabelSets(touched, batch);
  return Replaced{};
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
  if (version_.HasQueueOf(id)) Erase(QueueKey(QueueOf(*block), id), batch);
  Write(RemovedKey(id), EncodeRemovedBlock(removed_ns, stored), batch);
  Write(RemovedByTimeKey(removed_ns, id), EncodeTombstone(TombstoneOf(*block, removed_ns)), batch);
  blocks_removed_.fetch_add(1, std::memory_order_relaxed);
}

void MetadataIndex::DropLabelSets(const std::set<DayOfService>& touched, kv::WriteBatch& batch) {
  if (touched.empty()) return;
  // What earlier commands of the round wrote and the store does not have yet.
  std::set<std::string> unwritten;
  for (const auto& [key, pending] : overlay_) {
    if (pending.value.has_value()) unwritten.insert(key);
  }
  // The keys of [begin, end) as they are after the last command, until `visit` answers false.
  const auto visit_keys = [&](const std::string& begin, const std::string& end,
                              const std::function<bool(const std::string&)>& visit) {
    bool go_on = true;
    const Status scanned = store_.Scan(Family::kState, begin, end, [&](std::string_view key, std::string_view) {
      const std::string found(key);
      if (!overlay_.contains(found)) go_on = visit(found);
      return go_on;
    });
    CHECK(scanned.ok());
    for (auto it = unwritten.lower_bound(begin); go_on && it != unwritten.end() && *it < end; ++it) go_on = visit(*it);
  };
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
    std::vector<std::string> keys;
    visit_keys(prefix, PrefixEnd(prefix), [&](const std::string& key) {
      keys.push_back(key);
      return true;
    });
    for (std::string& key : keys) Erase(std::move(key), batch);
    label_sets_.Forget();
  }
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
    ++purged.tombstones;
  }
  return purged;
}

Upgraded MetadataIndex::UpgradeState(const UpgradeStateCommand& command, kv::WriteBatch& batch) {
  if (version_.number != 1) return {.blocks = 0, .done = true};
  Upgraded upgraded;
  StateVersion version = version_;
  std::string stored;
  for (const Ulid& id : BlocksAbove(version_.upgraded_to, command.blocks_max)) {
    version.upgraded_to = id;
    CHECK(Read(BlockKey(id), &stored));
    const auto block = DecodeBlockEntry(stored);
    CHECK(block.ok());
    SetVersion(version);
    WriteQueue(*block, batch);
    ++upgraded.blocks;
  }
  upgraded.done = upgraded.blocks < command.blocks_max;
  if (upgraded.done) {
    SetVersion({2, std::nullopt});
    batch.Put(Family::kState, VersionKey(), std::string(kStateVersion2));
    batch.Delete(Family::kState, UpgradeKey());
  } else {
    std::string value;
    AppendId(value, *version_.upgraded_to);
    batch.Put(Family::kState, UpgradeKey(), std::move(value));
  }
  return upgraded;
}

// As they are after the last command: those in the store, less those that a command has removed since, with those that a
// command has added.
std::vector<Ulid> MetadataIndex::BlocksAbove(const std::optional<Ulid>& after, size_t limit) const {
  const std::string prefix = KindPrefix(KeyKind::kBlock);
  const std::string begin = after.has_value() ? BlockKey(*after) + '\0' : prefix;
  const std::string end = PrefixEnd(prefix);
  std::vector<std::string> keys;
  const Status scanned = store_.Scan(Family::kState, begin, end, [&](std::string_view key, std::string_view) {
    std::string found(key);
    if (!overlay_.contains(found)) keys.push_back(std::move(found));
    return keys.size() < limit;
  });
  CHECK(scanned.ok());
  for (const auto& [key, pending] : overlay_) {
    if (key >= begin && key < end && pending.value.has_value()) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  if (keys.size() > limit) keys.resize(limit);
  std::vector<Ulid> ids;
  for (const std::string& key : keys) ids.push_back(ParseId(std::string_view(key).substr(prefix.size())));
  return ids;
}

}  // namespace brazier::index
