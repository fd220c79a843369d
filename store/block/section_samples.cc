// Parts of a segment: stacks, values, spans. Of a chunk: stacks, spans, then per stream of values the first byte of each varint and what
// follows it. stacks = per row without kSameStacks: first stack, then differences, or (kSubset) a bit per stack of the row before;
// values = per row one factor (kScaledValues) or one signed number per sample: the value, or (kQuotients) the factor to the value before;
// spans = per row 8 bytes per sample (kHasSpans), then 16 per sample (kHasTraces).
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

// Values as multiples of those of the row before, sample by sample: bytes of objects of a size, delays of a number of waits.
bool SamplesEncoder::TryQuotients(std::span<const int64_t> values) {
  quotients_.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t before = last_values_[i];
    if (before == 0 || (before == -1 && values[i] == INT64_MIN) || values[i] % before != 0) return false;
    quotients_[i] = values[i] / before;
  }
  return true;
}

// As a bit for each stack of the row before, when these are all there and it takes less than a byte per stack.
bool SamplesEncoder::TrySubset(std::span<const uint32_t> stacks) {
  if (last_stacks_.size() / 8 >= stacks.size()) return false;
  std::string bits((last_stacks_.size() + 7) / 8, '\0');
  size_t found = 0;
  for (size_t i = 0; i < last_stacks_.size() && found < stacks.size(); ++i) {
    // A stack that comes twice, with two spans, is told by differences.
    if (i > 0 && last_stacks_[i] == last_stacks_[i - 1]) return false;
    if (last_stacks_[i] != stacks[found]) continue;
    bits[i / 8] = static_cast<char>(bits[i / 8] | 1 << (i % 8));
    ++found;
  }
  if (found < stacks.size()) return false;
  stacks_.Raw(bits);
  return true;
}

void SamplesEncoder::AddStream(uint32_t stream, std::span<const int64_t> values) {
  ByteWriter& first = first_[stream];
  ByteWriter& rest = rest_[stream];
  char bytes[256];
  for (size_t begin = 0; begin < values.size(); begin += sizeof bytes) {
    const size_t n = std::min(sizeof bytes, values.size() - begin);
    for (size_t i = 0; i < n; ++i) {
      const uint64_t v = ZigZag(values[begin + i]);
      bytes[i] = static_cast<char>((v & 0x7F) | (v >= 0x80 ? 0x80 : 0));
      if (v >= 0x80) rest.Varint(v >> 7);
    }
    first.Raw(std::string_view(bytes, n));
  }
}

void SamplesEncoder::Add(std::span<const uint32_t> stacks, std::span<const int64_t> values,
                         std::span<const uint64_t> spans, std::span<const Hash128> traces,
                         bool is_first_of_profile, DatasetRow* row) {
  CHECK(stacks.size() == values.size());
  row->sample_count = static_cast<uint32_t>(stacks.size());
  row->flags = 0;
  const bool same_stacks =
      !is_first_of_profile && std::equal(stacks.begin(), stacks.end(), last_stacks_.begin(), last_stacks_.end());
  const int64_t factor = same_stacks ? ScaleOf(values, last_values_) : 0;
  const bool is_chunk = form_ == Form::kChunk;
  if (same_stacks) {
    row->flags |= kSameStacks;
    ++row_of_stacks_;
  } else if (is_chunk && !is_first_of_profile && TrySubset(stacks)) {
    row->flags |= kSubset;
    ++row_of_stacks_;
  } else {
    row_of_stacks_ = 0;
    uint32_t last = 0;
    stacks_.Varints(stacks.size(), [&](size_t i) {
      const uint32_t before = std::exchange(last, stacks[i]);
      DCHECK(last >= before);
      return last - before;
    });
  }
  // What rows of one position among those of equal stacks count is alike, where profiles of one kind follow each other.
  const uint32_t stream = is_chunk ? std::min(row_of_stacks_, kValueStreams - 1) : 0;
  row->flags |= static_cast<uint8_t>(stream << kStreamShift);
  std::span<const int64_t> told = values;
  if (factor > 0) {
    row->flags |= kScaledValues;
    told = std::span(&factor, 1);
  } else if (is_chunk && same_stacks && TryQuotients(values)) {
    row->flags |= kQuotients;
    told = quotients_;
  }
  if (is_chunk) {
    AddStream(stream, told);
  } else {
    values_.Varints(told.size(), [&](size_t i) { return ZigZag(told[i]); });
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

void SamplesEncoder::Clear() {
  for (ByteWriter* column : {&stacks_, &values_, &spans_}) column->Clear();
  for (uint32_t s = 0; s < kValueStreams; ++s) {
    first_[s].Clear();
    rest_[s].Clear();
  }
}

std::vector<std::string_view> SamplesEncoder::parts() const {
  if (form_ == Form::kSegment) return {stacks_.bytes(), values_.bytes(), spans_.bytes()};
  std::vector<std::string_view> parts = {stacks_.bytes(), spans_.bytes()};
  for (uint32_t s = 0; s < kValueStreams; ++s) {
    parts.push_back(first_[s].bytes());
    parts.push_back(rest_[s].bytes());
  }
  return parts;
}

size_t SamplesEncoder::bytes() const {
  size_t n = 0;
  for (std::string_view part : parts()) n += part.size();
  return n;
}

namespace {

constexpr size_t kSegmentParts = 3;
constexpr size_t kChunkParts = 2 + 2 * kValueStreams;

}  // namespace

SamplesDecoder::SamplesDecoder(const std::vector<std::string>& parts, uint32_t stack_count)
    : is_chunk_(parts.size() == kChunkParts),
      stack_reader_(AsBytes(parts[0])),
      value_reader_(is_chunk_ ? Bytes() : AsBytes(parts[1])),
      span_reader_(AsBytes(parts[is_chunk_ ? 1 : 2])),
      first_{ByteReader(Bytes()), ByteReader(Bytes()), ByteReader(Bytes()), ByteReader(Bytes())},
      rest_{ByteReader(Bytes()), ByteReader(Bytes()), ByteReader(Bytes()), ByteReader(Bytes())},
      stack_count_(stack_count) {
  static_assert(kValueStreams == 4);
  if (!is_chunk_) return;
  for (uint32_t s = 0; s < kValueStreams; ++s) {
    first_[s] = ByteReader(AsBytes(parts[2 + 2 * s]));
    rest_[s] = ByteReader(AsBytes(parts[3 + 2 * s]));
  }
}

Result<SamplesDecoder> SamplesDecoder::Open(const std::vector<std::string>& parts, uint32_t stack_count) {
  if (parts.size() != kSegmentParts && parts.size() != kChunkParts) {
    return Corruption("samples: the section has " + std::to_string(parts.size()) + " parts, not three or ten");
  }
  return SamplesDecoder(parts, stack_count);
}

Status SamplesDecoder::ReadSubset(size_t n) {
  const Bytes bits = stack_reader_.Raw((stacks_.size() + 7) / 8);
  if (!stack_reader_.ok()) return Corruption("samples: stacks are truncated");
  size_t count = 0;
  for (size_t i = 0; i < stacks_.size(); ++i) {
    if (bits[i / 8] >> (i % 8) & 1) stacks_[count++] = stacks_[i];
  }
  if (count != n) return Corruption("samples: a row has another number of stacks than it says");
  stacks_.resize(n);
  return Status::Ok();
}

Status SamplesDecoder::ReadStacks(const DatasetRow& row) {
  const size_t n = row.sample_count;
  if (row.flags & kSameStacks) {
    return stacks_.size() == n ? Status::Ok() : Corruption("samples: a row repeats stacks of another length");
  }
  if (row.flags & kSubset) return ReadSubset(n);
  if (n > stack_reader_.remaining()) return Corruption("samples: stacks are truncated");
  stacks_.resize(n);
  uint64_t stack = 0;
  for (uint32_t& s : stacks_) {
    stack += stack_reader_.Varint();
    if (stack >= stack_count_) return Corruption("samples: a stack does not exist");
    s = static_cast<uint32_t>(stack);
  }
  return Status::Ok();
}

// The next `n` numbers of the row's stream, into factors_.
Status SamplesDecoder::ReadStream(const DatasetRow& row, size_t n) {
  const uint32_t stream = row.flags >> kStreamShift;
  const Bytes first = first_[stream].Raw(n);
  if (!first_[stream].ok()) return Corruption("samples: values are truncated");
  factors_.resize(n);
  ByteReader& rest = rest_[stream];
  for (size_t i = 0; i < n; ++i) {
    uint64_t v = first[i] & 0x7F;
    if (first[i] & 0x80) v |= rest.Varint() << 7;
    factors_[i] = UnZigZag(v);
  }
  return rest.ok() ? Status::Ok() : Corruption("samples: values are truncated");
}

Status SamplesDecoder::ReadValues(const DatasetRow& row) {
  const size_t n = row.sample_count;
  const bool is_scaled = row.flags & kScaledValues;
  if ((is_scaled || (row.flags & kQuotients)) && values_.size() != n) {
    return Corruption("samples: a row scales values of another length");
  }
  if (is_chunk_) {
    RETURN_IF_ERROR(ReadStream(row, is_scaled ? 1 : n));
  } else if (is_scaled) {
    factors_.assign(1, value_reader_.Signed());
  } else {
    if (n > value_reader_.remaining()) return Corruption("samples: values are truncated");
    values_.resize(n);
    for (int64_t& v : values_) v = value_reader_.Signed();
    return Status::Ok();
  }
  if (!is_scaled && !(row.flags & kQuotients)) {
    values_.swap(factors_);
    return Status::Ok();
  }
  bool overflows = false;
  for (size_t i = 0; i < n; ++i) overflows |= __builtin_mul_overflow(values_[i], factors_[is_scaled ? 0 : i], &values_[i]);
  return overflows ? Corruption("samples: a value is too large") : Status::Ok();
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
  // Rows of a chunk build on those before them, and their columns are not only varints.
  if (is_chunk_) return Next(row);
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
  if (!is_chunk_ && (row.flags & ~kSegmentRowFlags) != 0) {
    return Corruption("samples: a row of a segment has flags of chunks");
  }
  RETURN_IF_ERROR(ReadStacks(row));
  RETURN_IF_ERROR(ReadValues(row));
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
