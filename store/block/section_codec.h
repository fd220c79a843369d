// A section's bytes: a few parts (groups of similar columns), each compressed by itself, because mixing text with
// numbers in one frame costs a tenth of the size.
//
// Layout: varint part count; per part: varint raw size, varint stored size (0: stored raw); then the parts' bytes.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/model/block_meta.h"

namespace brazier::block {

// Appends the encoded section to `object` and describes it. `level` is zstd's.
SectionRef AppendSection(SectionKind kind, std::span<const std::string_view> parts, int level, std::string* object);
inline SectionRef AppendSection(SectionKind kind, std::initializer_list<std::string_view> parts, int level,
                                std::string* object) {
  return AppendSection(kind, std::span(parts.begin(), parts.size()), level, object);
}

// Checks the CRC and inflates. The parts come back in order, at most `kPartsMax`. kCorruption names the section.
inline constexpr size_t kPartsMax = 16;
Result<std::vector<std::string>> DecodeSection(const SectionRef& section, Bytes stored);

std::string_view SectionName(SectionKind kind);

}  // namespace brazier::block
