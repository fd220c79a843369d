#include "worker/query_backend/dataset_cache.h"

namespace brazier::query_backend {
namespace {

// Of an entry's own: map nodes, list nodes, counters.
constexpr size_t kOverheadBytes = 256;

}  // namespace

size_t CachedDataset::MemoryBytes() const {
  size_t bytes = kOverheadBytes + sizeof(CachedDataset) + sample_begins.capacity() * sizeof(uint32_t) +
                 nodes.capacity() * sizeof(uint32_t) + values.capacity() * sizeof(int64_t) +
                 rows.rows.capacity() * sizeof(block::DatasetRow) +
                 rows.profiles.capacity() * sizeof(ProfileBatch::Profile);
  for (const Labels& labels : rows.series) bytes += sizeof(Labels) + labels.Bytes() + labels.size() * sizeof(Label);
  return bytes;
}

std::string DatasetCache::Key(std::string_view tenant, std::string_view service, std::string_view profile_type) {
  std::string key;
  for (const std::string_view part : {tenant, service}) {
    key += std::to_string(part.size());
    key += ':';
    key += part;
  }
  key += profile_type;
  return key;
}

std::shared_ptr<const CachedDataset> DatasetCache::Find(const std::string& key, const Ulid& block) {
  std::lock_guard lock(mu_);
  const auto group = groups_.find(key);
  if (group != groups_.end()) {
    uses_.splice(uses_.begin(), uses_, group->second.use);
    const auto it = group->second.datasets.find(block);
    if (it != group->second.datasets.end()) {
      metrics_.cache_hits.Add();
      return it->second;
    }
  }
  metrics_.cache_misses.Add();
  return nullptr;
}

std::shared_ptr<StackDictionary> DatasetCache::Dictionary(const std::string& key) {
  std::lock_guard lock(mu_);
  return Touch(key).dictionary;
}

void DatasetCache::Insert(const std::string& key, const Ulid& block, std::shared_ptr<const CachedDataset> dataset,
                          size_t bytes) {
  std::lock_guard lock(mu_);
  const auto it = groups_.find(key);
  if (it == groups_.end() || it->second.dictionary != dataset->dictionary) return;
  Group& group = it->second;
  // The dictionary has grown even if another query was first with the dataset.
  group.bytes += bytes;
  bytes_ += bytes;
  group.datasets.try_emplace(block, std::move(dataset));
  while (bytes_ > bytes_max_ && !uses_.empty()) DropLeastRecentlyUsed();
  metrics_.cache_bytes.Set(static_cast<int64_t>(bytes_));
}

DatasetCache::Group& DatasetCache::Touch(const std::string& key) {
  const auto [it, is_new] = groups_.try_emplace(key);
  Group& group = it->second;
  if (is_new) {
    group.dictionary = std::make_shared<StackDictionary>();
    uses_.push_front(key);
    group.use = uses_.begin();
  } else {
    uses_.splice(uses_.begin(), uses_, group.use);
  }
  return group;
}

// Queries that still read from it keep it alive until they are done.
void DatasetCache::DropLeastRecentlyUsed() {
  const auto it = groups_.find(uses_.back());
  bytes_ -= it->second.bytes;
  groups_.erase(it);
  uses_.pop_back();
  metrics_.cache_evictions.Add();
}

}  // namespace brazier::query_backend
