#include "server/metastore/rebuild/stored_block.h"

#include "store/block/block_reader.h"
#include "store/consensus/consensus.h"
#include "store/index/validate_block.h"

namespace brazier::metastore {
namespace {

constexpr uint64_t kMetadataBytesMax = consensus::Consensus::kCommandBytesMax;
constexpr uint64_t kIdentityBytes = 16;

uint64_t RowsBytes(const DatasetMeta& dataset) {
  const SectionRef* rows = block::FindSection(dataset.sections, SectionKind::kRows);
  return rows == nullptr ? 0 : rows->raw_size;
}

// Of datasets [begin, end).
Status ReadIdentities(object::ObjectStore& store, const std::string& object_key, size_t begin,
                      size_t end, BlockMeta* meta) {
  BlockRead read;
  read.block = meta->id;
  read.object_key = object_key;
  read.datasets.assign(meta->datasets.begin() + static_cast<ptrdiff_t>(begin),
                       meta->datasets.begin() + static_cast<ptrdiff_t>(end));
  ASSIGN_OR_RETURN(const auto sections, block::BlockSections::Fetch(store, read, {.rows = true}));
  for (size_t i = begin; i < end; ++i) {
    DatasetMeta& dataset = meta->datasets[i];
    ASSIGN_OR_RETURN(const block::DatasetRows rows, sections.Rows(i - begin));
    if (rows.profiles.size() != dataset.profile_count) {
      return Corruption("dataset of tenant \"" + dataset.tenant + "\", service \"" + dataset.service +
                        "\": " + std::to_string(rows.profiles.size()) + " profiles, the footer says " +
                        std::to_string(dataset.profile_count));
    }
    dataset.identities.reserve(rows.profiles.size());
    for (const auto& profile : rows.profiles) dataset.identities.push_back(profile.identity);
  }
  return Status::Ok();
}

}  // namespace

Result<BlockMeta> ReadStoredBlock(object::ObjectStore& store, const std::string& object_key,
                                  uint64_t object_bytes, Identities identities) {
  ASSIGN_OR_RETURN(BlockMeta meta,
                   block::FetchFooter(store, object_key, object_bytes, kMetadataBytesMax));
  if (meta.ObjectKey() != object_key) {
    return Corruption("object: its footer says that it is " + meta.ObjectKey());
  }
  // Before anything is read where the footer points to.
  if (const Status status = index::ValidateBlock(meta); !status.ok()) {
    return Corruption("object: " + status.message());
  }
  if (identities == Identities::kLeave) return meta;
  uint64_t profiles = 0;
  for (const DatasetMeta& dataset : meta.datasets) profiles += dataset.profile_count;
  if (profiles * kIdentityBytes > kMetadataBytesMax) {
    return InvalidArgument("object: the identities of " + std::to_string(profiles) +
                           " profiles do not fit one command of " + std::to_string(kMetadataBytesMax) +
                           " bytes");
  }
  for (size_t begin = 0; begin < meta.datasets.size();) {
    uint64_t bytes = RowsBytes(meta.datasets[begin]);
    size_t end = begin + 1;
    for (; end < meta.datasets.size() && bytes + RowsBytes(meta.datasets[end]) <= kRowsBytes; ++end) {
      bytes += RowsBytes(meta.datasets[end]);
    }
    RETURN_IF_ERROR(ReadIdentities(store, object_key, begin, end, &meta));
    begin = end;
  }
  return meta;
}

}  // namespace brazier::metastore
