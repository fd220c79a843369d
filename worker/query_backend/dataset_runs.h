// How the datasets of a batch of blocks are shared out to threads: in runs of one service after the other, each service in
// the order of its blocks. Services have few stacks in common, so a thread that stays with one keeps its nodes in the
// processor's cache. A service that is too large for one thread is in several runs. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "common/model/query.h"

namespace brazier::query_backend {

struct DatasetRef {
  uint32_t block = 0;    // of the batch
  uint32_t dataset = 0;  // of the block's read
  friend bool operator==(const DatasetRef&, const DatasetRef&) = default;
};

// Consecutive pieces of one list.
struct DatasetRuns {
  std::vector<DatasetRef> datasets;  // sorted by tenant, service, block
  std::vector<size_t> begins;        // of each run, and the end of the last; empty without datasets
  size_t count() const { return begins.empty() ? 0 : begins.size() - 1; }
  std::span<const DatasetRef> run(size_t i) const {
    return std::span(datasets).subspan(begins[i], begins[i + 1] - begins[i]);
  }
};

// The datasets of `tenants` in `reads`, sorted. Others are left out whatever the plan says: it comes from the index, but no
// reader trusts it with other tenants' data.
std::vector<DatasetRef> SortedDatasets(std::span<const BlockRead* const> reads, const std::vector<std::string>& tenants);

// Runs have about equal bytes, several for each of `threads`, so that none waits long for the last.
DatasetRuns CutIntoRuns(std::vector<DatasetRef> datasets, const std::function<uint64_t(const DatasetRef&)>& bytes_of,
                        size_t threads);

}  // namespace brazier::query_backend
