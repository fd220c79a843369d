#include "store/block/merge_samples.h"

#include <algorithm>
#include <bit>

#include "common/base/saturating.h"

namespace brazier::block {

Status SourceSamples::Corrupt(const std::string& what) const {
  return inputs_.Blame(source_.input, Corruption("samples of service " + source_.dataset->service + ": " + what));
}

void SourceSamples::Close() {
  decoder_.reset();
  parts_ = {};
  raw_bytes_ = 0;
  begin_ = end_ = next_ = 0;
}

Status SourceSamples::OpenChunk(uint32_t row) {
  if (!chunks_.has_value()) {
    auto chunks = SampleChunks(*source_.dataset, SectionKind::kSampleChunk);
    if (!chunks.ok()) return inputs_.Blame(source_.input, chunks.status());
    chunks_ = std::move(*chunks);
    // Of the last one it is told that it reaches to the end, whatever that is.
    for (SampleChunkRef& chunk : *chunks_) chunk.row_end = std::min(chunk.row_end, rows_.row_count);
  }
  const uint32_t position = rows_.row_base + row;
  // REQUIRES of upper_bound: ends ascend, as sums of counts do.
  const auto chunk = std::upper_bound(chunks_->begin(), chunks_->end(), position,
                                      [](uint32_t p, const SampleChunkRef& c) { return p < c.row_end; });
  if (chunk == chunks_->end()) return Corrupt("there are not as many as rows");
  if (chunk->row_begin < rows_.row_base || chunk->row_end - rows_.row_base > rows_.rows.rows.size()) {
    return Status(Code::kInternal, "merge: rows of a chunk were let go");
  }
  const bool is_again = decoder_.has_value() && begin_ == chunk->row_begin - rows_.row_base && end_ > begin_;
  if (!is_again) {
    Close();
    ASSIGN_OR_RETURN(parts_, inputs_.Section(source_.input, *chunk->section));
    for (const std::string& part : parts_) raw_bytes_ += part.size();
  }
  begin_ = next_ = chunk->row_begin - rows_.row_base;
  end_ = chunk->row_end - rows_.row_base;
  auto decoder = SamplesDecoder::Open(parts_, stack_count_);
  if (!decoder.ok()) return Corrupt(decoder.status().message());
  decoder_.emplace(std::move(*decoder));
  return Status::Ok();
}

Status SourceSamples::Read(uint32_t row) {
  if (!decoder_.has_value() || row < next_ || row >= end_) RETURN_IF_ERROR(OpenChunk(row));
  while (next_ <= row) {
    if (Status s = decoder_->Next(rows_.rows.rows[next_]); !s.ok()) return Corrupt(s.message());
    ++next_;
  }
  return Status::Ok();
}

void SampleRun::Begin(size_t rows) {
  rows_.assign(rows, Row{});
  stacks_.clear();
  values_.clear();
  spans_.clear();
  traces_.clear();
}

uint64_t SampleRun::MemoryBytes() const {
  return rows_.size() * sizeof(Row) + stacks_.size() * sizeof(uint32_t) + values_.size() * sizeof(int64_t) +
         spans_.size() * sizeof(uint64_t) + traces_.size() * sizeof(Hash128) + sums_.size() * sizeof(int64_t) +
         is_set_.size() * sizeof(uint64_t) + order_.size() * sizeof(uint64_t);
}

void SampleRun::Set(size_t row, const SamplesDecoder& samples, std::span<const uint32_t> stacks) {
  Row& r = rows_[row];
  r.begin = stacks_.size();
  if (samples.spans().empty() && samples.traces().empty()) {
    SetSorted(samples.stacks(), samples.values(), stacks);
  } else {
    SetTold(samples, stacks, &r);
  }
  r.end = stacks_.size();
}

// Stacks of the source that are one in the output become one sample.
void SampleRun::SetSorted(std::span<const uint32_t> from, std::span<const int64_t> values, std::span<const uint32_t> stacks) {
  const size_t n = from.size();
  const size_t begin = stacks_.size();
  stacks_.resize(begin + n);
  values_.insert(values_.end(), values.begin(), values.end());
  uint32_t* const out = stacks_.data() + begin;
  uint32_t smallest = UINT32_MAX;
  uint32_t largest = 0;
  bool ascends = true;
  for (size_t i = 0; i < n; ++i) {
    const uint32_t stack = stacks[from[i]];
    ascends &= i == 0 || largest < stack;
    smallest = std::min(smallest, stack);
    largest = std::max(largest, stack);
    out[i] = stack;
  }
  if (ascends) return;
  if (sums_.empty()) {
    sums_.resize(stack_count_);
    is_set_.resize(stack_count_ / 64 + 1);
  }
  // The stacks as bits of a row of words are sorted as soon as they are set: quicker than any comparing.
  int64_t* const value = values_.data() + begin;
  for (size_t i = 0; i < n; ++i) {
    uint64_t& word = is_set_[out[i] / 64];
    const uint64_t bit = uint64_t{1} << (out[i] % 64);
    int64_t& sum = sums_[out[i]];
    if (word & bit) {
      AddSaturating(&sum, value[i]);
    } else {
      word |= bit;
      sum = value[i];
    }
  }
  size_t count = 0;
  for (uint32_t w = smallest / 64; w <= largest / 64; ++w) {
    for (uint64_t word = is_set_[w]; word != 0; word &= word - 1) {
      const uint32_t stack = w * 64 + static_cast<uint32_t>(std::countr_zero(word));
      out[count] = stack;
      value[count++] = sums_[stack];
    }
    is_set_[w] = 0;
  }
  stacks_.resize(begin + count);
  values_.resize(begin + count);
}

// With spans or traces samples of one stack stay apart, in the order in which they came.
void SampleRun::SetTold(const SamplesDecoder& samples, std::span<const uint32_t> stacks, Row* row) {
  const auto from = samples.stacks();
  order_.resize(from.size());
  for (size_t i = 0; i < from.size(); ++i) order_[i] = uint64_t{stacks[from[i]]} << 32 | i;
  std::sort(order_.begin(), order_.end());
  row->has_spans = !samples.spans().empty();
  row->has_traces = !samples.traces().empty();
  row->span_begin = spans_.size();
  row->trace_begin = traces_.size();
  for (const uint64_t word : order_) {
    const size_t i = static_cast<uint32_t>(word);
    stacks_.push_back(static_cast<uint32_t>(word >> 32));
    values_.push_back(samples.values()[i]);
    if (row->has_spans) spans_.push_back(samples.spans()[i]);
    if (row->has_traces) traces_.push_back(samples.traces()[i]);
  }
}

}  // namespace brazier::block
