// The sample columns of rows, in the order of the rows section: of a segment in one section, of a compacted dataset in chunks, which
// have a coding of their own: values as multiples of each other, and in streams of what is alike. docs/format/object.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/hash.h"
#include "common/base/varint.h"
#include "store/block/section_rows.h"

namespace brazier::block {

// Appends rows one after the other.
class SamplesEncoder {
 public:
  enum class Form { kSegment, kChunk };
  explicit SamplesEncoder(Form form = Form::kSegment) : form_(form) {}

  // `stacks` ascending. Sets row->sample_count and row->flags. Spans and traces: empty or one per sample.
  void Add(std::span<const uint32_t> stacks, std::span<const int64_t> values,
           std::span<const uint64_t> spans, std::span<const Hash128> traces, bool is_first_of_profile,
           DatasetRow* row);
  // Begins again, with nothing added. The next row must be the first of its profile.
  void Clear();
  // The parts of the section.
  std::vector<std::string_view> parts() const;
  size_t bytes() const;
  const std::string& stacks() const { return stacks_.bytes(); }
  const std::string& values() const { return values_.bytes(); }
  const std::string& spans() const { return spans_.bytes(); }

 private:
  bool TryQuotients(std::span<const int64_t> values);
  bool TrySubset(std::span<const uint32_t> stacks);
  void AddStream(uint32_t stream, std::span<const int64_t> values);

  const Form form_;
  ByteWriter stacks_, values_, spans_;
  // Of a chunk, in place of values_: per stream the first byte of each varint, and the rest of it.
  ByteWriter first_[kValueStreams], rest_[kValueStreams];
  uint32_t row_of_stacks_ = 0;  // rows since one told its stacks by itself
  std::vector<uint32_t> last_stacks_;
  std::vector<int64_t> last_values_, quotients_;
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
  SamplesDecoder(const std::vector<std::string>& parts, uint32_t stack_count);
  Status ReadStacks(const DatasetRow& row);
  Status ReadSubset(size_t n);
  Status ReadValues(const DatasetRow& row);
  Status ReadStream(const DatasetRow& row, size_t n);

  const bool is_chunk_;
  ByteReader stack_reader_{Bytes()}, value_reader_{Bytes()}, span_reader_{Bytes()};
  ByteReader first_[kValueStreams], rest_[kValueStreams];
  uint32_t stack_count_;
  std::vector<uint32_t> stacks_;
  std::vector<int64_t> values_, factors_;
  std::vector<uint64_t> span_ids_;
  std::vector<Hash128> trace_ids_;
};

}  // namespace brazier::block
