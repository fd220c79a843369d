// Parts: stacks = per row without kSameStacks: first stack, then differences; values = per row one factor
// (kScaledValues) or one signed value per sample; spans = per row 8 bytes per sample (kHasSpans), then 16 per sample
// (kHasTraces).
#include "store/block/section_samples.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "common/base/check.h"

namespace brazier::block {
namespace {

// The factor k > 1 with values == k * before for every sample, or 0.
int64_t ScaleOf(std::span<const int64_t> values, const std::vector<int64_t>& before) {
  if (values.empty() || before.size() != values.size() || before[0] == 0) return 0;
  // The one quotient that does not exist, and that stops the processor.
  if (values[0] == INT64_MIN && before[0] == -1) return 0;
  const int64_t factor = values[0] / before[0];
  if (factor <= 1) return 0;
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t product;
    if (__builtin_mul_overflow(before[i], factor, &product) || product != values[i]) return 0;
  }
  return factor;
}

}  // namespace

void SamplesEncoder::Add(std::span<const uint32_t> stacks, std::span<const int64_t> values,
                         std::span<const uint64_t> spans, std::span<const Hash128> traces,
                         bool is_first_of_profile, DatasetRow* row) {
  CHECK(stacks.size() == values.size());
  row->sample_count = static_cast<uint32_t>(stacks.size());
  row->flags = 0;
  const bool same_stacks =
      !is_first_of_profile && std::equal(stacks.begin(), stacks.end(), last_stacks_.begin(), last_stacks_.end());
  const int64_t factor = same_stacks ? ScaleOf(values, last_values_) : 0;
  if (same_stacks) {
    row->flags |= kSameStacks;
  } else {
    uint32_t last = 0;
    stacks_.Varints(stacks.size(), [&](size_t i) {
      const uint32_t before = std::exchange(last, stacks[i]);
      DCHECK(last >= before);
      return last - before;
    });
  }
  if (factor > 0) {
    row->flags |= kScaledValues;
    values_.Signed(factor);
  } else {
    values_.Varints(values.size(), [&](size_t i) { return ZigZag(values[i]); });
  }
  if (!spans.empty()) {
    row->flags |= kHasSpans;
    for (uint64_t span : spans) spans_.Fixed64(span);
  }
  if (!traces.empty()) {
    row->flags |= kHasTraces;
    for (const Hash128& trace : traces) {
      spans_.Fixed64(trace.high);
      spans_.Fixed64(trace.low);
    }
  }
  last_stacks_.assign(stacks.begin(), stacks.end());
  last_values_.assign(values.begin(), values.end());
}

Result<SamplesDecoder> SamplesDecoder::Open(const std::vector<std::string>& parts,
                                            uint32_t stack_count) {
  if (parts.size() != 3) return Corruption("samples: the section does not have three parts");
  return SamplesDecoder(AsBytes(parts[0]), AsBytes(parts[1]), AsBytes(parts[2]), stack_count);
}

namespace {

// Fails the reader when there are fewer.
void SkipVarints(size_t count, ByteReader* reader) {
  const uint8_t* p = reader->Raw(0).data();
  const size_t size = reader->remaining();
  size_t at = 0;
  // A varint ends with a byte below 0x80. A word has at most eight ends: what is counted never passes the last one.
  for (; count >= 8 && size - at >= 8; at += 8) {
    uint64_t word;
    std::memcpy(&word, p + at, 8);
    count -= static_cast<size_t>(std::popcount(~word & 0x8080808080808080));
  }
  for (; count > 0 && at < size; ++at) count -= p[at] < 0x80;
  reader->Raw(count > 0 ? size + 1 : at);
}

}  // namespace

Status SamplesDecoder::Skip(const DatasetRow& row) {
  const size_t n = row.sample_count;
  if (!(row.flags & kSameStacks)) SkipVarints(n, &stack_reader_);
  SkipVarints(row.flags & kScaledValues ? 1 : n, &value_reader_);
  if (row.flags & kHasSpans) span_reader_.Raw(uint64_t{n} * 8);
  if (row.flags & kHasTraces) span_reader_.Raw(uint64_t{n} * 16);
  stacks_.clear();
  values_.clear();
  span_ids_.clear();
  trace_ids_.clear();
  if (!stack_reader_.ok() || !value_reader_.ok() || !span_reader_.ok()) {
    return Corruption("samples: a column is malformed");
  }
  return Status::Ok();
}

Status SamplesDecoder::Next(const DatasetRow& row) {
  const size_t n = row.sample_count;
  if (row.flags & kSameStacks) {
    if (stacks_.size() != n) return Corruption("samples: a row repeats stacks of another length");
  } else {
    if (n > stack_reader_.remaining()) return Corruption("samples: stacks are truncated");
    stacks_.resize(n);
    uint64_t stack = 0;
    for (uint32_t& s : stacks_) {
      stack += stack_reader_.Varint();
      if (stack >= stack_count_) return Corruption("samples: a stack does not exist");
      s = static_cast<uint32_t>(stack);
    }
  }
  if (row.flags & kScaledValues) {
    const int64_t factor = value_reader_.Signed();
    if (values_.size() != n) return Corruption("samples: a row scales values of another length");
    for (int64_t& v : values_) {
      if (__builtin_mul_overflow(v, factor, &v)) return Corruption("samples: a value is too large");
    }
  } else {
    if (n > value_reader_.remaining()) return Corruption("samples: values are truncated");
    values_.resize(n);
    for (int64_t& v : values_) v = value_reader_.Signed();
  }
  span_ids_.clear();
  trace_ids_.clear();
  if (row.flags & kHasSpans) {
    if (n > span_reader_.remaining() / 8) return Corruption("samples: spans are truncated");
    for (size_t i = 0; i < n; ++i) span_ids_.push_back(span_reader_.Fixed64());
  }
  if (row.flags & kHasTraces) {
    if (n > span_reader_.remaining() / 16) return Corruption("samples: traces are truncated");
    for (size_t i = 0; i < n; ++i) {
      const uint64_t high = span_reader_.Fixed64();
      trace_ids_.push_back({high, span_reader_.Fixed64()});
    }
  }
  if (!stack_reader_.ok() || !value_reader_.ok() || !span_reader_.ok()) {
    return Corruption("samples: a column is malformed");
  }
  return Status::Ok();
}

}  // namespace brazier::block
