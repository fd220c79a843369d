#include "store/block/block_inspect.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "store/block/block_format.h"
#include "store/block/block_reader.h"
#include "store/block/section_codec.h"
#include "store/block/section_samples.h"
#include "store/block/section_symbols.h"

namespace brazier::block {
namespace {

// For a terminal: quotes, backslashes, control characters and everything that is not ASCII are escaped.
std::string Quoted(std::string_view s) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const bool is_cut = s.size() > InspectLimits::kNameBytesMax;
  std::string out = "\"";
  for (const char c : s.substr(0, InspectLimits::kNameBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte > 0x7E) {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
  return out + (is_cut ? "\"..." : "\"");
}

std::string LabelsText(const Labels& labels) {
  std::string out = "{";
  for (const Label& l : labels) {
    if (out.size() > 1) out += ", ";
    out += Quoted(l.name) + "=" + Quoted(l.value);
  }
  return out + "}";
}

std::string FlagsText(uint8_t flags) {
  std::string out;
  if (flags & kSameStacks) out += " same-stacks";
  if (flags & kScaledValues) out += " scaled-values";
  if (flags & kHasSpans) out += " spans";
  if (flags & kHasTraces) out += " traces";
  if (flags & kQuotients) out += " quotients";
  if (flags & kSubset) out += " subset";
  if (flags >> kStreamShift) out += " stream " + std::to_string(flags >> kStreamShift);
  return out;
}

// What the metadata says of a chunk of samples.
std::string ChunkText(const SectionRef& s) {
  if (s.kind != SectionKind::kSampleChunk && s.kind != SectionKind::kHourSamples && s.kind != SectionKind::kDaySamples) return {};
  return " rows " + std::to_string(s.row_count) + " time_ns " + std::to_string(s.min_time_ns) + ".." + std::to_string(s.max_time_ns);
}

class Inspector {
 public:
  explicit Inspector(Bytes object) : object_(object) {}

  Result<std::string> Run(size_t* damaged) {
    ASSIGN_OR_RETURN(const BlockMeta meta, DecodeFooter(object_));
    PrintHead(meta);
    for (const TenantSymbols& symbols : meta.symbols) {
      Line("tenant " + Quoted(symbols.tenant));
      CheckSection(symbols.section);
    }
    for (size_t i = 0; i < meta.datasets.size(); ++i) {
      is_listing_ = i < InspectLimits::kDatasetsMax;
      PrintDataset(meta, meta.datasets[i]);
    }
    is_listing_ = true;
    if (meta.datasets.size() > InspectLimits::kDatasetsMax) {
      Line("... datasets beyond " + std::to_string(InspectLimits::kDatasetsMax) + " are not listed");
    }
    if (is_cut_) text_ += "... the text is cut here\n";
    text_ += damaged_ == 0 ? "all " + std::to_string(checked_) + " sections are intact\n"
                           : "DAMAGED: " + std::to_string(damaged_) + " of " +
                                 std::to_string(checked_) + " checks of sections failed\n";
    if (damaged != nullptr) *damaged = damaged_;
    return std::move(text_);
  }

 private:
  void Line(const std::string& line) {
    if (!is_listing_) return;
    if (text_.size() + line.size() > InspectLimits::kTextBytesMax) {
      is_cut_ = true;
      return;
    }
    text_ += line;
    text_ += '\n';
  }

  void Damage(const std::string& why) {
    ++damaged_;
    Line("  DAMAGED: " + why);
  }

  // REQUIRES: DecodeFooter accepted the object.
  void PrintHead(const BlockMeta& meta) {
    uint64_t footer_size = 0;
    uint32_t version = 0;
    const Bytes trailer = object_.last(kTrailerBytes);
    std::memcpy(&footer_size, trailer.data(), sizeof footer_size);
    std::memcpy(&version, trailer.data() + 8, sizeof version);
    Line("object " + std::to_string(object_.size()) + " bytes, format version " +
         std::to_string(version) + ", footer " + std::to_string(footer_size) +
         " bytes at offset " + std::to_string(object_.size() - kTrailerBytes - footer_size) +
         ", checksum ok");
    Line("block " + meta.id.ToString() + " shard " + std::to_string(meta.shard) + " level " +
         std::to_string(meta.level) + " time_ns " + std::to_string(meta.min_time_ns) + ".." +
         std::to_string(meta.max_time_ns) + " tenants_with_shared_symbols " +
         std::to_string(meta.symbols.size()) + " datasets " + std::to_string(meta.datasets.size()));
  }

  // Prints the section and checks that its bytes are there, hash to its checksum and inflate.
  void CheckSection(const SectionRef& s) {
    Line("  section " + std::string(SectionName(s.kind)) + " offset " + std::to_string(s.offset) +
         " size " + std::to_string(s.size) + " raw " + std::to_string(s.raw_size) + " codec " +
         std::to_string(s.codec) + ChunkText(s));
    ++checked_;
    if (s.offset > object_.size() || s.size > object_.size() - s.offset) {
      Damage("section " + std::string(SectionName(s.kind)) + " lies outside the object");
      return;
    }
    if (auto parts = DecodeSection(s, object_.subspan(s.offset, s.size)); !parts.ok()) {
      Damage(parts.status().message());
    } else {
      Line("    checksum ok");
    }
  }

  void PrintDataset(const BlockMeta& meta, const DatasetMeta& dataset) {
    Line("dataset tenant " + Quoted(dataset.tenant) + " service " + Quoted(dataset.service) +
         " profiles " + std::to_string(dataset.profile_count) + " samples " +
         std::to_string(dataset.sample_count) + " time_ns " + std::to_string(dataset.min_time_ns) +
         ".." + std::to_string(dataset.max_time_ns) + " hidden_profiles " +
         std::to_string(dataset.hidden_profiles.size()));
    PrintSome("profile type", dataset.profile_types, [](const std::string& t) { return Quoted(t); });
    Line(dataset.lists_label_sets ? "  label sets listed " + std::to_string(dataset.label_sets.size())
                                  : std::string("  label sets not listed"));
    const size_t damaged_before = damaged_;
    for (const SectionRef& section : dataset.sections) CheckSection(section);
    if (damaged_ == damaged_before) PrintContents(meta, dataset);
  }

  // The sections read as a query reads them: references between them are checked too.
  void PrintContents(const BlockMeta& meta, const DatasetMeta& dataset) {
    BlockRead read;
    for (const TenantSymbols& symbols : meta.symbols) {
      if (symbols.tenant == dataset.tenant) read.symbols.push_back(symbols);
    }
    read.datasets = {dataset};
    const auto sections = BlockSections::WantedFromObject(object_, read, [](size_t, const SectionRef&) { return true; });
    if (!sections.ok()) return Damage(sections.status().message());
    const auto rows = sections->Rows(0);
    if (!rows.ok()) return Damage(rows.status().message());
    PrintSome("series", rows->series, LabelsText);
    PrintSome("profile", rows->profiles, [](const ProfileBatch::Profile& p) {
      return p.identity.Hex() + " time_ns " + std::to_string(p.time_ns) + " duration_ns " +
             std::to_string(p.duration_ns) + " period " + std::to_string(p.period);
    });
    PrintSome("row", rows->rows, [](const DatasetRow& row) {
      return "profile " + std::to_string(row.profile) + " series " + std::to_string(row.series) +
             " total " + std::to_string(row.total) + " samples " +
             std::to_string(row.sample_count) + FlagsText(row.flags);
    });
    if (Status s = ReadSymbols(*sections, dataset.tenant); !s.ok()) return Damage(s.message());
    CheckSamples(*sections, dataset, SectionKind::kSampleChunk, *rows);
    PrintRollup(*sections, dataset, "hour", SectionKind::kHourRows, SectionKind::kHourSamples);
    PrintRollup(*sections, dataset, "day", SectionKind::kDayRows, SectionKind::kDaySamples);
  }

  void PrintRollup(const BlockSections& sections, const DatasetMeta& dataset, const std::string& name, SectionKind rows_kind,
                   SectionKind samples_kind) {
    const auto rollup = sections.Rollup(0, rows_kind);
    if (!rollup.ok()) return Damage(rollup.status().message());
    if (FindSection(dataset.sections, rows_kind) == nullptr) return;
    PrintSome((name + " series").c_str(), rollup->rows.series, LabelsText);
    size_t position = 0;
    PrintSome((name + " row").c_str(), rollup->rows.rows, [&](const DatasetRow& row) {
      const ProfileBatch::Profile& p = rollup->rows.profiles[row.profile];
      return "end_ns " + std::to_string(p.time_ns) + " series " + std::to_string(row.series) + " profiles " +
             std::to_string(rollup->profile_counts[position++]) + " total " + std::to_string(row.total) + " duration_ns " +
             std::to_string(p.duration_ns) + " period " + std::to_string(p.period) + " samples " +
             std::to_string(row.sample_count) + FlagsText(row.flags);
    });
    CheckSamples(sections, dataset, samples_kind, rollup->rows);
  }

  Status ReadSymbols(const BlockSections& sections, const std::string& tenant) {
    // Datasets of a tenant follow each other: what they share is decoded once.
    if (!shared_is_valid_ || shared_tenant_ != tenant) {
      shared_is_valid_ = false;
      ASSIGN_OR_RETURN(table_, sections.SharedSymbols(tenant));
      shared_tenant_ = tenant;
      shared_mark_ = MarkOf(table_);
      shared_is_valid_ = true;
    }
    TruncateTo(shared_mark_, &table_);
    RETURN_IF_ERROR(sections.OwnSymbols(0, &table_));
    const SymbolTable& table = table_;
    Line("  symbols strings " + std::to_string(table.strings.size()) + " functions " +
         std::to_string(table.functions.size()) + " mappings " +
         std::to_string(table.mappings.size()) + " locations " +
         std::to_string(table.locations.size()) + " stacks " + std::to_string(table.stacks.size()));
    return Status::Ok();
  }

  // All chunks of a kind, row by row. REQUIRES: the dataset's symbols are in the table.
  void CheckSamples(const BlockSections& sections, const DatasetMeta& dataset, SectionKind kind, const DatasetRows& rows) {
    if (Status s = CheckChunks(sections, dataset, kind, rows); !s.ok()) Damage(s.message());
  }

  Status CheckChunks(const BlockSections& sections, const DatasetMeta& dataset, SectionKind kind, const DatasetRows& rows) {
    ASSIGN_OR_RETURN(const auto chunks, SampleChunks(dataset, kind));
    size_t row = 0;
    for (size_t c = 0; c < chunks.size(); ++c) {
      ASSIGN_OR_RETURN(const auto parts, sections.SampleChunk(0, kind, c));
      ASSIGN_OR_RETURN(auto samples, SamplesDecoder::Open(parts, static_cast<uint32_t>(table_.stacks.size())));
      const size_t end = chunks[c].row_end == UINT32_MAX ? rows.rows.size() : chunks[c].row_end;
      if (end > rows.rows.size()) return Corruption("chunks of samples have more rows than there are");
      for (; row < end; ++row) RETURN_IF_ERROR(samples.Next(rows.rows[row]));
    }
    return row == rows.rows.size() ? Status::Ok() : Corruption("chunks of samples have fewer rows than there are");
  }

  template <typename T, typename ToText>
  void PrintSome(const char* what, const std::vector<T>& list, ToText to_text) {
    for (size_t i = 0; i < std::min(list.size(), InspectLimits::kLinesMax); ++i) {
      Line("  " + std::string(what) + " " + std::to_string(i) + " " + to_text(list[i]));
    }
    if (list.size() > InspectLimits::kLinesMax) {
      Line("  ... " + std::to_string(list.size() - InspectLimits::kLinesMax) + " more of " + what);
    }
  }

  const Bytes object_;
  std::string text_;
  bool is_listing_ = true;
  bool is_cut_ = false;
  // The shared symbols of one tenant, and above the mark those of the dataset in hand.
  SymbolTable table_;
  SymbolMark shared_mark_{};
  std::string shared_tenant_;
  bool shared_is_valid_ = false;
  size_t checked_ = 0;
  size_t damaged_ = 0;
};

}  // namespace

Result<std::string> InspectObject(Bytes object, size_t* damaged) {
  return Inspector(object).Run(damaged);
}

}  // namespace brazier::block
