#include "store/index/validate_block.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "common/codec/block_meta_msgpack.h"
#include "common/model/tenant.h"
#include "store/index/index_limits.h"

namespace brazier::index {
namespace {

Status OverLimit(std::string_view what, uint64_t value, uint64_t limit) {
  return InvalidArgument(std::string(what) + " " + std::to_string(value) + " is over the limit of " +
                         std::to_string(limit));
}

Status CheckLimit(std::string_view what, uint64_t value, uint64_t limit) {
  return value <= limit ? Status() : OverLimit(what, value, limit);
}

Status CheckTimes(int64_t min_time_ns, int64_t max_time_ns) {
  if (min_time_ns >= 0 && min_time_ns <= max_time_ns) return Status();
  return InvalidArgument("times from " + std::to_string(min_time_ns) + " to " +
                         std::to_string(max_time_ns) + " are not a range of times since 1970");
}

bool IsChunk(SectionKind kind) {
  return kind == SectionKind::kSampleChunk || kind == SectionKind::kHourSamples || kind == SectionKind::kDaySamples;
}

// Kinds of later versions pass: their readers know what to do with them.
Status CheckSection(const SectionRef& section, uint64_t object_size) {
  if (section.kind == SectionKind{0}) return InvalidArgument("a section has kind 0");
  if (IsChunk(section.kind)) {
    if (section.row_count == 0) return InvalidArgument("a chunk of no rows");
    RETURN_IF_ERROR(CheckTimes(section.min_time_ns, section.max_time_ns).Annotate("a chunk"));
  } else if (section.kind <= SectionKind::kDaySamples &&
             (section.row_count != 0 || section.min_time_ns != 0 || section.max_time_ns != 0)) {
    return InvalidArgument("rows or times of a section that is no chunk");
  }
  RETURN_IF_ERROR(CheckLimit("a section's raw size", section.raw_size, kSectionRawBytesMax));
  if (section.offset <= object_size && section.size <= object_size - section.offset) return Status();
  return InvalidArgument("a section of " + std::to_string(section.size) + " bytes at offset " +
                         std::to_string(section.offset) + " is outside the object of " +
                         std::to_string(object_size) + " bytes");
}

Status CheckProfileTypes(const std::vector<std::string>& types) {
  RETURN_IF_ERROR(CheckLimit("the number of profile types", types.size(), kProfileTypesPerDatasetMax));
  for (size_t i = 0; i < types.size(); ++i) {
    RETURN_IF_ERROR(CheckLimit("a profile type's length", types[i].size(), kProfileTypeBytesMax));
    if (i > 0 && types[i - 1] >= types[i]) {
      return InvalidArgument("profile types are not sorted, or repeat");
    }
  }
  return Status();
}

Status CheckProfiles(const DatasetMeta& dataset) {
  RETURN_IF_ERROR(
      CheckLimit("the number of profiles", dataset.profile_count, kProfilesPerDatasetMax));
  const auto& hidden = dataset.hidden_profiles;
  for (size_t i = 0; i < hidden.size(); ++i) {
    if (hidden[i] >= dataset.profile_count) {
      return InvalidArgument("hidden profile " + std::to_string(hidden[i]) + " of " +
                             std::to_string(dataset.profile_count) + " does not exist");
    }
    if (i > 0 && hidden[i - 1] >= hidden[i]) {
      return InvalidArgument("hidden profiles are not ascending");
    }
  }
  if (dataset.identities.empty() || dataset.identities.size() == dataset.profile_count) {
    return Status();
  }
  return InvalidArgument(std::to_string(dataset.identities.size()) + " identities for " +
                         std::to_string(dataset.profile_count) + " profiles");
}

size_t LabelSetBytes(const DatasetMeta& dataset) {
  size_t bytes = 0;
  for (const Labels& labels : dataset.label_sets) bytes += labels.Bytes();
  return bytes;
}

Status CheckLabelSets(const DatasetMeta& dataset) {
  const auto& sets = dataset.label_sets;
  if (!dataset.lists_label_sets && !sets.empty()) return InvalidArgument("label sets that it does not list");
  RETURN_IF_ERROR(CheckLimit("the number of label sets", sets.size(), DatasetMeta::kLabelSetsMax));
  RETURN_IF_ERROR(CheckLimit("the bytes of label sets", LabelSetBytes(dataset), DatasetMeta::kLabelSetBytesMax));
  for (size_t i = 1; i < sets.size(); ++i) {
    if (sets[i - 1] >= sets[i]) return InvalidArgument("label sets are not sorted, or repeat");
  }
  for (const Labels& labels : sets) {
    RETURN_IF_ERROR(CheckLimit("the number of labels of a set", labels.size(), codec::kLabelsPerSetMax));
    for (const Label& l : labels) {
      RETURN_IF_ERROR(CheckLimit("the length of a label's name", l.name.size(), kLabelTextBytesMax));
      RETURN_IF_ERROR(CheckLimit("the length of a label's value", l.value.size(), kLabelTextBytesMax));
    }
  }
  return Status();
}

Status CheckDataset(const DatasetMeta& dataset, const BlockMeta& block) {
  if (dataset.tenant.empty()) return InvalidArgument("the tenant is empty");
  RETURN_IF_ERROR(CheckLimit("the tenant's length", dataset.tenant.size(), kTenantBytesMax));
  RETURN_IF_ERROR(CheckLimit("the service's length", dataset.service.size(), kServiceBytesMax));
  RETURN_IF_ERROR(CheckTimes(dataset.min_time_ns, dataset.max_time_ns));
  if (dataset.min_time_ns < block.min_time_ns || dataset.max_time_ns > block.max_time_ns) {
    return InvalidArgument("its time range is not inside the block's");
  }
  RETURN_IF_ERROR(
      CheckLimit("the number of sections", dataset.sections.size(), kSectionsPerDatasetMax));
  for (const SectionRef& section : dataset.sections) {
    RETURN_IF_ERROR(CheckSection(section, block.size));
  }
  RETURN_IF_ERROR(CheckProfileTypes(dataset.profile_types));
  RETURN_IF_ERROR(CheckLabelSets(dataset));
  return CheckProfiles(dataset);
}

Status CheckDatasets(const BlockMeta& block) {
  if (block.datasets.empty()) return InvalidArgument("no datasets");
  RETURN_IF_ERROR(
      CheckLimit("the number of datasets", block.datasets.size(), kDatasetsPerBlockMax));
  size_t label_set_bytes = 0;
  for (size_t i = 0; i < block.datasets.size(); ++i) {
    const DatasetMeta& dataset = block.datasets[i];
    label_set_bytes += LabelSetBytes(dataset);
    const Status status = CheckDataset(dataset, block);
    if (!status.ok()) {
      return status.Annotate("dataset " + std::to_string(i) + " (service \"" +
                             dataset.service.substr(0, 128) + "\")");
    }
    if (i == 0) continue;
    const DatasetMeta& before = block.datasets[i - 1];
    if (std::tie(before.tenant, before.service) >= std::tie(dataset.tenant, dataset.service)) {
      return InvalidArgument("datasets are not sorted by tenant and service, or repeat");
    }
  }
  RETURN_IF_ERROR(CheckLimit("the bytes of label sets of its datasets", label_set_bytes, BlockMeta::kLabelSetBytesMax));
  if (block.level > 0 && block.datasets.front().tenant != block.datasets.back().tenant) {
    return InvalidArgument("a block above level 0 holds several tenants");
  }
  return Status();
}

Status CheckSymbols(const BlockMeta& block) {
  auto dataset = block.datasets.begin();
  for (size_t i = 0; i < block.symbols.size(); ++i) {
    const TenantSymbols& symbols = block.symbols[i];
    if (i > 0 && block.symbols[i - 1].tenant >= symbols.tenant) {
      return InvalidArgument("shared symbols are not sorted by tenant, or repeat");
    }
    dataset = std::find_if(dataset, block.datasets.end(), [&](const DatasetMeta& candidate) {
      return candidate.tenant == symbols.tenant;
    });
    if (dataset == block.datasets.end()) {
      return InvalidArgument("shared symbols of a tenant without datasets");
    }
    RETURN_IF_ERROR(CheckSection(symbols.section, block.size).Annotate("shared symbols"));
  }
  return Status();
}

Status Check(const BlockMeta& block) {
  if (block.id.bits.IsZero()) return InvalidArgument("the id is zero");
  RETURN_IF_ERROR(CheckLimit("the level", block.level, kLevelMax));
  RETURN_IF_ERROR(CheckLimit("the object's size", block.size, kObjectBytesMax));
  RETURN_IF_ERROR(CheckTimes(block.min_time_ns, block.max_time_ns));
  RETURN_IF_ERROR(CheckDatasets(block));
  return CheckSymbols(block);
}

}  // namespace

Status ValidateBlock(const BlockMeta& block) {
  if (!block.deletions.empty() || !block.quarantine.empty()) {
    return InvalidArgument("what was deleted of a block, and its quarantine, are the index's to tell");
  }
  return Check(block).Annotate("block " + block.id.ToString());
}

}  // namespace brazier::index
