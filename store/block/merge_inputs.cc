#include "store/block/merge_inputs.h"

#include <algorithm>

#include "store/block/section_codec.h"

namespace brazier::block {

Status MergeInputs::Blame(size_t input, Status status) {
  if (status.code() != Code::kCorruption && status.code() != Code::kNotFound) return status;
  if (blamed_ == nullptr) blamed_ = inputs_[input];
  return status.Annotate("object " + inputs_[input]->ObjectKey());
}

Result<std::vector<std::string>> MergeInputs::Section(size_t input, const SectionRef& section) {
  const BlockMeta& meta = *inputs_[input];
  if (section.offset > meta.size || section.size > meta.size - section.offset) {
    return Blame(input, Corruption("section " + std::string(SectionName(section.kind)) + " lies outside the object"));
  }
  Window& window = windows_[input];
  const uint64_t end = section.offset + section.size;
  if (section.offset < window.offset || end > window.offset + window.bytes.size()) {
    held_ -= window.bytes.size();
    window.bytes = {};
    object::ByteRange range{0, meta.size};
    if (meta.size > window_bytes_) {
      range.offset = section.offset;
      range.size = std::max(section.size, std::min(window_bytes_, meta.size - section.offset));
    }
    // Others make room: what they held is read again when it is needed.
    for (Window& other : windows_) {
      if (held_ + range.size <= bytes_max_) break;
      held_ -= other.bytes.size();
      other = {};
    }
    auto read = store_.GetRanges(meta.ObjectKey(), {range});
    if (!read.ok()) return Blame(input, read.status());
    window.offset = range.offset;
    window.bytes = std::move(read->front());
    bytes_read_ += window.bytes.size();
    held_ += window.bytes.size();
    memory_.Set(MemoryAccount::kInputs, held_);
  }
  auto parts = DecodeSection(section, AsBytes(window.bytes).subspan(section.offset - window.offset, section.size));
  if (!parts.ok()) return Blame(input, parts.status());
  return parts;
}

}  // namespace brazier::block
