// One AddBlocks, in order:
//  1 decode and validate all of it; refuse it as a whole otherwise, and when one of its objects is condemned;
//  2 forget identities older than the window at the command's time;
//  3 per block: known by id, or removed and not forgotten yet -> answer from its entry; else
//    a. hide profiles whose identity the window holds, remember all of its identities as the newest entry;
//    b. give numbers to label sets; write the dataset entries, the services' and tenants' entries, the block entry, its places;
//  4 forget the oldest entries while the window is over its bytes, never the newest one.
// The other commands are in *_commands.cc.
#include "store/index/metadata_index.h"

#include <algorithm>

#include "common/base/check.h"
#include "store/index/index_keys.h"
#include "store/index/job_command.h"
#include "store/index/tombstones.h"

namespace brazier::index {
namespace {

using kv::Family;

// More forgotten window entries than this are deleted as one range.
constexpr size_t kSingleDeletesMax = 16;

uint64_t SectionBytes(const DatasetMeta& dataset) {
  uint64_t bytes = 0;
  for (const SectionRef& section : dataset.sections) bytes += section.size;
  return bytes;
}

}  // namespace

MetadataIndex::MetadataIndex(const kv::KeyValueStore& store, uint64_t hash_seed)
    : store_(store), hash_seed_(hash_seed), window_(hash_seed) {}

Result<std::unique_ptr<MetadataIndex>> MetadataIndex::Open(const kv::KeyValueStore& store,
                                                           uint64_t hash_seed) {
  std::unique_ptr<MetadataIndex> index(new MetadataIndex(store, hash_seed));
  RETURN_IF_ERROR(index->Load().Annotate("opening the metadata index"));
  return index;
}

Status MetadataIndex::Load() {
  ASSIGN_OR_RETURN(const StateVersion version, ReadStateVersion(store_));
  SetVersion(version);
  Status bad;
  const std::string begin = WindowPrefix();
  RETURN_IF_ERROR(store_.Scan(
      Family::kState, begin, PrefixEnd(begin), [&](std::string_view key, std::string_view value) {
        const auto identities = DecodeIdentities(value);
        if (!identities.ok()) bad = identities.status();
        if (key.size() != begin.size() + kTimeBytes + kIdBytes) {
          bad = Corruption("a key of the dedup window has " + std::to_string(key.size()) + " bytes");
        }
        if (!bad.ok()) return false;
        key.remove_prefix(begin.size());
        window_.BeginEntry(ParseTime(key.substr(0, kTimeBytes)), ParseId(key.substr(kTimeBytes)));
        for (const Hash128& identity : *identities) window_.Add(identity);
        return true;
      }));
  window_identities_.store(window_.size(), std::memory_order_relaxed);
  return bad;
}

// Of a command whose answer is a count.
template <typename Command, typename Answer>
std::string MetadataIndex::Count(const Result<Command>& decoded, Answer (MetadataIndex::*apply)(const Command&, kv::WriteBatch&),
                                 kv::WriteBatch& batch) {
  if (!decoded.ok()) return EncodeCountAnswer(decoded.status());
  return EncodeCountAnswer((this->*apply)(*decoded, batch));
}

std::string MetadataIndex::Apply(uint64_t index, std::string_view command, kv::WriteBatch& batch) {
  CHECK(index > applying_);
  applying_ = index;
  switch (ReadCommandKind(command)) {
    case CommandKind::kAddBlocks: {
      auto decoded = DecodeAddBlocksCommand(command);
      if (!decoded.ok()) return EncodeAddBlocksAnswer(decoded.status());
      return EncodeAddBlocksAnswer(AddBlocks(std::move(decoded).value(), batch));
    }
    case CommandKind::kReplaceBlocks: {
      auto decoded = DecodeReplaceBlocksCommand(command);
      if (!decoded.ok()) return EncodeReplaceBlocksAnswer(decoded.status());
      return EncodeReplaceBlocksAnswer(ReplaceBlocks(std::move(decoded).value(), batch));
    }
    case CommandKind::kPurgeTombstones: {
      const auto decoded = DecodePurgeTombstonesCommand(command);
      if (!decoded.ok()) return EncodePurgeTombstonesAnswer(decoded.status());
      return EncodePurgeTombstonesAnswer(PurgeTombstones(*decoded, batch));
    }
    case CommandKind::kUpgradeState: {
      const auto decoded = DecodeUpgradeStateCommand(command);
      if (!decoded.ok()) return EncodeUpgradeStateAnswer(decoded.status());
      return EncodeUpgradeStateAnswer(UpgradeState(*decoded, batch));
    }
    case CommandKind::kLeaseJobs: {
      const auto decoded = DecodeLeaseJobsCommand(command);
      if (!decoded.ok()) return EncodeLeaseJobsAnswer(decoded.status());
      return EncodeLeaseJobsAnswer(LeaseJobs(*decoded, batch));
    }
    case CommandKind::kFinishJob: {
      auto decoded = DecodeFinishJobCommand(command);
      if (!decoded.ok()) return EncodeFinishJobAnswer(decoded.status());
      return EncodeFinishJobAnswer(FinishJob(std::move(decoded).value(), batch));
    }
    case CommandKind::kReturnJob: return Count(DecodeReturnJobCommand(command), &MetadataIndex::ReturnJob, batch);
    case CommandKind::kForgetFailures:
      return Count(DecodeForgetFailuresCommand(command), &MetadataIndex::ForgetFailures, batch);
    case CommandKind::kQuarantineBlocks:
      return Count(DecodeQuarantineBlocksCommand(command), &MetadataIndex::QuarantineBlocks, batch);
    case CommandKind::kReleaseBlocks:
      return Count(DecodeReleaseBlocksCommand(command), &MetadataIndex::ReleaseBlocks, batch);
    case CommandKind::kCondemnObjects:
      return Count(DecodeCondemnObjectsCommand(command), &MetadataIndex::CondemnObjects, batch);
    case CommandKind::kDeleteData: return Count(DecodeDeleteDataCommand(command), &MetadataIndex::DeleteData, batch);
    case CommandKind::kForgetDeletions:
      return Count(DecodeForgetDeletionsCommand(command), &MetadataIndex::ForgetDeletions, batch);
    case CommandKind::kSetCompaction:
      return Count(DecodeSetCompactionCommand(command), &MetadataIndex::SetCompaction, batch);
  }
  CHECK(false);
}

void MetadataIndex::Applied(uint64_t index) {
  if (index >= applying_) {
    overlay_.clear();
  } else {
    std::erase_if(overlay_, [index](const auto& item) { return item.second.index <= index; });
  }
  if (upgraded_at_ == 0 || index < upgraded_at_) return;
  upgraded_at_ = 0;
  if (observer_ != nullptr) observer_->Restored();
}

Status MetadataIndex::Restored(uint64_t index) {
  applying_ = index;
  overlay_.clear();
  service_classes_.clear();
  label_sets_.Forget();
  window_ = IdentityWindow(hash_seed_);
  upgraded_at_ = 0;
  RETURN_IF_ERROR(Load().Annotate("restoring the metadata index"));
  if (observer_ != nullptr) observer_->Restored();
  return Status::Ok();
}

bool MetadataIndex::Read(const std::string& key, std::string* value) const {
  if (const auto it = overlay_.find(key); it != overlay_.end()) {
    if (it->second.value.has_value()) *value = *it->second.value;
    return it->second.value.has_value();
  }
  auto stored = store_.Get(Family::kState, key);
  if (stored.ok()) {
    *value = std::move(stored).value();
    return true;
  }
  CHECK(stored.status().code() == Code::kNotFound);
  return false;
}

void MetadataIndex::Write(std::string key, std::string value, kv::WriteBatch& batch) {
  batch.Put(Family::kState, key, value);
  overlay_.insert_or_assign(std::move(key), PendingWrite{applying_, std::move(value)});
}

void MetadataIndex::Erase(std::string key, kv::WriteBatch& batch) {
  batch.Delete(Family::kState, key);
  overlay_.insert_or_assign(std::move(key), PendingWrite{applying_, std::nullopt});
}

void MetadataIndex::SetVersion(const StateVersion& version) {
  version_ = version;
  needs_upgrade_.store(!version.IsUpgraded(), std::memory_order_relaxed);
}

void MetadataIndex::EnsureVersion(kv::WriteBatch& batch) {
  if (version_.number != 0) return;
  batch.Put(Family::kState, VersionKey(), std::string(kStateVersion3));
  SetVersion({3, std::nullopt, std::nullopt});
}

Result<std::vector<AddedBlock>> MetadataIndex::AddBlocks(AddBlocksCommand command, kv::WriteBatch& batch) {
  std::vector<std::optional<std::string>> removed(command.blocks.size());
  for (size_t i = 0; i < removed.size(); ++i) {
    std::string stored;
    if (!Read(RemovedKey(command.blocks[i].id), &stored)) continue;
    const auto tombstone = DecodeRemovedBlock(stored);
    CHECK(tombstone.ok());
    // Whoever sends it must not be told that its data is safe: the object will be deleted.
    if (tombstone->is_condemned) {
      return Status(Code::kFailedPrecondition, "block " + command.blocks[i].id.ToString() +
                                                   " came too late: its object was taken for an orphan and is deleted");
    }
    removed[i] = std::move(stored);
  }
  EnsureVersion(batch);
  // Entries' times ascend strictly, so the order of keys is the order of arrival even when clocks go back.
  int64_t time_ns = command.time_ns;
  if (!window_.entries().empty()) {
    time_ns = std::max(time_ns, window_.entries().back().time_ns + 1);
  }
  ForgetIdentities(time_ns, {command.dedup.window_ns, UINT64_MAX}, batch);
  std::vector<AddedBlock> added;
  added.reserve(command.blocks.size());
  for (size_t i = 0; i < removed.size(); ++i) {
    added.push_back(AddBlock(std::move(command.blocks[i]), time_ns++, removed[i] ? &*removed[i] : nullptr, batch));
  }
  ForgetIdentities(time_ns, {INT64_MAX, command.dedup.bytes_max}, batch);
  window_identities_.store(window_.size(), std::memory_order_relaxed);
  return added;
}

AddedBlock MetadataIndex::AddBlock(BlockMeta block, int64_t time_ns, const std::string* removed, kv::WriteBatch& batch) {
  AddedBlock added;
  const std::string key = BlockKey(block.id);
  std::string stored;
  std::string_view known;
  if (Read(key, &stored)) {
    added.already_known = true;
    known = stored;
  } else if (removed != nullptr) {
    // A late repeat: what was removed does not come back.
    added.already_known = true;
    const auto tombstone = DecodeRemovedBlock(*removed);
    CHECK(tombstone.ok());
    known = tombstone->entry;
  }
  if (added.already_known) {
    auto entry = DecodeBlockEntry(known);
    // Written by Apply and covered by the store's checksums.
    CHECK(entry.ok());
    for (DatasetMeta& dataset : entry->datasets) {
      added.hidden_profiles.push_back(std::move(dataset.hidden_profiles));
    }
    return added;
  }
  HideRepeats(block, time_ns, batch);
  Write(key, EncodeBlockEntry(block), batch);
  PlaceBlock(block, batch);
  WriteTenants(block, batch);
  for (const DatasetMeta& dataset : block.datasets) WriteService(dataset, batch);
  WriteDatasets(block, batch);
  for (DatasetMeta& dataset : block.datasets) {
    added.hidden_profiles.push_back(std::move(dataset.hidden_profiles));
  }
  blocks_added_.fetch_add(1, std::memory_order_relaxed);
  return added;
}

void MetadataIndex::HideRepeats(BlockMeta& block, int64_t time_ns, kv::WriteBatch& batch) {
  std::string identities;
  uint64_t hidden_count = 0;
  for (DatasetMeta& dataset : block.datasets) {
    std::vector<uint32_t> repeats;
    for (uint32_t position = 0; position < dataset.identities.size(); ++position) {
      const Hash128& identity = dataset.identities[position];
      // Zero says that the profile has no identity: it repeats nothing.
      if (identity.IsZero()) continue;
      if (identities.empty()) window_.BeginEntry(time_ns, block.id);
      if (window_.Add(identity)) repeats.push_back(position);
      AppendIdentity(identities, identity);
    }
    dataset.identities.clear();
    if (repeats.empty()) continue;
    std::vector<uint32_t> all;
    std::set_union(dataset.hidden_profiles.begin(), dataset.hidden_profiles.end(), repeats.begin(),
                   repeats.end(), std::back_inserter(all));
    dataset.hidden_profiles = std::move(all);
    hidden_count += repeats.size();
  }
  if (identities.empty()) return;
  batch.Put(Family::kState, WindowKey(time_ns, block.id), std::move(identities));
  profiles_hidden_.fetch_add(hidden_count, std::memory_order_relaxed);
}

void MetadataIndex::WriteTenants(const BlockMeta& block, kv::WriteBatch& batch) {
  auto symbols = block.symbols.begin();
  for (size_t i = 0; i < block.datasets.size();) {
    const std::string& tenant = block.datasets[i].tenant;
    std::string key = TenantKey(tenant);
    std::string stored;
    TenantEntry entry{INT64_MAX, INT64_MIN, 0, 0};
    if (Read(key, &stored)) {
      auto decoded = DecodeTenantEntry(stored);
      CHECK(decoded.ok());
      entry = *decoded;
    }
    ++entry.blocks;
    for (; i < block.datasets.size() && block.datasets[i].tenant == tenant; ++i) {
      entry.oldest_ns = std::min(entry.oldest_ns, block.datasets[i].min_time_ns);
      entry.newest_ns = std::max(entry.newest_ns, block.datasets[i].max_time_ns);
      entry.bytes += SectionBytes(block.datasets[i]);
    }
    for (; symbols != block.symbols.end() && symbols->tenant <= tenant; ++symbols) {
      if (symbols->tenant == tenant) entry.bytes += symbols->section.size;
    }
    Write(std::move(key), EncodeTenantEntry(entry), batch);
  }
}

void MetadataIndex::WriteService(const DatasetMeta& dataset, kv::WriteBatch& batch) {
  std::string key = ServiceKey(dataset.tenant, dataset.service);
  const uint32_t bit = 1u << DurationClass(dataset.max_time_ns - dataset.min_time_ns);
  auto cached = service_classes_.find(key);
  if (cached == service_classes_.end()) {
    ServiceEntry entry;
    std::string stored;
    if (Read(key, &stored)) {
      auto decoded = DecodeServiceEntry(stored);
      CHECK(decoded.ok());
      entry = *decoded;
    }
    if (service_classes_.size() >= kServicesCachedMax) service_classes_.clear();
    cached = service_classes_.emplace(key, entry.duration_classes).first;
  }
  if ((cached->second & bit) != 0) return;
  cached->second |= bit;
  Write(std::move(key), EncodeServiceEntry({cached->second}), batch);
}

void MetadataIndex::WriteDatasets(BlockMeta& block, kv::WriteBatch& batch) {
  DatasetEntry entry;
  entry.shard = block.shard;
  entry.level = block.level;
  entry.block_size = block.size;
  entry.block_min_time_ns = block.min_time_ns;
  entry.block_max_time_ns = block.max_time_ns;
  auto symbols = block.symbols.begin();
  for (DatasetMeta& dataset : block.datasets) {
    while (symbols != block.symbols.end() && symbols->tenant < dataset.tenant) ++symbols;
    entry.shared_symbols.reset();
    if (symbols != block.symbols.end() && symbols->tenant == dataset.tenant) {
      entry.shared_symbols = symbols->section;
    }
    std::string key = DatasetKey(dataset.tenant, dataset.service, dataset.min_time_ns,
                                 dataset.max_time_ns, block.id);
    entry.label_sets = InternLabelSets(dataset, batch);
    entry.dataset = std::move(dataset);
    entry.dataset.tenant.clear();
    entry.dataset.service.clear();
    entry.dataset.lists_label_sets = false;
    entry.dataset.label_sets.clear();
    Write(std::move(key), EncodeDatasetEntry(entry), batch);
    dataset.hidden_profiles = std::move(entry.dataset.hidden_profiles);
  }
}

std::optional<std::vector<uint32_t>> MetadataIndex::InternLabelSets(const DatasetMeta& dataset, kv::WriteBatch& batch) {
  if (!dataset.lists_label_sets) return std::nullopt;
  struct Access final : StateAccess {
    Access(MetadataIndex& index, kv::WriteBatch& batch) : index(index), batch(batch) {}
    bool Read(const std::string& key, std::string* value) const override { return index.Read(key, value); }
    void Write(std::string key, std::string value) override {
      index.Write(std::move(key), std::move(value), batch);
    }
    MetadataIndex& index;
    kv::WriteBatch& batch;
  };
  Access access(*this, batch);
  return label_sets_.Intern(dataset.tenant, dataset.service, dataset.min_time_ns, dataset.label_sets, access);
}

// Drops entries from the window's old end while they are older than the window or the window is over its bytes; the
// newest entry always stays, so that a retry of what was added last is seen.
void MetadataIndex::ForgetIdentities(int64_t now_ns, const DedupBounds& bounds,
                                     kv::WriteBatch& batch) {
  const auto& entries = window_.entries();
  std::vector<std::string> keys;
  const auto is_old = [&](const IdentityWindow::Entry& entry) {
    return now_ns - entry.time_ns > bounds.window_ns;
  };
  while (!entries.empty() &&
         (is_old(entries.front()) || (entries.size() > 1 && window_.bytes() > bounds.bytes_max))) {
    keys.push_back(WindowKey(entries.front().time_ns, entries.front().block));
    window_.DropOldest();
  }
  if (keys.size() > kSingleDeletesMax) {
    std::string end = keys.back();
    end.push_back('\0');  // the range's end is exclusive
    batch.DeleteRange(Family::kState, keys.front(), std::move(end));
    return;
  }
  for (std::string& key : keys) batch.Delete(Family::kState, std::move(key));
}

}  // namespace brazier::index
