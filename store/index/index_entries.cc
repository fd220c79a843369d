#include "store/index/index_entries.h"

#include <cstring>

#include "common/codec/block_meta_msgpack.h"
#include "common/codec/msgpack_io.h"
#include "store/index/index_keys.h"

namespace brazier::index {
namespace {

using codec::MsgpackReader;
using codec::MsgpackWriter;

constexpr uint64_t kVersion = 1;
// Dataset entries: version 2 put what a scan needs in front.
constexpr uint64_t kDatasetEntryVersion = 2;
constexpr size_t kDatasetEntryFieldsV1 = 9;
constexpr size_t kDatasetEntryFields = 11;
constexpr size_t kTenantEntryFields = 5;
constexpr size_t kServiceEntryFields = 2;
constexpr size_t kLabelSetFields = 2;
constexpr size_t kSectionFields = 6;
constexpr size_t kIdentityBytes = 16;

// Front of a dataset entry of either version. Returns how many fields follow those that it read.
size_t ReadDatasetHead(MsgpackReader& in, DatasetEntryHead* head) {
  const size_t fields = in.Array();
  const uint64_t version = in.Uint();
  if (in.ok() && version != 1 && version != kDatasetEntryVersion) {
    in.Fail("version " + std::to_string(version) + " is unknown");
  }
  const size_t known = version == 1 ? kDatasetEntryFieldsV1 : kDatasetEntryFields;
  if (in.ok() && fields < known) in.Fail("too few fields");
  head->max_time_ns = in.Int();
  if (!in.ok() || version == 1) return fields - known;
  head->hidden = static_cast<HiddenProfiles>(in.Uint(static_cast<uint64_t>(HiddenProfiles::kAll)));
  if (in.TryNil()) return fields - known;
  head->label_sets = AsString(in.Bin());
  if (head->label_sets.size() % kLabelSetNumberBytes != 0) in.Fail("label sets that are not whole numbers");
  head->lists_label_sets = in.ok();
  return fields - known;
}

// Opens the array and checks the version; returns the number of fields.
size_t Begin(MsgpackReader& in, size_t known) {
  const size_t fields = in.Array();
  if (in.ok() && fields < known) in.Fail("too few fields");
  const uint64_t version = in.Uint();
  if (in.ok() && version != kVersion) in.Fail("version " + std::to_string(version) + " is unknown");
  return fields;
}

// Passes over fields of later versions; what is wrong with a stored value is corruption.
Status End(MsgpackReader& in, size_t fields, size_t known) {
  for (; fields > known && in.ok(); --fields) in.Skip();
  const Status status = in.Finish();
  return status.ok() ? status : Corruption(status.message());
}

Status AsCorruption(const Status& status, std::string_view what) {
  return Corruption(std::string(what) + ": " + status.message());
}

HiddenProfiles HiddenOf(const DatasetMeta& dataset) {
  if (dataset.hidden_profiles.empty()) return HiddenProfiles::kNone;
  return dataset.hidden_profiles.size() >= dataset.profile_count ? HiddenProfiles::kAll : HiddenProfiles::kSome;
}

}  // namespace

size_t DatasetEntryHead::label_set_count() const { return label_sets.size() / kLabelSetNumberBytes; }

uint32_t DatasetEntryHead::label_set(size_t i) const {
  return ParseLabelSetNumber(label_sets.substr(i * kLabelSetNumberBytes, kLabelSetNumberBytes));
}

std::string EncodeDatasetEntry(const DatasetEntry& entry) {
  MsgpackWriter out;
  out.Reserve(256);
  out.Array(kDatasetEntryFields);
  out.Uint(kDatasetEntryVersion);
  out.Int(entry.dataset.max_time_ns);
  out.Uint(static_cast<uint64_t>(HiddenOf(entry.dataset)));
  if (entry.label_sets.has_value()) {
    std::string numbers;
    numbers.reserve(entry.label_sets->size() * kLabelSetNumberBytes);
    for (const uint32_t number : *entry.label_sets) AppendLabelSetNumber(numbers, number);
    out.Bin(AsBytes(numbers));
  } else {
    out.Nil();
  }
  out.Uint(entry.shard);
  out.Uint(entry.level);
  out.Uint(entry.block_size);
  out.Int(entry.block_min_time_ns);
  out.Int(entry.block_max_time_ns);
  if (entry.shared_symbols.has_value()) {
    const SectionRef& section = *entry.shared_symbols;
    out.Array(kSectionFields);
    out.Uint(static_cast<uint64_t>(section.kind));
    out.Uint(section.codec);
    out.Uint(section.offset);
    out.Uint(section.size);
    out.Uint(section.raw_size);
    out.Uint(section.crc);
  } else {
    out.Nil();
  }
  out.Bin(AsBytes(codec::EncodeDatasetMeta(entry.dataset)));
  return out.Take();
}

Result<DatasetEntry> DecodeDatasetEntry(std::string_view value, bool label_sets) {
  MsgpackReader in(AsBytes(value), "index dataset entry");
  DatasetEntryHead head;
  const size_t later_fields = ReadDatasetHead(in, &head);
  DatasetEntry entry;
  if (head.lists_label_sets && label_sets) {
    entry.label_sets.emplace(head.label_set_count());
    for (size_t i = 0; i < entry.label_sets->size(); ++i) (*entry.label_sets)[i] = head.label_set(i);
  }
  entry.shard = in.Uint32();
  entry.level = in.Uint32();
  entry.block_size = in.Uint();
  entry.block_min_time_ns = in.Int();
  entry.block_max_time_ns = in.Int();
  if (!in.TryNil()) {
    size_t section_fields = in.Array();
    if (in.ok() && section_fields < kSectionFields) in.Fail("a section with too few fields");
    SectionRef section;
    section.kind = static_cast<SectionKind>(in.Uint(UINT8_MAX));
    section.codec = static_cast<uint8_t>(in.Uint(UINT8_MAX));
    section.offset = in.Uint();
    section.size = in.Uint();
    section.raw_size = in.Uint();
    section.crc = in.Uint32();
    for (; section_fields > kSectionFields && in.ok(); --section_fields) in.Skip();
    entry.shared_symbols = section;
  }
  const Bytes dataset = in.Bin();
  RETURN_IF_ERROR(End(in, later_fields, 0));
  auto decoded = codec::DecodeDatasetMeta(dataset);
  if (!decoded.ok()) return AsCorruption(decoded.status(), "index dataset entry");
  entry.dataset = std::move(decoded).value();
  return entry;
}

Result<DatasetEntryHead> DecodeDatasetEntryHead(std::string_view value) {
  MsgpackReader in(AsBytes(value), "index dataset entry");
  DatasetEntryHead head;
  ReadDatasetHead(in, &head);
  if (!in.ok()) return Corruption(in.status().message());
  return head;
}

std::string EncodeTenantEntry(const TenantEntry& entry) {
  MsgpackWriter out;
  out.Array(kTenantEntryFields);
  out.Uint(kVersion);
  out.Int(entry.oldest_ns);
  out.Int(entry.newest_ns);
  out.Uint(entry.blocks);
  out.Uint(entry.bytes);
  return out.Take();
}

Result<TenantEntry> DecodeTenantEntry(std::string_view value) {
  MsgpackReader in(AsBytes(value), "index tenant entry");
  const size_t fields = Begin(in, kTenantEntryFields);
  TenantEntry entry;
  entry.oldest_ns = in.Int();
  entry.newest_ns = in.Int();
  entry.blocks = in.Uint();
  entry.bytes = in.Uint();
  RETURN_IF_ERROR(End(in, fields, kTenantEntryFields));
  return entry;
}

std::string EncodeServiceEntry(const ServiceEntry& entry) {
  MsgpackWriter out;
  out.Array(kServiceEntryFields);
  out.Uint(kVersion);
  out.Uint(entry.duration_classes);
  return out.Take();
}

Result<ServiceEntry> DecodeServiceEntry(std::string_view value) {
  MsgpackReader in(AsBytes(value), "index service entry");
  const size_t fields = Begin(in, kServiceEntryFields);
  ServiceEntry entry;
  entry.duration_classes = in.Uint32();
  RETURN_IF_ERROR(End(in, fields, kServiceEntryFields));
  return entry;
}

std::string EncodeBlockEntry(const BlockMeta& block) {
  BlockMeta kept;
  kept.id = block.id;
  kept.shard = block.shard;
  kept.level = block.level;
  kept.min_time_ns = block.min_time_ns;
  kept.max_time_ns = block.max_time_ns;
  kept.size = block.size;
  kept.datasets.reserve(block.datasets.size());
  for (const DatasetMeta& dataset : block.datasets) {
    DatasetMeta& facts = kept.datasets.emplace_back();
    facts.tenant = dataset.tenant;
    facts.service = dataset.service;
    facts.min_time_ns = dataset.min_time_ns;
    facts.max_time_ns = dataset.max_time_ns;
    facts.profile_count = dataset.profile_count;
    facts.hidden_profiles = dataset.hidden_profiles;
  }
  return codec::EncodeBlockMeta(kept);
}

Result<BlockMeta> DecodeBlockEntry(std::string_view value) {
  auto decoded = codec::DecodeBlockMeta(AsBytes(value));
  if (!decoded.ok()) return AsCorruption(decoded.status(), "index block entry");
  return decoded;
}

std::string EncodeLabelSet(const Labels& labels) {
  MsgpackWriter out;
  out.Reserve(8 + labels.Bytes() + 4 * labels.size());
  out.Array(kLabelSetFields);
  out.Uint(kVersion);
  out.Array(2 * labels.size());
  for (const Label& l : labels) {
    out.Str(l.name);
    out.Str(l.value);
  }
  return out.Take();
}

Result<Labels> DecodeLabelSet(std::string_view value) {
  MsgpackReader in(AsBytes(value), "index label set");
  const size_t fields = Begin(in, kLabelSetFields);
  size_t strings = in.Array(2 * codec::kLabelsPerSetMax);
  if (strings % 2 != 0) in.Fail("a name without a value");
  std::vector<Label> labels;
  labels.reserve(strings / 2);
  for (; strings > 0 && in.ok(); strings -= 2) {
    const std::string_view name = in.Str();
    labels.push_back({std::string(name), std::string(in.Str())});
  }
  RETURN_IF_ERROR(End(in, fields, kLabelSetFields));
  return Labels(std::move(labels));
}

void AppendIdentity(std::string& value, const Hash128& identity) {
  const uint64_t big[2] = {__builtin_bswap64(identity.high), __builtin_bswap64(identity.low)};
  char bytes[kIdentityBytes];
  static_assert(sizeof(big) == sizeof(bytes));
  std::memcpy(bytes, big, sizeof(big));
  value.append(bytes, sizeof(bytes));
}

Result<std::vector<Hash128>> DecodeIdentities(std::string_view value) {
  if (value.size() % kIdentityBytes != 0) {
    return Corruption("index identities: " + std::to_string(value.size()) +
                      " bytes are not whole 16-byte values");
  }
  std::vector<Hash128> identities(value.size() / kIdentityBytes);
  for (size_t i = 0; i < identities.size(); ++i) {
    uint64_t big[2];
    std::memcpy(big, value.data() + i * kIdentityBytes, sizeof(big));
    identities[i] = {__builtin_bswap64(big[0]), __builtin_bswap64(big[1])};
  }
  return identities;
}

}  // namespace brazier::index
