// The commands of MetadataIndex by which operators, scrub and the leader's janitor steer the life of blocks: quarantine, condemned
// objects, settings.
#include <algorithm>
#include <map>

#include "common/base/check.h"
#include "store/index/index_keys.h"
#include "store/index/metadata_index.h"
#include "store/index/tombstones.h"

namespace brazier::index {

uint64_t MetadataIndex::QuarantineBlocks(const QuarantineBlocksCommand& command, kv::WriteBatch& batch) {
  uint64_t count = 0;
  std::map<uint64_t, std::vector<Ulid>> left;  // job -> blocks that it has no more, ascending below
  for (const BadInput& bad : command.blocks) {
    uint64_t job = 0;
    count += Quarantine(bad, command.time_ns, &job, batch);
    if (job != 0) left[job].push_back(bad.id);
  }
  for (auto& [id, gone] : left) {
    std::optional<Job> job = ReadJob(id);
    CHECK(job.has_value());
    std::sort(gone.begin(), gone.end());
    std::erase_if(job->inputs, [&](const Ulid& input) { return std::binary_search(gone.begin(), gone.end(), input); });
    if (job->inputs.empty()) {
      Erase(JobKey(id), batch);
    } else {
      Write(JobKey(id), EncodeJob(*job), batch);
    }
  }
  return count;
}

uint64_t MetadataIndex::ReleaseBlocks(const ReleaseBlocksCommand& command, kv::WriteBatch& batch) {
  uint64_t count = 0;
  std::string stored;
  for (const Ulid& id : command.blocks) {
    std::string key = QuarantineKey(id);
    if (!Read(key, &stored)) continue;
    Erase(std::move(key), batch);
    Enqueue(BlockEntryOf(id), {.id = id}, batch);
    ++count;
  }
  return count;
}

uint64_t MetadataIndex::CondemnObjects(const CondemnObjectsCommand& command, kv::WriteBatch& batch) {
  uint64_t count = 0;
  std::string stored;
  for (const CondemnedObject& object : command.objects) {
    if (IsPresent(object.id) || Read(RemovedKey(object.id), &stored)) continue;
    EnsureVersion(batch);
    BlockMeta block;
    block.id = object.id;
    block.shard = object.shard;
    block.level = object.level;
    block.size = object.size;
    // Names the object; nobody answers a repeat from it.
    if (object.level > 0) block.datasets.emplace_back().tenant = object.tenant;
    Write(RemovedKey(object.id), EncodeRemovedBlock(command.time_ns, EncodeBlockEntry(block), /*is_condemned=*/true), batch);
    Write(RemovedByTimeKey(command.time_ns, object.id), EncodeTombstone(TombstoneOf(block, command.time_ns)), batch);
    ++count;
  }
  return count;
}

uint64_t MetadataIndex::SetCompaction(const SetCompactionCommand& command, kv::WriteBatch& batch) {
  std::string stored;
  bool is_paused = false;
  if (Read(SettingsKey(), &stored)) {
    const auto settings = DecodeSettings(stored);
    CHECK(settings.ok());
    is_paused = *settings;
  }
  if (command.is_paused == is_paused) return 0;
  EnsureVersion(batch);
  Write(SettingsKey(), EncodeSettings(command.is_paused), batch);
  return 1;
}

}  // namespace brazier::index
