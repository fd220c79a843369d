#include "store/block/block_reader.h"

#include <algorithm>
#include <cstring>

#include "common/base/crc32c.h"
#include "common/codec/block_meta_msgpack.h"
#include "store/block/block_format.h"
#include "store/block/section_codec.h"
#include "store/block/section_symbols.h"

namespace brazier::block {
namespace {

bool IsNeeded(SectionKind kind, SectionNeeds needs) {
  switch (kind) {
    case SectionKind::kSharedSymbols:
    case SectionKind::kSymbols:
    case SectionKind::kSamples: return needs.samples;
    case SectionKind::kRows: return needs.rows || needs.samples;
  }
  return false;
}

template <typename T>
T ReadFixed(Bytes data, size_t at) {
  T v;
  std::memcpy(&v, data.data() + at, sizeof(v));
  return v;
}

Status TooSmall(uint64_t size) {
  return Corruption("object: " + std::to_string(size) + " bytes are too few");
}

// The size of the footer.
Result<uint64_t> CheckTrailer(Bytes trailer, uint64_t object_size) {
  if (AsString(trailer.last(8)) != kMagic) return Corruption("object: the magic is wrong");
  const uint64_t footer_size = ReadFixed<uint64_t>(trailer, 0);
  const uint32_t version = ReadFixed<uint32_t>(trailer, 8);
  if (version == 0 || version > kFormatVersion) {
    return Corruption("object: format version " + std::to_string(version) +
                      " is not one that this version reads (1 to " +
                      std::to_string(kFormatVersion) + ")");
  }
  if (footer_size > kFooterBytesMax || footer_size > object_size - kTrailerBytes) {
    return Corruption("object: the footer size is wrong");
  }
  return footer_size;
}

// Of footer and trailer, whose trailer passed CheckTrailer.
Result<BlockMeta> DecodeTail(Bytes tail, uint64_t object_size) {
  const Bytes trailer = tail.last(kTrailerBytes);
  const Bytes footer = tail.first(tail.size() - kTrailerBytes);
  if (Crc32c(tail.first(footer.size() + 12)) != ReadFixed<uint32_t>(trailer, 12)) {
    return Corruption("object: the footer's checksum is wrong");
  }
  ASSIGN_OR_RETURN(BlockMeta meta, codec::DecodeBlockMeta(footer));
  meta.size = object_size;
  return meta;
}

}  // namespace

Result<BlockMeta> DecodeFooter(Bytes object) {
  if (object.size() < kTrailerBytes) return TooSmall(object.size());
  const Bytes trailer = object.last(kTrailerBytes);
  ASSIGN_OR_RETURN(const uint64_t footer_size, CheckTrailer(trailer, object.size()));
  return DecodeTail(object.last(kTrailerBytes + footer_size), object.size());
}

Result<BlockMeta> FetchFooter(object::ObjectStore& store, const std::string& object_key,
                              uint64_t object_size, uint64_t footer_bytes_max) {
  if (object_size < kTrailerBytes) return TooSmall(object_size);
  const uint64_t first = std::min(object_size, kTailBytes);
  ASSIGN_OR_RETURN(std::vector<std::string> tail,
                   store.GetRanges(object_key, {{object_size - first, first}}));
  ASSIGN_OR_RETURN(const uint64_t footer_size,
                   CheckTrailer(AsBytes(tail[0]).last(kTrailerBytes), object_size));
  if (footer_size > footer_bytes_max) {
    return Corruption("object: the footer takes " + std::to_string(footer_size) +
                      " bytes, the limit is " + std::to_string(footer_bytes_max));
  }
  const uint64_t tail_size = footer_size + kTrailerBytes;
  if (tail_size > first) {
    ASSIGN_OR_RETURN(const std::vector<std::string> rest,
                     store.GetRanges(object_key, {{object_size - tail_size, tail_size - first}}));
    tail[0].insert(0, rest[0]);
  }
  return DecodeTail(AsBytes(tail[0]).last(tail_size), object_size);
}

const SectionRef* FindSection(const std::vector<SectionRef>& sections, SectionKind kind) {
  for (const SectionRef& section : sections) {
    if (section.kind == kind) return &section;
  }
  return nullptr;
}

Result<BlockSections> BlockSections::Fetch(object::ObjectStore& store, const BlockRead& read,
                                           SectionNeeds needs, const std::vector<bool>& wanted) {
  BlockSections out;
  std::vector<Piece*> pieces;
  out.shared_.reserve(read.symbols.size());
  for (const TenantSymbols& symbols : read.symbols) {
    if (!IsNeeded(symbols.section.kind, needs)) continue;
    out.shared_.emplace_back(symbols.tenant, Piece{symbols.section, {}});
    pieces.push_back(&out.shared_.back().second);
  }
  out.datasets_.resize(read.datasets.size());
  for (size_t i = 0; i < read.datasets.size(); ++i) {
    if (!wanted.empty() && !wanted[i]) continue;
    out.datasets_[i].reserve(read.datasets[i].sections.size());
    for (const SectionRef& section : read.datasets[i].sections) {
      if (!IsNeeded(section.kind, needs)) continue;
      out.datasets_[i].push_back({section, {}});
      pieces.push_back(&out.datasets_[i].back());
    }
  }
  // Sections that lie side by side are one range: a dataset's always do.
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece* a, const Piece* b) { return a->section.offset < b->section.offset; });
  std::vector<object::ByteRange> ranges;
  std::vector<size_t> range_of(pieces.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    const SectionRef& s = pieces[i]->section;
    if (!ranges.empty() && ranges.back().offset + ranges.back().size == s.offset) {
      ranges.back().size += s.size;
    } else {
      ranges.push_back({s.offset, s.size});
    }
    range_of[i] = ranges.size() - 1;
  }
  ASSIGN_OR_RETURN(out.buffers_, store.GetRanges(read.object_key, ranges));
  for (size_t i = 0; i < pieces.size(); ++i) {
    const SectionRef& s = pieces[i]->section;
    const std::string& buffer = out.buffers_[range_of[i]];
    pieces[i]->bytes = AsBytes(buffer).subspan(s.offset - ranges[range_of[i]].offset, s.size);
  }
  for (const auto& range : ranges) out.bytes_read_ += range.size;
  return out;
}

Result<BlockSections> BlockSections::FromObject(Bytes object, const BlockRead& read,
                                                SectionNeeds needs) {
  BlockSections out;
  auto piece_of = [&](const SectionRef& s) -> Result<Piece> {
    if (s.offset > object.size() || s.size > object.size() - s.offset) {
      return Corruption("section " + std::string(SectionName(s.kind)) + " at offset " +
                        std::to_string(s.offset) + " lies outside the object");
    }
    return Piece{s, object.subspan(s.offset, s.size)};
  };
  for (const TenantSymbols& symbols : read.symbols) {
    if (!IsNeeded(symbols.section.kind, needs)) continue;
    ASSIGN_OR_RETURN(Piece piece, piece_of(symbols.section));
    out.shared_.emplace_back(symbols.tenant, piece);
  }
  out.datasets_.resize(read.datasets.size());
  for (size_t i = 0; i < read.datasets.size(); ++i) {
    for (const SectionRef& section : read.datasets[i].sections) {
      if (!IsNeeded(section.kind, needs)) continue;
      ASSIGN_OR_RETURN(Piece piece, piece_of(section));
      out.datasets_[i].push_back(piece);
    }
  }
  return out;
}

Result<SymbolTable> BlockSections::SharedSymbols(const std::string& tenant) const {
  SymbolTable table;
  for (const auto& [name, piece] : shared_) {
    if (name != tenant) continue;
    ASSIGN_OR_RETURN(const auto parts, DecodeSection(piece.section, piece.bytes));
    RETURN_IF_ERROR(DecodeSymbols(parts, &table));
  }
  return table;
}

Status BlockSections::OwnSymbols(size_t dataset, SymbolTable* table) const {
  for (const Piece& piece : datasets_[dataset]) {
    if (piece.section.kind != SectionKind::kSymbols) continue;
    ASSIGN_OR_RETURN(const auto parts, DecodeSection(piece.section, piece.bytes));
    RETURN_IF_ERROR(DecodeSymbols(parts, table));
  }
  return Status::Ok();
}

Result<std::vector<std::string>> BlockSections::Decode(size_t dataset, SectionKind kind) const {
  for (const Piece& piece : datasets_[dataset]) {
    if (piece.section.kind == kind) return DecodeSection(piece.section, piece.bytes);
  }
  return Corruption("dataset has no section " + std::string(SectionName(kind)));
}

Result<DatasetRows> BlockSections::Rows(size_t dataset) const {
  ASSIGN_OR_RETURN(const auto parts, Decode(dataset, SectionKind::kRows));
  return DecodeRows(parts);
}

Result<std::vector<std::string>> BlockSections::Samples(size_t dataset) const {
  return Decode(dataset, SectionKind::kSamples);
}

}  // namespace brazier::block
