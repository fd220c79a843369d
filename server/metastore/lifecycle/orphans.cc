#include "server/metastore/lifecycle/orphans.h"

#include <algorithm>
#include <charconv>

#include "store/object/block_folders.h"

namespace brazier::metastore {
namespace {

constexpr std::string_view kSuffix = ".brz";

}  // namespace

std::optional<index::CondemnedObject> ParseObjectKey(std::string_view key, uint64_t size) {
  index::CondemnedObject object{.size = size};
  const std::string_view whole = key;
  if (key.starts_with(object::kBlocksFolder)) {
    object.level = 1;
    key.remove_prefix(object::kBlocksFolder.size());
  } else if (key.starts_with(object::kSegmentsFolder)) {
    key.remove_prefix(object::kSegmentsFolder.size());
  } else {
    return std::nullopt;
  }
  const size_t slash = key.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto [end, error] = std::from_chars(key.data(), key.data() + slash, object.shard);
  if (error != std::errc() || end != key.data() + slash) return std::nullopt;
  key.remove_prefix(slash + 1);
  if (object.level > 0) {
    const size_t tenant = key.find('/');
    if (tenant == std::string_view::npos) return std::nullopt;
    object.tenant = key.substr(0, tenant);
    key.remove_prefix(tenant + 1);
  }
  if (!key.ends_with(kSuffix)) return std::nullopt;
  const auto id = Ulid::Parse(key.substr(0, key.size() - kSuffix.size()));
  if (!id.ok()) return std::nullopt;
  object.id = *id;
  // The tombstone must name this very object, not another way to write its number.
  index::Tombstone tombstone;
  tombstone.id = object.id;
  tombstone.shard = object.shard;
  tombstone.level = object.level;
  tombstone.tenant = object.tenant;
  if (tombstone.ObjectKey() != whole) return std::nullopt;
  return object;
}

bool MayBeOutputOf(const std::vector<index::Job>& jobs, const index::CondemnedObject& object) {
  return object.level > 0 && std::any_of(jobs.begin(), jobs.end(), [&](const index::Job& job) {
    if (!job.queue.tenant.empty() && job.queue.tenant != object.tenant) return false;
    int64_t newest_ms = 0;
    for (const Ulid& input : job.inputs) newest_ms = std::max(newest_ms, input.TimeMs());
    return newest_ms == object.id.TimeMs();
  });
}

void OrphanLedger::See(const index::CondemnedObject& object, const std::string& key, int64_t now_ns) {
  if (const auto it = seen_.find(object.id); it != seen_.end()) {
    it->second.walk = walk_;
    return;
  }
  if (seen_.size() >= kObjectsMax) return;
  seen_.emplace(object.id, Candidate{object, key, now_ns, walk_});
}

void OrphanLedger::FinishWalk() {
  std::erase_if(seen_, [&](const auto& entry) { return entry.second.walk != walk_; });
}

std::vector<OrphanLedger::Candidate> OrphanLedger::Due(int64_t before_ns, const std::optional<Ulid>& after,
                                                       size_t limit) const {
  std::vector<Candidate> due;
  for (auto it = after.has_value() ? seen_.upper_bound(*after) : seen_.begin(); it != seen_.end() && due.size() < limit; ++it) {
    if (it->second.first_seen_ns <= before_ns) due.push_back(it->second);
  }
  return due;
}

}  // namespace brazier::metastore
