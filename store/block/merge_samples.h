// The samples of a merge on their way from the inputs' numbers to the output's. SourceSamples reads rows of one source, chunk by
// chunk; SampleRun holds those of a run of output rows, in the order in which the output needs them. Thread-compatible.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "store/block/block_reader.h"
#include "store/block/merge_inputs.h"
#include "store/block/merge_plan.h"
#include "store/block/section_samples.h"

namespace brazier::block {

// Rows of one source. Quick in ascending order; going back reads the chunk again.
class SourceSamples {
 public:
  // `rows` must outlive this. `stack_count`: of the source's table.
  SourceSamples(MergeInputs& inputs, const MergeSource& source, const SourceRows& rows, uint32_t stack_count)
      : inputs_(inputs), source_(source), rows_(rows), stack_count_(stack_count) {}

  // Decodes a row (position in rows.rows.rows); samples() has it until the next call.
  Status Read(uint32_t row);
  const SamplesDecoder& samples() const { return *decoder_; }

  // Lets go of the chunk in hand.
  void Close();
  uint64_t MemoryBytes() const { return raw_bytes_; }

 private:
  Status OpenChunk(uint32_t row);
  Status Corrupt(const std::string& what) const;

  MergeInputs& inputs_;
  const MergeSource source_;
  const SourceRows& rows_;
  const uint32_t stack_count_;
  std::optional<std::vector<SampleChunkRef>> chunks_;
  // The chunk in hand: its rows [begin_, end_), the next one to decode.
  std::vector<std::string> parts_;
  std::optional<SamplesDecoder> decoder_;
  uint64_t raw_bytes_ = 0;
  uint32_t begin_ = 0, end_ = 0, next_ = 0;
};

// The samples of some rows, with the output's stacks, ascending.
class SampleRun {
 public:
  struct Row {
    size_t begin = 0, end = 0;  // into stacks and values
    size_t span_begin = 0, trace_begin = 0;
    bool has_spans = false, has_traces = false;
  };
  // `stack_count`: of the output's dataset.
  explicit SampleRun(uint32_t stack_count) : stack_count_(stack_count) {}

  // Begins a run of so many rows.
  void Begin(size_t rows);
  // `stacks`: the source's -> the output's.
  void Set(size_t row, const SamplesDecoder& samples, std::span<const uint32_t> stacks);

  std::span<const uint32_t> stacks(size_t row) const { return Of(stacks_, rows_[row].begin, rows_[row].end); }
  std::span<const int64_t> values(size_t row) const { return Of(values_, rows_[row].begin, rows_[row].end); }
  std::span<const uint64_t> spans(size_t row) const {
    const Row& r = rows_[row];
    return r.has_spans ? Of(spans_, r.span_begin, r.span_begin + r.end - r.begin) : std::span<const uint64_t>();
  }
  std::span<const Hash128> traces(size_t row) const {
    const Row& r = rows_[row];
    return r.has_traces ? Of(traces_, r.trace_begin, r.trace_begin + r.end - r.begin) : std::span<const Hash128>();
  }
  uint64_t MemoryBytes() const;
  // Of one sample, of which a budget buys so many.
  static constexpr uint64_t kSampleBytes = sizeof(uint32_t) + sizeof(int64_t);

 private:
  template <typename T>
  static std::span<const T> Of(const std::vector<T>& column, size_t begin, size_t end) {
    return std::span<const T>(column).subspan(begin, end - begin);
  }
  void SetSorted(std::span<const uint32_t> from, std::span<const int64_t> values, std::span<const uint32_t> stacks);
  void SetTold(const SamplesDecoder& samples, std::span<const uint32_t> stacks, Row* row);

  const uint32_t stack_count_;
  std::vector<Row> rows_;
  std::vector<uint32_t> stacks_;
  std::vector<int64_t> values_;
  std::vector<uint64_t> spans_;
  std::vector<Hash128> traces_;
  // A value per stack of the output and a bit that says whether it is set; clear between rows.
  std::vector<int64_t> sums_;
  std::vector<uint64_t> is_set_;
  std::vector<uint64_t> order_;
};

}  // namespace brazier::block
