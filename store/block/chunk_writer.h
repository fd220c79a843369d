// ChunkWriter: rows with their samples into chunks of bounded size, compressed as they fill. A chunk never crosses a bucket and begins
// afresh, so that it is read alone. Pure; Thread-compatible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/model/block_meta.h"
#include "store/block/section_samples.h"

namespace brazier::block {

class ChunkWriter {
 public:
  static constexpr size_t kRawBytesMax = 2 << 20;
  // From here on what is of another kind gets a chunk of its own: it compresses better, and who asks for one kind reads less.
  static constexpr size_t kGroupBytesMin = 16 << 10;

  ChunkWriter(SectionKind kind, int zstd_level, size_t raw_bytes_max = kRawBytesMax)
      : kind_(kind), zstd_level_(zstd_level), raw_bytes_max_(raw_bytes_max) {}

  // `bucket`: rows of different ones never share a chunk; of different `group` only where the chunk is small. Fills the row's sample_count
  // and flags.
  void Add(int64_t bucket, uint32_t group, int64_t time_ns, std::span<const uint32_t> stacks, std::span<const int64_t> values,
           std::span<const uint64_t> spans, std::span<const Hash128> traces, bool is_first_of_profile, DatasetRow* row);
  // Ends the last chunk. With `at_least_one` an empty one when there is no row.
  void Finish(bool at_least_one);

  // The chunks so far; offsets count from 0.
  const std::vector<SectionRef>& sections() const { return sections_; }
  const std::string& bytes() const { return bytes_; }
  size_t MemoryBytes() const { return bytes_.size() + RawBytes() + sections_.size() * sizeof(SectionRef); }

 private:
  size_t RawBytes() const { return encoder_.bytes(); }
  void Flush();

  const SectionKind kind_;
  const int zstd_level_;
  const size_t raw_bytes_max_;
  SamplesEncoder encoder_{SamplesEncoder::Form::kChunk};
  uint32_t rows_ = 0;
  int64_t bucket_ = 0;
  uint32_t group_ = 0;
  int64_t min_time_ns_ = 0;
  int64_t max_time_ns_ = 0;
  std::vector<SectionRef> sections_;
  std::string bytes_;
};

// Appends sections that count from 0 behind what is in `object`, and names them in `out`.
void AppendSections(const std::vector<SectionRef>& sections, std::string_view bytes, std::string* object,
                    std::vector<SectionRef>* out);

}  // namespace brazier::block
