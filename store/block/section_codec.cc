#include "store/block/section_codec.h"

#include <algorithm>

#include "common/base/crc32c.h"
#include "common/base/varint.h"
#include "common/codec/compression.h"
#include "store/block/block_format.h"

namespace brazier::block {
namespace {

// Smaller parts do not repay a frame's header.
constexpr size_t kCompressBytesMin = 48;
// The level of objects that are written in a hurry and soon compacted.
constexpr int kQuickLevel = 1;
// Of the text of names even then: they repeat, and to look for it costs a hundredth of the write.
constexpr int kTextLevelMin = 3;
// Smaller columns cost little either way.
constexpr size_t kNumbersBytesMin = 512;

// Columns in which hardly any sequence comes twice: to look for repetitions takes most of the time and makes them larger. The stacks of
// segments are read again soon; those of symbols are a tree, each node once; in chunks values are apart from stacks.
bool IsNumbers(SectionKind kind, size_t part, int level) {
  switch (kind) {
    case SectionKind::kSymbols: return part >= 2;
    case SectionKind::kSamples: return part == 0 && level <= kQuickLevel;
    case SectionKind::kSampleChunk:
    case SectionKind::kHourSamples:
    case SectionKind::kDaySamples: return part >= 2;
    default: return false;
  }
}

// Stacks of chunks: those of profiles that count since the process began are mostly those of the profile before, others are as good as
// random. Which it is shows.
bool IsEither(SectionKind kind, size_t part) {
  return part == 0 && (kind == SectionKind::kSampleChunk || kind == SectionKind::kHourSamples || kind == SectionKind::kDaySamples);
}

bool IsText(SectionKind kind, size_t part) {
  return (kind == SectionKind::kSymbols || kind == SectionKind::kSharedSymbols) && part == 0;
}

void CompressPart(SectionKind kind, size_t part, Bytes data, int level, std::string* out) {
  if (IsEither(kind, part)) {
    std::string numbers;
    codec::ZstdCompressNumbers(data, &numbers);
    const size_t begin = out->size();
    codec::ZstdCompress(data, level, out);
    if (numbers.size() < out->size() - begin) out->replace(begin, std::string::npos, numbers);
    return;
  }
  if (IsNumbers(kind, part, level) && data.size() >= kNumbersBytesMin) {
    codec::ZstdCompressNumbers(data, out);
  } else {
    codec::ZstdCompress(data, IsText(kind, part) ? std::max(level, kTextLevelMin) : level, out);
  }
}

Status Corrupt(const SectionRef& section, const std::string& what) {
  return Corruption("section " + std::string(SectionName(section.kind)) + " at offset " +
                    std::to_string(section.offset) + ": " + what);
}

}  // namespace

std::string_view SectionName(SectionKind kind) {
  switch (kind) {
    case SectionKind::kSharedSymbols: return "shared-symbols";
    case SectionKind::kSymbols: return "symbols";
    case SectionKind::kRows: return "rows";
    case SectionKind::kSamples: return "samples";
    case SectionKind::kSampleChunk: return "sample-chunk";
    case SectionKind::kHourRows: return "hour-rows";
    case SectionKind::kHourSamples: return "hour-samples";
    case SectionKind::kDayRows: return "day-rows";
    case SectionKind::kDaySamples: return "day-samples";
  }
  return "unknown";
}

SectionRef AppendSection(SectionKind kind, std::span<const std::string_view> parts, int level, std::string* object) {
  ByteWriter header;
  std::string body;
  uint64_t raw_size = 0;
  header.Varint(parts.size());
  size_t position = 0;
  for (std::string_view part : parts) {
    raw_size += part.size();
    const size_t begin = body.size();
    if (part.size() >= kCompressBytesMin) CompressPart(kind, position, AsBytes(part), level, &body);
    ++position;
    const size_t stored = body.size() - begin;
    header.Varint(part.size());
    if (stored > 0 && stored < part.size()) {
      header.Varint(stored);
    } else {
      header.Varint(0);
      body.resize(begin);
      body.append(part);
    }
  }
  SectionRef section;
  section.kind = kind;
  section.codec = kCodecParts;
  section.offset = object->size();
  section.size = header.size() + body.size();
  section.raw_size = raw_size;
  object->append(header.bytes());
  object->append(body);
  section.crc = Crc32c(AsBytes(std::string_view(*object).substr(section.offset)));
  return section;
}

Result<std::vector<std::string>> DecodeSection(const SectionRef& section, Bytes stored) {
  if (stored.size() != section.size) return Corrupt(section, "its bytes are missing");
  if (Crc32c(stored) != section.crc) return Corrupt(section, "its checksum is wrong");
  if (section.codec != kCodecParts) {
    return Corrupt(section, "its codec " + std::to_string(section.codec) + " is not known");
  }
  if (section.raw_size > kSectionRawBytesMax) return Corrupt(section, "it is too large");
  ByteReader reader(stored);
  const uint64_t count = reader.Count(2);
  if (!reader.ok() || count > kPartsMax) return Corrupt(section, "its header is malformed");
  struct Part {
    uint64_t raw_size, stored_size;
  };
  std::vector<Part> sizes(count);
  uint64_t raw_total = 0;
  for (Part& part : sizes) {
    part.raw_size = reader.Varint();
    part.stored_size = reader.Varint();
    if (part.raw_size > section.raw_size) return Corrupt(section, "its part sizes are wrong");
    raw_total += part.raw_size;
  }
  if (!reader.ok() || raw_total != section.raw_size) {
    return Corrupt(section, "its part sizes are wrong");
  }
  std::vector<std::string> parts(count);
  for (size_t i = 0; i < count; ++i) {
    const bool is_raw = sizes[i].stored_size == 0;
    const Bytes bytes = reader.Raw(is_raw ? sizes[i].raw_size : sizes[i].stored_size);
    if (!reader.ok()) return Corrupt(section, "it is truncated");
    if (is_raw) {
      parts[i] = AsString(bytes);
    } else if (Status s = codec::ZstdDecompress(bytes, sizes[i].raw_size, &parts[i]); !s.ok()) {
      return Corrupt(section, s.message());
    }
  }
  return parts;
}

}  // namespace brazier::block
