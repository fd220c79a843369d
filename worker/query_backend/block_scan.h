// BlockScan: feeds datasets of loaded blocks to report builders: the inner loop of a read node. Owns the memory that is
// reused from dataset to dataset; one per thread. Thread-compatible.
#pragma once

#include <memory>
#include <vector>

#include "common/model/selector.h"
#include "worker/query_backend/loaded_block.h"
#include "worker/query_backend/report_kinds.h"

namespace brazier::query_backend {

class BlockScan {
 public:
  // The references outlive the scan. One builder per report of the spec, in order.
  BlockScan(const QuerySpec& spec, const Selector& selector);

  // Reads one dataset of the block. Datasets of one service are best read one after the other.
  // kCorruption names block and service; the builders may hold a part of the dataset and must be thrown away.
  Status Read(const LoadedBlock& block, size_t dataset);

  size_t MemoryBytes() const;
  const QueryStats& stats() const { return stats_; }
  std::vector<Report> Finish();

 private:
  Status ReadDataset(const LoadedBlock& block, size_t index);
  Status SumSamples(const LoadedBlock& block, size_t index, const DatasetView& view);
  // Of the touched stacks, selects those that begin with the call site of the spec.
  void SelectCallSite();
  void MatchCallSite();

  const QuerySpec& spec_;
  const Selector& selector_;
  bool needs_samples_ = false;
  std::vector<std::unique_ptr<ReportBuilder>> builders_;
  QueryStats stats_;

  std::string service_;  // of the dataset before

  // Of the dataset in hand.
  RowSelection selection_;
  std::vector<int64_t> values_;    // by stack; all zero between datasets
  std::vector<uint32_t> touched_;  // stacks with a value
  std::vector<uint32_t> selected_;  // of them, those that begin with the call site
  std::vector<uint16_t> call_site_depth_;
  SymbolTable symbols_;  // the shared ones, then the dataset's own
};

}  // namespace brazier::query_backend
