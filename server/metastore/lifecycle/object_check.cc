#include "server/metastore/lifecycle/object_check.h"

#include <algorithm>
#include <vector>

#include "common/base/crc32c.h"
#include "server/metastore/rebuild/index_verify.h"
#include "server/metastore/rebuild/stored_block.h"
#include "store/block/section_codec.h"

namespace brazier::metastore {
namespace {

struct Sweep {
  SectionRef section;
  const DatasetMeta* dataset = nullptr;  // null: shared symbols
  std::string tenant;
  uint32_t crc = 0;  // of what was read of it
};

std::string Name(const Sweep& sweep) {
  return "section " + std::string(block::SectionName(sweep.section.kind)) + " of tenant \"" + sweep.tenant + "\"" +
         (sweep.dataset == nullptr ? "" : ", service \"" + sweep.dataset->service + "\"");
}

std::vector<Sweep> SectionsOf(const BlockMeta& footer) {
  std::vector<Sweep> sweeps;
  for (const TenantSymbols& symbols : footer.symbols) sweeps.push_back({symbols.section, nullptr, symbols.tenant});
  for (const DatasetMeta& dataset : footer.datasets) {
    for (const SectionRef& section : dataset.sections) sweeps.push_back({section, &dataset, dataset.tenant});
  }
  std::sort(sweeps.begin(), sweeps.end(),
            [](const Sweep& a, const Sweep& b) { return a.section.offset < b.section.offset; });
  return sweeps;
}

// Corruption for the first section whose bytes are not what they were.
Status CheckSections(object::ObjectStore& store, const std::string& key, const BlockMeta& footer,
                     const std::function<bool(uint64_t bytes)>& pace) {
  std::vector<Sweep> sweeps = SectionsOf(footer);
  uint64_t end = 0;
  for (const Sweep& sweep : sweeps) {
    // Added without overflow: a footer with its checksum may still be a hostile one.
    if (sweep.section.offset > footer.size || sweep.section.size > footer.size - sweep.section.offset) {
      return Corruption(Name(sweep) + " lies outside the object");
    }
    end = std::max(end, sweep.section.offset + sweep.section.size);
  }
  size_t first = 0;  // sections before it are read to their ends
  for (uint64_t begin = 0; begin < end;) {
    const uint64_t size = std::min(kCheckPieceBytes, end - begin);
    if (!pace(size)) return Status(Code::kCancelled, "the check was stopped");
    ASSIGN_OR_RETURN(const std::vector<std::string> piece, store.GetRanges(key, {{begin, size}}));
    for (size_t i = first; i < sweeps.size() && sweeps[i].section.offset < begin + size; ++i) {
      const SectionRef& section = sweeps[i].section;
      const uint64_t from = std::max(section.offset, begin);
      const uint64_t to = std::min(section.offset + section.size, begin + size);
      if (from < to) sweeps[i].crc = Crc32c(AsBytes(piece[0]).subspan(from - begin, to - from), sweeps[i].crc);
    }
    begin += size;
    while (first < sweeps.size() && sweeps[first].section.offset + sweeps[first].section.size <= begin) ++first;
  }
  for (const Sweep& sweep : sweeps) {
    if (sweep.crc != sweep.section.crc) return Corruption(Name(sweep) + ": its checksum is wrong");
  }
  return Status::Ok();
}

// What an error of reading says of the object; the error when it says nothing.
Result<ObjectVerdict> VerdictOf(const Status& status) {
  switch (status.code()) {
    case Code::kOk: return ObjectVerdict{};
    case Code::kNotFound: return ObjectVerdict{ObjectState::kMissing, "missing: there is no such object"};
    case Code::kCorruption:
    case Code::kInvalidArgument: return ObjectVerdict{ObjectState::kCorrupt, "corrupt: " + status.message()};
    default: return status;
  }
}

}  // namespace

Result<ObjectVerdict> CheckObject(object::ObjectStore& store, const BlockMeta& entry,
                                  const std::function<bool(uint64_t bytes)>& pace) {
  const std::string key = entry.ObjectKey();
  const auto info = store.Head(key);
  if (!info.ok()) return VerdictOf(info.status());
  const auto footer = ReadStoredBlock(store, key, info->size, Identities::kLeave);
  if (!footer.ok()) return VerdictOf(footer.status());
  if (std::string difference = DescribeDifference(entry, *footer); !difference.empty()) {
    return ObjectVerdict{ObjectState::kDifferent, "different: " + difference};
  }
  return VerdictOf(CheckSections(store, key, *footer, pace));
}

}  // namespace brazier::metastore
