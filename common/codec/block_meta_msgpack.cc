// Algorithm, both ways; docs/format/block-meta.md gives the bytes.
//
// Encoding: 1 collect each distinct tenant, service, profile type and string of a label set into the string table in order
// of first use; 2 write the fields in order, strings as indices into the table.
// Decoding: 1 read the table as views; 2 read the fields, resolving indices. Every string and struct that is built is
// charged to a budget first, since one byte of input (an index) can stand for a long string.
#include "common/codec/block_meta_msgpack.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "common/codec/msgpack_io.h"

namespace brazier::codec {
namespace {

constexpr uint64_t kVersion = 1;
constexpr size_t kInputBytesMax = 64u << 20;
constexpr size_t kDecodedBytesMax = 256u << 20;  // strings and structs built from one input
constexpr size_t kStringBytesMax = 64u << 10;    // one tenant, service or profile type
constexpr size_t kIdentityBytes = 16;

// How many fields version 1 writes. Later writers append; readers pass over what they do not know.
constexpr size_t kBlockFields = 10;
constexpr size_t kBlockFieldsInAnswers = 12;  // with deletions and quarantine
constexpr size_t kFilterFields = 5;
constexpr size_t kDeletionsMax = 10'000;
constexpr size_t kSectionFields = 6;
constexpr size_t kChunkFields = 9;  // of the kinds that IsChunk() names
constexpr size_t kTenantSymbolsFields = 2;
constexpr size_t kDatasetFields = 9;
// Then the identities, then the label sets: the last of them that there is ends the array.
constexpr size_t kDatasetFieldsWithIdentities = 10;
constexpr size_t kDatasetFieldsWithLabelSets = 11;
constexpr size_t kDatasetEnvelopeFields = 3;

// Names that nearly every label set has: their position here stands for them, and the string table goes without. The list
// only ever grows at its end, in a new version of the metadata.
constexpr std::array<std::string_view, 10> kKnownNames = {
    label::kName,       label::kPeriodType,         label::kPeriodUnit, label::kProfileType, label::kServiceName,
    label::kServiceNamePrivate, label::kSessionId, label::kSpy,        label::kType,        label::kUnit};

class StringTable {
 public:
  uint32_t Add(std::string_view s) {
    const auto [it, added] = indices_.try_emplace(s, static_cast<uint32_t>(strings_.size()));
    if (added) strings_.push_back(s);
    return it->second;
  }
  void Add(const DatasetMeta& dataset) {
    Add(dataset.tenant);
    Add(dataset.service);
    for (const std::string& type : dataset.profile_types) Add(type);
    for (const Labels& labels : dataset.label_sets) {
      for (const Label& l : labels) {
        AddName(l.name);
        Add(l.value);
      }
    }
  }
  // A label's name: known ones first, then those of the table.
  uint64_t AddName(std::string_view name) {
    const auto known = std::find(kKnownNames.begin(), kKnownNames.end(), name);
    if (known != kKnownNames.end()) return static_cast<uint64_t>(known - kKnownNames.begin());
    return kKnownNames.size() + uint64_t{Add(name)};
  }
  void Write(MsgpackWriter& out) const {
    out.Array(strings_.size());
    for (std::string_view s : strings_) out.Str(s);
  }

 private:
  std::vector<std::string_view> strings_;
  std::unordered_map<std::string_view, uint32_t> indices_;
};

void AppendHash(MsgpackWriter& out, const Hash128& hash) {
  const uint64_t big[2] = {__builtin_bswap64(hash.high), __builtin_bswap64(hash.low)};
  static_assert(sizeof(big) == kIdentityBytes);
  out.Raw(big, sizeof(big));
}

Hash128 ParseHash(const uint8_t* p) {
  uint64_t big[2];
  std::memcpy(big, p, sizeof(big));
  return {__builtin_bswap64(big[0]), __builtin_bswap64(big[1])};
}

bool IsChunk(SectionKind kind) {
  return kind == SectionKind::kSampleChunk || kind == SectionKind::kHourSamples || kind == SectionKind::kDaySamples;
}

void WriteSection(MsgpackWriter& out, const SectionRef& section) {
  out.Array(IsChunk(section.kind) ? kChunkFields : kSectionFields);
  out.Uint(static_cast<uint64_t>(section.kind));
  out.Uint(section.codec);
  out.Uint(section.offset);
  out.Uint(section.size);
  out.Uint(section.raw_size);
  out.Uint(section.crc);
  if (!IsChunk(section.kind)) return;
  out.Uint(section.row_count);
  out.Int(section.min_time_ns);
  // Mostly within the hour: a difference is half as long. It wraps around where the range is hostile.
  out.Uint(static_cast<uint64_t>(section.max_time_ns) - static_cast<uint64_t>(section.min_time_ns));
}

void WriteLabelSets(MsgpackWriter& out, StringTable& table, const std::vector<Labels>& sets) {
  out.Array(sets.size());
  for (const Labels& labels : sets) {
    out.Array(2 * labels.size());
    for (const Label& l : labels) {
      out.Uint(table.AddName(l.name));
      out.Uint(table.Add(l.value));
    }
  }
}

size_t FieldsOf(const DatasetMeta& dataset) {
  if (dataset.lists_label_sets) return kDatasetFieldsWithLabelSets;
  return dataset.identities.empty() ? kDatasetFields : kDatasetFieldsWithIdentities;
}

void WriteDataset(MsgpackWriter& out, StringTable& table, const DatasetMeta& dataset) {
  const size_t fields = FieldsOf(dataset);
  out.Array(fields);
  out.Uint(table.Add(dataset.tenant));
  out.Uint(table.Add(dataset.service));
  out.Int(dataset.min_time_ns);
  out.Int(dataset.max_time_ns);
  out.Uint(dataset.profile_count);
  out.Uint(dataset.sample_count);
  out.Array(dataset.profile_types.size());
  for (const std::string& type : dataset.profile_types) out.Uint(table.Add(type));
  out.Array(dataset.sections.size());
  for (const SectionRef& section : dataset.sections) WriteSection(out, section);
  out.Array(dataset.hidden_profiles.size());
  for (uint32_t position : dataset.hidden_profiles) out.Uint(position);
  if (fields < kDatasetFieldsWithIdentities) return;
  if (dataset.identities.empty()) {
    out.Nil();
  } else {
    out.BinHeader(dataset.identities.size() * kIdentityBytes);
    for (const Hash128& identity : dataset.identities) AppendHash(out, identity);
  }
  if (dataset.lists_label_sets) WriteLabelSets(out, table, dataset.label_sets);
}

class Decoder {
 public:
  Decoder(Bytes data, std::string_view what) : in_(data, what) {
    if (data.size() > kInputBytesMax) in_.Fail("larger than 64 MiB");
  }

  // Opens an array of at least `known` fields; EndFields passes over those this version does not know.
  size_t BeginFields(size_t known, const char* what) {
    const size_t fields = in_.Array();
    if (in_.ok() && fields < known) in_.Fail(std::string(what) + " has too few fields");
    return fields;
  }
  void EndFields(size_t fields, size_t known) {
    for (; fields > known && in_.ok(); --fields) in_.Skip();
  }
  void ReadVersion() {
    const uint64_t version = in_.Uint();
    if (in_.ok() && version != kVersion) {
      in_.Fail("version " + std::to_string(version) + ", this reads version 1");
    }
  }
  void ReadStrings() {
    size_t count = in_.Array();
    if (!Charge(count * sizeof(std::string_view))) return;
    strings_.reserve(count);
    for (; count > 0 && in_.ok(); --count) strings_.push_back(in_.Str(kStringBytesMax));
  }
  Hash128 ReadHash() {
    const Bytes bytes = in_.Bin(kIdentityBytes);
    if (in_.ok() && bytes.size() != kIdentityBytes) in_.Fail("an id that is not 16 bytes");
    return in_.ok() ? ParseHash(bytes.data()) : Hash128{};
  }
  std::vector<TenantSymbols> ReadSymbols();
  std::vector<DatasetMeta> ReadDatasets();
  std::string ReadPlainText();  // not of the table
  std::vector<DataFilter> ReadDeletions();
  DatasetMeta ReadDataset();
  Status Finish() { return in_.Finish(); }
  MsgpackReader& in() { return in_; }

 private:
  // Takes `bytes` of the budget; false when it is used up or the input is bad.
  bool Charge(size_t bytes) {
    if (bytes > budget_) in_.Fail("decodes to more than 256 MiB");
    if (!in_.ok()) return false;
    budget_ -= bytes;
    return true;
  }
  size_t ReadCount(size_t element_bytes, size_t max = SIZE_MAX) {
    const size_t count = in_.Array(max);
    return Charge(count * element_bytes) ? count : 0;
  }
  std::string ReadText() { return TextAt(in_.Uint()); }
  std::string ReadName() {
    const uint64_t index = in_.Uint();
    if (index >= kKnownNames.size()) return TextAt(index - kKnownNames.size());
    return in_.ok() && Charge(kKnownNames[index].size()) ? std::string(kKnownNames[index]) : std::string();
  }
  std::string TextAt(uint64_t index) {
    if (in_.ok() && index >= strings_.size()) in_.Fail("an index outside the string table");
    if (!in_.ok() || !Charge(strings_[index].size())) return {};
    return std::string(strings_[index]);
  }
  SectionRef ReadSection();
  std::vector<Hash128> ReadIdentities();
  void ReadLabelSets(DatasetMeta* dataset);

  MsgpackReader in_;
  size_t budget_ = kDecodedBytesMax;
  std::vector<std::string_view> strings_;
};

SectionRef Decoder::ReadSection() {
  const size_t fields = BeginFields(kSectionFields, "a section");
  SectionRef section;
  section.kind = static_cast<SectionKind>(in_.Uint(UINT8_MAX));
  section.codec = static_cast<uint8_t>(in_.Uint(UINT8_MAX));
  section.offset = in_.Uint();
  section.size = in_.Uint();
  section.raw_size = in_.Uint();
  section.crc = in_.Uint32();
  if (!IsChunk(section.kind)) {
    EndFields(fields, kSectionFields);
    return section;
  }
  if (fields < kChunkFields) in_.Fail("a chunk of samples has too few fields");
  section.row_count = in_.Uint32();
  section.min_time_ns = in_.Int();
  section.max_time_ns = static_cast<int64_t>(static_cast<uint64_t>(section.min_time_ns) + in_.Uint());
  EndFields(fields, kChunkFields);
  return section;
}

std::vector<TenantSymbols> Decoder::ReadSymbols() {
  std::vector<TenantSymbols> all(ReadCount(sizeof(TenantSymbols)));
  for (TenantSymbols& symbols : all) {
    if (!in_.ok()) break;
    const size_t fields = BeginFields(kTenantSymbolsFields, "a tenant's symbols entry");
    symbols.tenant = ReadText();
    symbols.section = ReadSection();
    EndFields(fields, kTenantSymbolsFields);
  }
  return all;
}

std::vector<DatasetMeta> Decoder::ReadDatasets() {
  std::vector<DatasetMeta> all(ReadCount(sizeof(DatasetMeta), kDatasetsPerBlockMax));
  for (DatasetMeta& dataset : all) {
    if (!in_.ok()) break;
    dataset = ReadDataset();
  }
  return all;
}

std::string Decoder::ReadPlainText() {
  const std::string_view text = in_.Str();
  if (text.size() > kStringBytesMax) in_.Fail("a text of " + std::to_string(text.size()) + " bytes");
  return in_.ok() && Charge(text.size()) ? std::string(text) : std::string();
}

std::vector<DataFilter> Decoder::ReadDeletions() {
  std::vector<DataFilter> all(ReadCount(sizeof(DataFilter), kDeletionsMax));
  for (DataFilter& filter : all) {
    if (!in_.ok()) break;
    const size_t fields = BeginFields(kFilterFields, "a deletion");
    filter.tenant = ReadPlainText();
    filter.service = ReadPlainText();
    filter.selector = ReadPlainText();
    filter.start_ns = in_.Int();
    filter.end_ns = in_.Int();
    EndFields(fields, kFilterFields);
  }
  return all;
}

std::vector<Hash128> Decoder::ReadIdentities() {
  if (in_.TryNil()) return {};
  const Bytes bytes = in_.Bin();
  if (bytes.size() % kIdentityBytes != 0) in_.Fail("identities that are not whole 16-byte values");
  if (!Charge(bytes.size())) return {};
  std::vector<Hash128> identities(bytes.size() / kIdentityBytes);
  for (size_t i = 0; i < identities.size(); ++i) {
    identities[i] = ParseHash(bytes.data() + i * kIdentityBytes);
  }
  return identities;
}

void Decoder::ReadLabelSets(DatasetMeta* dataset) {
  if (in_.TryNil()) return;
  size_t sets = ReadCount(sizeof(Labels), DatasetMeta::kLabelSetsMax);
  dataset->label_sets.reserve(sets);
  for (; sets > 0 && in_.ok(); --sets) {
    const size_t numbers = ReadCount(sizeof(Label) / 2, 2 * kLabelsPerSetMax);
    if (numbers % 2 != 0) in_.Fail("a label set that ends with a name");
    std::vector<Label> labels(numbers / 2);
    for (Label& l : labels) {
      l.name = ReadName();
      l.value = ReadText();
    }
    dataset->label_sets.emplace_back(std::move(labels));
  }
  dataset->lists_label_sets = in_.ok();
}

DatasetMeta Decoder::ReadDataset() {
  const size_t fields = BeginFields(kDatasetFields, "a dataset");
  DatasetMeta dataset;
  dataset.tenant = ReadText();
  dataset.service = ReadText();
  dataset.min_time_ns = in_.Int();
  dataset.max_time_ns = in_.Int();
  dataset.profile_count = in_.Uint32();
  dataset.sample_count = in_.Uint();
  dataset.profile_types.resize(ReadCount(sizeof(std::string)));
  for (std::string& type : dataset.profile_types) type = ReadText();
  dataset.sections.resize(ReadCount(sizeof(SectionRef)));
  for (SectionRef& section : dataset.sections) {
    if (!in_.ok()) break;
    section = ReadSection();
  }
  dataset.hidden_profiles.resize(ReadCount(sizeof(uint32_t)));
  for (uint32_t& position : dataset.hidden_profiles) position = in_.Uint32();
  if (fields == kDatasetFields) return dataset;
  dataset.identities = ReadIdentities();
  if (fields == kDatasetFieldsWithIdentities) return dataset;
  ReadLabelSets(&dataset);
  EndFields(fields, kDatasetFieldsWithLabelSets);
  return dataset;
}

}  // namespace

std::string EncodeBlockMeta(const BlockMeta& meta) {
  StringTable table;
  for (const TenantSymbols& symbols : meta.symbols) table.Add(symbols.tenant);
  size_t identities = 0;
  for (const DatasetMeta& dataset : meta.datasets) {
    table.Add(dataset);
    identities += dataset.identities.size();
  }
  MsgpackWriter out;
  out.Reserve(256 + meta.datasets.size() * 160 + identities * kIdentityBytes);
  const bool is_plain = meta.deletions.empty() && meta.quarantine.empty();
  out.Array(is_plain ? kBlockFields : kBlockFieldsInAnswers);
  out.Uint(kVersion);
  out.BinHeader(kIdentityBytes);
  AppendHash(out, meta.id.bits);
  out.Uint(meta.shard);
  out.Uint(meta.level);
  out.Int(meta.min_time_ns);
  out.Int(meta.max_time_ns);
  out.Uint(meta.size);
  table.Write(out);
  out.Array(meta.symbols.size());
  for (const TenantSymbols& symbols : meta.symbols) {
    out.Array(kTenantSymbolsFields);
    out.Uint(table.Add(symbols.tenant));
    WriteSection(out, symbols.section);
  }
  out.Array(meta.datasets.size());
  for (const DatasetMeta& dataset : meta.datasets) WriteDataset(out, table, dataset);
  if (is_plain) return out.Take();
  out.Array(meta.deletions.size());
  for (const DataFilter& filter : meta.deletions) {
    out.Array(kFilterFields);
    out.Str(filter.tenant);
    out.Str(filter.service);
    out.Str(filter.selector);
    out.Int(filter.start_ns);
    out.Int(filter.end_ns);
  }
  out.Str(meta.quarantine);
  return out.Take();
}

Result<BlockMeta> DecodeBlockMeta(Bytes data) {
  Decoder decoder(data, "block metadata");
  BlockMeta meta;
  const size_t fields = decoder.BeginFields(kBlockFields, "a block");
  decoder.ReadVersion();
  meta.id.bits = decoder.ReadHash();
  meta.shard = decoder.in().Uint32();
  meta.level = decoder.in().Uint32();
  meta.min_time_ns = decoder.in().Int();
  meta.max_time_ns = decoder.in().Int();
  meta.size = decoder.in().Uint();
  decoder.ReadStrings();
  meta.symbols = decoder.ReadSymbols();
  meta.datasets = decoder.ReadDatasets();
  if (fields < kBlockFieldsInAnswers) {
    decoder.EndFields(fields, kBlockFields);
  } else {
    meta.deletions = decoder.ReadDeletions();
    meta.quarantine = decoder.ReadPlainText();
    decoder.EndFields(fields, kBlockFieldsInAnswers);
  }
  RETURN_IF_ERROR(decoder.Finish());
  return meta;
}

std::string EncodeDatasetMeta(const DatasetMeta& meta) {
  StringTable table;
  table.Add(meta);
  MsgpackWriter out;
  out.Reserve(256 + meta.identities.size() * kIdentityBytes);
  out.Array(kDatasetEnvelopeFields);
  out.Uint(kVersion);
  table.Write(out);
  WriteDataset(out, table, meta);
  return out.Take();
}

Result<DatasetMeta> DecodeDatasetMeta(Bytes data) {
  Decoder decoder(data, "dataset metadata");
  const size_t fields = decoder.BeginFields(kDatasetEnvelopeFields, "a dataset entry");
  decoder.ReadVersion();
  decoder.ReadStrings();
  DatasetMeta meta = decoder.ReadDataset();
  decoder.EndFields(fields, kDatasetEnvelopeFields);
  RETURN_IF_ERROR(decoder.Finish());
  return meta;
}

}  // namespace brazier::codec
