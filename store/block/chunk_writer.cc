#include "store/block/chunk_writer.h"

#include <algorithm>

#include "store/block/section_codec.h"

namespace brazier::block {
namespace {

// About what a sample takes before it is compressed, to end a chunk before a row that makes it too large.
constexpr size_t kSampleBytes = 3;

}  // namespace

void ChunkWriter::Add(int64_t bucket, uint32_t group, int64_t time_ns, std::span<const uint32_t> stacks, std::span<const int64_t> values,
                      std::span<const uint64_t> spans, std::span<const Hash128> traces, bool is_first_of_profile,
                      DatasetRow* row) {
  const size_t row_bytes = stacks.size() * kSampleBytes + spans.size_bytes() + traces.size_bytes();
  if (rows_ > 0 && (bucket != bucket_ || RawBytes() + row_bytes > raw_bytes_max_ ||
                    (group != group_ && is_first_of_profile && RawBytes() >= kGroupBytesMin))) {
    Flush();
  }
  group_ = group;
  if (rows_ == 0) {
    bucket_ = bucket;
    min_time_ns_ = max_time_ns_ = time_ns;
  }
  encoder_.Add(stacks, values, spans, traces, is_first_of_profile || rows_ == 0, row);
  ++rows_;
  min_time_ns_ = std::min(min_time_ns_, time_ns);
  max_time_ns_ = std::max(max_time_ns_, time_ns);
}

void ChunkWriter::Flush() {
  SectionRef section = AppendSection(kind_, encoder_.parts(), zstd_level_, &bytes_);
  section.row_count = rows_;
  section.min_time_ns = min_time_ns_;
  section.max_time_ns = max_time_ns_;
  sections_.push_back(section);
  encoder_.Clear();
  rows_ = 0;
  min_time_ns_ = max_time_ns_ = 0;
}

void ChunkWriter::Finish(bool at_least_one) {
  if (rows_ > 0 || (at_least_one && sections_.empty())) Flush();
}

void AppendSections(const std::vector<SectionRef>& sections, std::string_view bytes, std::string* object,
                    std::vector<SectionRef>* out) {
  const uint64_t base = object->size();
  object->append(bytes);
  for (SectionRef section : sections) {
    section.offset += base;
    out->push_back(section);
  }
}

}  // namespace brazier::block
