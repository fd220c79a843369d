#include "worker/query_backend/dataset_runs.h"

#include <algorithm>
#include <tuple>

namespace brazier::query_backend {
namespace {

// More runs are more evenly spread; fewer keep a service together.
constexpr size_t kRunsPerThread = 4;

}  // namespace

uint64_t StoredBytes(const DatasetMeta& dataset) {
  uint64_t bytes = 0;
  for (const SectionRef& section : dataset.sections) bytes += section.size;
  return bytes;
}

DatasetRuns PlanDatasetRuns(std::span<const BlockRead* const> reads, const std::vector<std::string>& tenants,
                            size_t threads) {
  const auto meta = [&](const DatasetRef& ref) -> const DatasetMeta& { return reads[ref.block]->datasets[ref.dataset]; };
  DatasetRuns runs;
  uint64_t bytes = 0;
  for (uint32_t block = 0; block < reads.size(); ++block) {
    for (uint32_t i = 0; i < reads[block]->datasets.size(); ++i) {
      const DatasetMeta& dataset = reads[block]->datasets[i];
      if (std::find(tenants.begin(), tenants.end(), dataset.tenant) == tenants.end()) continue;
      runs.datasets.push_back({block, i});
      bytes += StoredBytes(dataset);
    }
  }
  if (runs.datasets.empty()) return runs;
  std::stable_sort(runs.datasets.begin(), runs.datasets.end(), [&](const DatasetRef& a, const DatasetRef& b) {
    return std::tie(meta(a).tenant, meta(a).service) < std::tie(meta(b).tenant, meta(b).service);
  });
  // One thread has nobody to share with.
  const uint64_t run_bytes = threads <= 1 ? UINT64_MAX : bytes / (threads * kRunsPerThread);
  uint64_t in_run = 0;
  for (size_t i = 0; i < runs.datasets.size(); ++i) {
    if (i == 0 || in_run >= run_bytes) {
      runs.begins.push_back(i);
      in_run = 0;
    }
    in_run += StoredBytes(meta(runs.datasets[i]));
  }
  runs.begins.push_back(runs.datasets.size());
  return runs;
}

}  // namespace brazier::query_backend
