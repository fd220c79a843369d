#include "worker/query_backend/dataset_runs.h"

#include <algorithm>
#include <tuple>

namespace brazier::query_backend {
namespace {

// More runs are more evenly spread; fewer keep a service together.
constexpr size_t kRunsPerThread = 4;

}  // namespace

std::vector<DatasetRef> SortedDatasets(std::span<const BlockRead* const> reads, const std::vector<std::string>& tenants) {
  std::vector<DatasetRef> out;
  for (uint32_t block = 0; block < reads.size(); ++block) {
    for (uint32_t i = 0; i < reads[block]->datasets.size(); ++i) {
      const std::string& tenant = reads[block]->datasets[i].tenant;
      if (std::find(tenants.begin(), tenants.end(), tenant) != tenants.end()) out.push_back({block, i});
    }
  }
  const auto meta = [&](const DatasetRef& ref) -> const DatasetMeta& { return reads[ref.block]->datasets[ref.dataset]; };
  std::stable_sort(out.begin(), out.end(), [&](const DatasetRef& a, const DatasetRef& b) {
    return std::tie(meta(a).tenant, meta(a).service) < std::tie(meta(b).tenant, meta(b).service);
  });
  return out;
}

DatasetRuns CutIntoRuns(std::vector<DatasetRef> datasets, const std::function<uint64_t(const DatasetRef&)>& bytes_of,
                        size_t threads) {
  DatasetRuns runs;
  runs.datasets = std::move(datasets);
  if (runs.datasets.empty()) return runs;
  uint64_t bytes = 0;
  for (const DatasetRef& ref : runs.datasets) bytes += bytes_of(ref);
  // One thread has nobody to share with.
  const uint64_t run_bytes = threads <= 1 ? UINT64_MAX : bytes / (threads * kRunsPerThread);
  uint64_t in_run = 0;
  for (size_t i = 0; i < runs.datasets.size(); ++i) {
    if (i == 0 || in_run >= run_bytes) {
      runs.begins.push_back(i);
      in_run = 0;
    }
    in_run += bytes_of(runs.datasets[i]);
  }
  runs.begins.push_back(runs.datasets.size());
  return runs;
}

}  // namespace brazier::query_backend
