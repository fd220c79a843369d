// The samples section of a dataset: per row (of the rows section, in its order) the stacks, ascending, and the values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/hash.h"
#include "common/base/varint.h"
#include "store/block/section_rows.h"

namespace brazier::block {

// Appends rows one after the other.
class SamplesEncoder {
 public:
  // `stacks` ascending. Sets row->sample_count and row->flags. Spans and traces: empty or one per sample.
  void Add(std::span<const uint32_t> stacks, std::span<const int64_t> values,
           std::span<const uint64_t> spans, std::span<const Hash128> traces, bool is_first_of_profile,
           DatasetRow* row);
  // Begins again, with nothing added. The next row must be the first of its profile.
  void Clear() {
    for (ByteWriter* column : {&stacks_, &values_, &spans_}) column->Clear();
  }
  const std::string& stacks() const { return stacks_.bytes(); }
  const std::string& values() const { return values_.bytes(); }
  const std::string& spans() const { return spans_.bytes(); }

 private:
  ByteWriter stacks_, values_, spans_;
  std::vector<uint32_t> last_stacks_;
  std::vector<int64_t> last_values_;
};

// Reads rows in their order; rows that are not wanted are skipped over but still parsed, because columns are varints.
class SamplesDecoder {
 public:
  // `parts` must outlive the decoder. `stack_count`: stacks below it exist.
  static Result<SamplesDecoder> Open(const std::vector<std::string>& parts, uint32_t stack_count);

  // Decodes the next row; the spans live until the next call.
  Status Next(const DatasetRow& row);
  // Passes over the next row, several times quicker. REQUIRES: the row after it does not have its stacks (kSameStacks), or is
  // passed over too; to read that one is kCorruption, unless both are empty.
  Status Skip(const DatasetRow& row);
  std::span<const uint32_t> stacks() const { return stacks_; }
  std::span<const int64_t> values() const { return values_; }
  std::span<const uint64_t> spans() const { return span_ids_; }
  std::span<const Hash128> traces() const { return trace_ids_; }

 private:
  SamplesDecoder(Bytes stacks, Bytes values, Bytes spans, uint32_t stack_count)
      : stack_reader_(stacks), value_reader_(values), span_reader_(spans), stack_count_(stack_count) {}

  ByteReader stack_reader_, value_reader_, span_reader_;
  uint32_t stack_count_;
  std::vector<uint32_t> stacks_;
  std::vector<int64_t> values_;
  std::vector<uint64_t> span_ids_;
  std::vector<Hash128> trace_ids_;
};

}  // namespace brazier::block
