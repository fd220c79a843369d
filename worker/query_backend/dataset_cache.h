// DatasetCache: decoded samples of small datasets, so that a query which somebody repeats (a dashboard, a drill-down, the
// next minute of the same range) reads only what is new. Objects never change, so nothing in here can be out of date;
// what of a dataset is hidden or selected is decided by each query.
//
// The datasets of one tenant, service and profile type share a dictionary of stacks: a sample is a number of the
// dictionary and a value, and a flame graph of cached datasets is a sum over one flat array.
// Bounded in bytes: the dictionaries used least recently go, with their datasets. Thread-safe.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/ulid.h"
#include "common/model/flame_tree.h"
#include "store/block/section_rows.h"
#include "worker/query_backend/query_backend_metrics.h"

namespace brazier::query_backend {

// The stacks of one tenant, service and profile type. Nodes are only ever added.
struct StackDictionary {
  std::shared_mutex mu;
  FlameTreeBuilder tree;  // guarded by mu; its own values are not used
};

// One dataset's rows, and the samples of those of one profile type. Immutable.
struct CachedDataset {
  std::shared_ptr<StackDictionary> dictionary;
  uint32_t node_count = 0;  // nodes of the dictionary that samples refer to lie below it
  block::DatasetRows rows;
  // Samples of row i: [sample_begins[i], sample_begins[i + 1]).
  std::vector<uint32_t> sample_begins;
  std::vector<uint32_t> nodes;
  std::vector<int64_t> values;
  size_t MemoryBytes() const;
};

class DatasetCache {
 public:
  // bytes_max 0: nothing is kept.
  DatasetCache(size_t bytes_max, QueryBackendMetrics& metrics) : bytes_max_(bytes_max), metrics_(metrics) {}

  // Larger datasets come from compacted blocks: reading those costs little per profile, and they would drive out the many
  // small ones that do not.
  static constexpr uint64_t kStoredBytesMax = 256 << 10;

  // What tells dictionaries apart.
  static std::string Key(std::string_view tenant, std::string_view service, std::string_view profile_type);

  // Null when it is not there. Counts a hit or a miss.
  std::shared_ptr<const CachedDataset> Find(const std::string& key, const Ulid& block);
  // The dictionary, a new one when there is none.
  std::shared_ptr<StackDictionary> Dictionary(const std::string& key);
  // `bytes`: of the dataset, and what the dictionary grew by for it. Not kept when the dictionary was dropped meanwhile, or
  // when it is there already.
  void Insert(const std::string& key, const Ulid& block, std::shared_ptr<const CachedDataset> dataset, size_t bytes);

 private:
  struct BlockHash {
    size_t operator()(const Ulid& id) const { return id.bits.low ^ id.bits.high; }
  };
  struct Group {
    std::shared_ptr<StackDictionary> dictionary;
    std::unordered_map<Ulid, std::shared_ptr<const CachedDataset>, BlockHash> datasets;
    size_t bytes = 0;
    std::list<std::string>::iterator use;
  };

  Group& Touch(const std::string& key);
  void DropLeastRecentlyUsed();

  const size_t bytes_max_;
  QueryBackendMetrics& metrics_;
  std::mutex mu_;
  std::unordered_map<std::string, Group> groups_;  // guarded by mu_
  std::list<std::string> uses_;                    // guarded by mu_: keys, most recently used first
  size_t bytes_ = 0;                               // guarded by mu_
};

}  // namespace brazier::query_backend
