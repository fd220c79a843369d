// BlockScan: feeds the datasets of one block to report builders: the inner loop of a read node. Owns the memory that
// is reused from block to block; one per thread. Thread-compatible.
#pragma once

#include <memory>
#include <vector>

#include "common/model/selector.h"
#include "store/block/block_reader.h"
#include "store/block/section_symbols.h"
#include "worker/query_backend/report_kinds.h"

namespace brazier::query_backend {

class BlockScan {
 public:
  // The references outlive the scan. One builder per report of the spec, in order.
  BlockScan(const QuerySpec& spec, const Selector& selector, object::ObjectStore& store);

  // kNotFound, kCorruption: the block; the builders may hold a part of it and must be thrown away.
  Status Read(const BlockRead& read);

  size_t MemoryBytes() const;
  const QueryStats& stats() const { return stats_; }
  std::vector<Report> Finish();

 private:
  Status ReadDataset(const BlockRead& read, size_t index, const block::BlockSections& sections);
  Status SumSamples(const block::BlockSections& sections, size_t index, const DatasetView& view);
  Status LoadSymbols(const std::string& tenant, const block::BlockSections& sections, size_t index);
  // Of the touched stacks, selects those that begin with the call site of the spec.
  void SelectCallSite();
  void MatchCallSite();

  const QuerySpec& spec_;
  const Selector& selector_;
  object::ObjectStore& store_;
  bool needs_samples_ = false;
  std::vector<std::unique_ptr<ReportBuilder>> builders_;
  std::vector<const ReportKindRow*> kinds_;
  QueryStats stats_;

  // Of the dataset in hand.
  std::vector<uint8_t> series_matches_;
  std::vector<uint8_t> hidden_;
  std::vector<int64_t> values_;    // by stack; all zero between datasets
  std::vector<uint32_t> touched_;  // stacks with a value
  std::vector<uint32_t> selected_;  // of them, those that begin with the call site
  std::vector<uint16_t> call_site_depth_;
  // Of the block and tenant in hand.
  SymbolTable symbols_;
  std::string symbols_tenant_;
  bool has_shared_ = false;
  block::SymbolMark shared_mark_{};
  uint32_t shared_stacks_ = 0;
  uint32_t shared_functions_ = 0;
  uint64_t generation_ = 0;
};

}  // namespace brazier::query_backend
