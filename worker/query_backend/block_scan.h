// BlockScan: feeds datasets of loaded blocks to report builders: the inner loop of a read node. Reads of each dataset what its cover
// says: rows of profiles, of hours and of days; the sums of their samples by stack are one. Owns the memory that is
// reused from dataset to dataset; one per thread. Thread-compatible.
#pragma once

#include <memory>
#include <vector>

#include "common/model/selector.h"
#include "worker/query_backend/loaded_block.h"
#include "worker/query_backend/report_kinds.h"
#include "worker/query_backend/stack_filter.h"

namespace brazier::query_backend {

class BlockScan {
 public:
  // The references outlive the scan. One builder per report of the spec, in order.
  BlockScan(const QuerySpec& spec, const Selector& selector);

  // Reads one dataset of the block. Datasets of one service are best read one after the other.
  // kCorruption names block and service; the builders may hold a part of the dataset and must be thrown away.
  Status Read(const LoadedBlock& block, size_t dataset, const DatasetCover& cover);

  // Likewise of one whose samples cannot matter, and were not fetched.
  Status PassOver(const LoadedBlock& block, size_t dataset);

  size_t MemoryBytes() const;
  const QueryStats& stats() const { return stats_; }
  std::vector<Report> Finish();

 private:
  // Rows of one kind, and which of a cover's ranges are of them.
  struct Level {
    SectionKind samples;
    const std::vector<TimeRange> RollupCover::*times;
  };
  // Reports that read the samples of the same rows.
  struct SampleReaders {
    const std::vector<TimeRange>* times = nullptr;
    bool sums = false;
    std::vector<ReportBuilder*> by_row;
  };
  struct Dataset {
    const LoadedBlock& block;
    const size_t index;
    const DatasetMeta& meta;
    const DatasetCover& cover;
    bool has_symbols = false;  // in symbols_
  };
  Status ReadDataset(Dataset& dataset);
  Status ReadLevel(Dataset& dataset, const Level& level, const block::DatasetRows& rows,
                   std::span<const uint64_t> profile_counts);
  // Adds the samples of the view's rows to the sums.
  Status SumSamples(Dataset& dataset, SectionKind kind, const DatasetView& view, const SampleReaders& readers);
  Status SumChunk(const DatasetView& view, const std::vector<std::string>& parts, std::span<const block::DatasetRow> rows,
                  const SampleReaders& readers);
  // Reads the symbols, once for a dataset, and asks the builders that read rows what they want of them.
  Status BeginSymbols(Dataset& dataset);
  // Those of the row's samples that the query means.
  RowSamples Pick(const RowSamples& samples);
  void Sum(std::span<const uint32_t> stacks, std::span<const int64_t> values);
  void AddStacks();

  const QuerySpec& spec_;
  const Selector& selector_;
  std::vector<std::unique_ptr<ReportBuilder>> builders_;
  bool sums_ = false;  // a builder wants the sums of samples
  StackFilter stack_filter_;
  // Of the spec, sorted.
  std::vector<uint64_t> span_ids_;
  std::vector<Hash128> trace_ids_;
  QueryStats stats_;

  std::string service_;  // of the dataset before

  // Of the dataset in hand.
  RowSelection selection_;
  std::vector<int64_t> values_;    // by stack; all zero between datasets
  int64_t duration_ns_ = 0;
  int64_t period_ = 0;
  std::vector<uint32_t> touched_;  // stacks with a value
  std::vector<uint32_t> selected_;  // of them, those that the stack filter lets through
  std::vector<uint8_t> is_wanted_;      // by report that reads rows' samples: something of these symbols
  SymbolTable symbols_;  // the shared ones, then the dataset's own
  // Of the row in hand.
  std::vector<uint32_t> picked_stacks_;
  std::vector<int64_t> picked_values_;
  std::vector<uint64_t> picked_spans_;
  std::vector<Hash128> picked_traces_;
};

}  // namespace brazier::query_backend
