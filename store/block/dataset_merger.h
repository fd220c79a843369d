// DatasetMerger: one dataset of an output: the rows that a plan keeps, in its order, with the stacks of the output, as sections.
// Rows go in runs: as many at a time as the budget has room for are read from each source in turn, then written in order. So one chunk
// of one source is open at a time where memory is short, and sources need not be sorted. Thread-compatible.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "store/block/block_merge.h"
#include "store/block/chunk_writer.h"
#include "store/block/memory_account.h"
#include "store/block/merge_plan.h"
#include "store/block/merge_samples.h"

namespace brazier::block {

// What the parts of a merge may hold, of the budget. What is left is for what they make while they work.
struct MergeShares {
  explicit MergeShares(uint64_t memory_bytes_max)
      : inputs(memory_bytes_max / 8),
        symbols(memory_bytes_max / 4),
        rows(memory_bytes_max / 8),
        samples(memory_bytes_max / 8),
        chunks(memory_bytes_max / 16),
        rollups(memory_bytes_max / 16),
        output(memory_bytes_max / 4),
        chunk(std::min<uint64_t>(ChunkWriter::kRawBytesMax, std::max<uint64_t>(memory_bytes_max / 64, 4 << 10))) {}
  uint64_t inputs, symbols, rows, samples, chunks, rollups, output;
  uint64_t chunk;  // raw bytes of a chunk of the output
};

// How a source's stacks become the dataset's.
struct SourceStacks {
  std::vector<uint32_t> ids;  // by stack of the source; those of rows that are not kept mean nothing
};

class DatasetMerger {
 public:
  DatasetMerger(const MergeOptions& options, const MergeShares& shares, MergeInputs& inputs, const std::vector<MergeSource>& sources,
                const ServicePlan& plan, const std::vector<SourceStacks>& stacks, uint32_t stack_count, MemoryAccount* memory)
      : options_(options), shares_(shares), inputs_(inputs), sources_(sources), plan_(plan), stacks_(stacks),
        stack_count_(stack_count), memory_(*memory) {}

  // Appends the sections to `object` and fills `meta`, all but its names and label sets, and `rows`. `symbols`: the parts of the
  // dataset's own symbols' section; none when they are empty. `go_on` is asked now and then, with the share
  // of the rows that is done; false: kCancelled.
  Status Write(const std::vector<std::string_view>& symbols, const std::function<bool(double)>& go_on, std::string* object,
               DatasetMeta* meta, DatasetRows* rows);

 private:
  Status WriteRuns(const std::function<bool(double)>& go_on, ChunkWriter* chunks, class RollupBuilder* rollups, DatasetRows* rows);

  const MergeOptions& options_;
  const MergeShares& shares_;
  MergeInputs& inputs_;
  const std::vector<MergeSource>& sources_;
  const ServicePlan& plan_;
  const std::vector<SourceStacks>& stacks_;
  const uint32_t stack_count_;
  MemoryAccount& memory_;
};

}  // namespace brazier::block
