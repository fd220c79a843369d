// CachedScan: flame graphs by way of the cache of decoded datasets. One per thread and query; gives the same answer as a
// BlockScan. Thread-compatible.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/model/selector.h"
#include "worker/query_backend/dataset_cache.h"
#include "worker/query_backend/loaded_block.h"
#include "worker/query_backend/report_kinds.h"
#include "worker/query_backend/stack_mapper.h"

namespace brazier::query_backend {

class CachedScan {
 public:
  // The references outlive the scan.
  CachedScan(const QuerySpec& spec, const Selector& selector, DatasetCache& cache);

  // Whether the cache can answer: one flame graph, of one profile type, of whole stacks.
  static bool CanAnswer(const QuerySpec& spec, const Selector& selector);

  // Decodes a dataset into the cache. kCorruption names block and service.
  Result<std::shared_ptr<const CachedDataset>> Load(const std::string& key, const LoadedBlock& block, size_t dataset);
  // Adds what the query means of a dataset from which nothing was deleted. Datasets of one dictionary are best added one after the other.
  Status Add(const DatasetMeta& meta, const CachedDataset& dataset);

  size_t MemoryBytes() const { return selfs_.capacity() * sizeof(int64_t) + tree_.nodes.capacity() * sizeof(FlameTree::Node); }
  const QueryStats& stats() const { return stats_; }
  FlameTree Finish();

 private:
  Status Decode(const LoadedBlock& block, size_t dataset, CachedDataset* out);
  // Replaces stacks of the dataset by nodes of the dictionary. Returns the bytes that the dictionary grew by.
  size_t MapStacks(StackDictionary& dictionary, CachedDataset* out);
  // Turns the sums over the dictionary in hand into a part of the tree.
  void EndDictionary();

  const QuerySpec& spec_;
  const Selector& selector_;
  const std::string_view profile_type_;
  const TimeRange range_;
  DatasetCache& cache_;
  QueryStats stats_;
  FlameTree tree_;

  std::shared_ptr<StackDictionary> dictionary_;  // in hand
  std::vector<int64_t> selfs_;                   // by node of the dictionary

  // Of the dataset in hand.
  RowSelection selection_;
  SymbolTable symbols_;
  StackMapper mapper_;
  std::vector<uint8_t> is_used_;    // by stack
  std::vector<uint32_t> stacks_;    // those that are used, ascending
};

}  // namespace brazier::query_backend
