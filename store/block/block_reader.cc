#include "store/block/block_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "common/base/crc32c.h"
#include "common/codec/block_meta_msgpack.h"
#include "store/block/block_format.h"
#include "store/block/section_codec.h"
#include "store/block/section_symbols.h"

namespace brazier::block {
namespace {

// Sections that lie this near are read by one request, with what is between them.
constexpr uint64_t kGapBytes = 4 << 10;

// What needs the tenant's shared symbols.
bool NeedsSharedSymbols(SectionKind kind) {
  switch (kind) {
    case SectionKind::kSharedSymbols:
    case SectionKind::kSymbols:
    case SectionKind::kSamples:
    case SectionKind::kSampleChunk:
    case SectionKind::kHourSamples:
    case SectionKind::kDaySamples: return true;
    case SectionKind::kRows:
    case SectionKind::kHourRows:
    case SectionKind::kDayRows: return false;
  }
  return false;
}

bool IsNeeded(SectionKind kind, SectionNeeds needs) {
  switch (kind) {
    case SectionKind::kSharedSymbols:
    case SectionKind::kSymbols:
    case SectionKind::kSamples:
    case SectionKind::kSampleChunk: return needs.samples;
    case SectionKind::kRows: return needs.rows || needs.samples;
    case SectionKind::kHourRows:
    case SectionKind::kHourSamples:
    case SectionKind::kDayRows:
    case SectionKind::kDaySamples: return false;
  }
  return false;
}

// Samples of a segment are its one chunk.
bool IsChunkOf(const SectionRef& section, SectionKind kind) {
  return section.kind == kind || (kind == SectionKind::kSampleChunk && section.kind == SectionKind::kSamples);
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

size_t SampleChunkCount(const DatasetMeta& dataset, SectionKind kind) {
  return static_cast<size_t>(std::count_if(dataset.sections.begin(), dataset.sections.end(),
                                           [&](const SectionRef& section) { return IsChunkOf(section, kind); }));
}

Result<std::vector<SampleChunkRef>> SampleChunks(const DatasetMeta& dataset, SectionKind kind) {
  std::vector<SampleChunkRef> chunks;
  uint64_t row = 0;
  for (const SectionRef& section : dataset.sections) {
    if (!IsChunkOf(section, kind)) continue;
    if (section.kind == SectionKind::kSamples) {
      return std::vector<SampleChunkRef>{{&section, 0, UINT32_MAX, dataset.min_time_ns, dataset.max_time_ns}};
    }
    const uint64_t end = row + section.row_count;
    if (end > UINT32_MAX) return Corruption("dataset: its chunks of samples have too many rows");
    chunks.push_back({&section, static_cast<uint32_t>(row), static_cast<uint32_t>(end), section.min_time_ns,
                      section.max_time_ns});
    row = end;
  }
  return chunks;
}

Result<BlockSections> BlockSections::Choose(const BlockRead& read, const Wanted& wanted) {
  BlockSections out;
  std::set<std::string_view> tenants;  // whose shared symbols are needed
  out.datasets_.resize(read.datasets.size());
  for (size_t i = 0; i < read.datasets.size(); ++i) {
    std::vector<Piece>& pieces = out.datasets_[i];
    std::array<uint32_t, 256> counts{};
    for (const SectionRef& section : read.datasets[i].sections) {
      const uint32_t chunk = counts[static_cast<uint8_t>(section.kind)]++;
      if (!wanted(i, section)) continue;
      pieces.push_back({section, {}, chunk});
      if (NeedsSharedSymbols(section.kind)) tenants.insert(read.datasets[i].tenant);
    }
  }
  for (const TenantSymbols& symbols : read.symbols) {
    if (tenants.contains(symbols.tenant)) out.shared_.emplace_back(symbols.tenant, Piece{symbols.section, {}, 0});
  }
  return out;
}

std::vector<BlockSections::Piece*> BlockSections::Pieces() {
  std::vector<Piece*> pieces;
  for (auto& [tenant, piece] : shared_) pieces.push_back(&piece);
  for (auto& dataset : datasets_) {
    for (Piece& piece : dataset) pieces.push_back(&piece);
  }
  return pieces;
}

Result<BlockSections> BlockSections::Fetch(object::ObjectStore& store, const BlockRead& read, SectionNeeds needs,
                                           const std::vector<bool>& wanted) {
  return FetchWanted(store, read, [&](size_t dataset, const SectionRef& section) {
    return (wanted.empty() || wanted[dataset]) && IsNeeded(section.kind, needs);
  });
}

Result<BlockSections> BlockSections::FetchWanted(object::ObjectStore& store, const BlockRead& read, const Wanted& wanted) {
  ASSIGN_OR_RETURN(BlockSections out, Choose(read, wanted));
  std::vector<Piece*> pieces = out.Pieces();
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece* a, const Piece* b) { return a->section.offset < b->section.offset; });
  std::vector<object::ByteRange> ranges;
  std::vector<size_t> range_of(pieces.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    const SectionRef& s = pieces[i]->section;
    if (s.size > UINT64_MAX - s.offset) return Corruption("section " + std::string(SectionName(s.kind)) + ": its range is wrong");
    const uint64_t end = s.offset + s.size;
    const uint64_t range_end = ranges.empty() ? 0 : ranges.back().offset + ranges.back().size;
    if (!ranges.empty() && s.offset <= range_end + std::min(kGapBytes, UINT64_MAX - range_end)) {
      ranges.back().size = std::max(range_end, end) - ranges.back().offset;
    } else {
      ranges.push_back({s.offset, s.size});
    }
    range_of[i] = ranges.size() - 1;
  }
  ASSIGN_OR_RETURN(std::vector<std::string> buffers, store.GetRanges(read.object_key, ranges));
  out.buffers_.push_back(std::move(buffers));
  for (size_t i = 0; i < pieces.size(); ++i) {
    const SectionRef& s = pieces[i]->section;
    const std::string& buffer = out.buffers_.back()[range_of[i]];
    pieces[i]->bytes = AsBytes(buffer).subspan(s.offset - ranges[range_of[i]].offset, s.size);
  }
  for (const auto& range : ranges) out.bytes_read_ += range.size;
  return out;
}

void BlockSections::Add(BlockSections more) {
  const auto take = [](std::vector<Piece>& into, Piece& piece) {
    const bool is_there = std::any_of(into.begin(), into.end(), [&](const Piece& p) {
      return p.section.kind == piece.section.kind && p.chunk == piece.chunk;
    });
    if (!is_there) into.push_back(piece);
  };
  for (auto& [tenant, piece] : more.shared_) {
    const bool is_there = std::any_of(shared_.begin(), shared_.end(), [&](const auto& s) { return s.first == tenant; });
    if (!is_there) shared_.emplace_back(tenant, piece);
  }
  if (datasets_.size() < more.datasets_.size()) datasets_.resize(more.datasets_.size());
  for (size_t d = 0; d < more.datasets_.size(); ++d) {
    for (Piece& piece : more.datasets_[d]) take(datasets_[d], piece);
  }
  buffers_.splice(buffers_.end(), more.buffers_);
  bytes_read_ += more.bytes_read_;
}

Result<BlockSections> BlockSections::FromObject(Bytes object, const BlockRead& read, SectionNeeds needs) {
  return WantedFromObject(object, read, [&](size_t, const SectionRef& section) { return IsNeeded(section.kind, needs); });
}

Result<BlockSections> BlockSections::WantedFromObject(Bytes object, const BlockRead& read, const Wanted& wanted) {
  ASSIGN_OR_RETURN(BlockSections out, Choose(read, wanted));
  for (Piece* piece : out.Pieces()) {
    const SectionRef& s = piece->section;
    if (s.offset > object.size() || s.size > object.size() - s.offset) {
      return Corruption("section " + std::string(SectionName(s.kind)) + " at offset " +
                        std::to_string(s.offset) + " lies outside the object");
    }
    piece->bytes = object.subspan(s.offset, s.size);
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

const BlockSections::Piece* BlockSections::Find(size_t dataset, SectionKind kind, size_t chunk) const {
  for (const Piece& piece : datasets_[dataset]) {
    if (piece.section.kind == kind && piece.chunk == chunk) return &piece;
  }
  return nullptr;
}

Result<std::vector<std::string>> BlockSections::Decode(size_t dataset, SectionKind kind, size_t chunk) const {
  if (const Piece* piece = Find(dataset, kind, chunk)) return DecodeSection(piece->section, piece->bytes);
  return Corruption("dataset has no section " + std::string(SectionName(kind)));
}

Result<DatasetRows> BlockSections::Rows(size_t dataset) const {
  ASSIGN_OR_RETURN(const auto parts, Decode(dataset, SectionKind::kRows));
  return DecodeRows(parts);
}

Result<std::vector<std::string>> BlockSections::SampleChunk(size_t dataset, SectionKind kind, size_t chunk) const {
  if (kind == SectionKind::kSampleChunk && chunk == 0 && Find(dataset, SectionKind::kSamples, 0) != nullptr) {
    kind = SectionKind::kSamples;
  }
  return Decode(dataset, kind, chunk);
}

Result<std::vector<std::string>> BlockSections::Samples(size_t dataset) const {
  // A chunk begins afresh, so that the columns of several are those of all their rows, one after the other.
  std::vector<std::string> all;
  for (const Piece& piece : datasets_[dataset]) {
    if (!IsChunkOf(piece.section, SectionKind::kSampleChunk)) continue;
    ASSIGN_OR_RETURN(auto parts, DecodeSection(piece.section, piece.bytes));
    if (all.empty()) {
      all = std::move(parts);
      continue;
    }
    if (parts.size() != all.size()) return Corruption("dataset: its chunks of samples differ in form");
    for (size_t i = 0; i < parts.size(); ++i) all[i] += parts[i];
  }
  if (all.empty()) return Corruption("dataset has no section " + std::string(SectionName(SectionKind::kSamples)));
  return all;
}

Result<RollupRows> BlockSections::Rollup(size_t dataset, SectionKind kind) const {
  if (Find(dataset, kind, 0) == nullptr) return RollupRows{};
  ASSIGN_OR_RETURN(const auto parts, Decode(dataset, kind));
  return DecodeRollupRows(parts);
}

}  // namespace brazier::block
