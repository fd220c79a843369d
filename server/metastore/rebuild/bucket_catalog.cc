#include "server/metastore/rebuild/bucket_catalog.h"

#include <algorithm>

#include "store/object/block_folders.h"

namespace brazier::metastore {
namespace {

constexpr std::string_view kSuffix = ".brz";

bool IsNumber(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "segments/<shard>/" or "blocks/<shard>/<tenant>/".
bool IsFolder(std::string_view folder) {
  const size_t shard = folder.find('/') + 1;
  const size_t rest = folder.find('/', shard) + 1;
  if (rest == 0 || !IsNumber(folder.substr(shard, rest - 1 - shard))) return false;
  return folder.starts_with(object::kBlocksFolder) == (rest < folder.size());
}

}  // namespace

std::string BucketCatalog::key(size_t i) const {
  std::string key = folders_[objects_[i].folder];
  key += objects_[i].id.ToString();
  key += kSuffix;
  return key;
}

bool BucketCatalog::Add(const object::ObjectInfo& info) {
  const std::string_view key = info.key;
  if (!key.ends_with(kSuffix)) return false;
  const size_t name = key.rfind('/') + 1;
  const auto id = Ulid::Parse(key.substr(name, key.size() - kSuffix.size() - name));
  if (!id.ok()) return false;
  const std::string_view folder = key.substr(0, name);
  if (folders_.empty() || folders_.back() != folder) {
    if (!IsFolder(folder)) return false;
    folders_.emplace_back(folder);
  }
  objects_.push_back({*id, info.size, static_cast<uint32_t>(folders_.size() - 1)});
  total_bytes_ += info.size;
  return true;
}

Result<BucketCatalog> BucketCatalog::List(object::ObjectStore& store, Findings* foreign,
                                          size_t objects_max, size_t page_objects) {
  BucketCatalog catalog;
  for (const std::string_view prefix : object::kBlockFolders) {
    std::string last;
    for (;;) {
      ASSIGN_OR_RETURN(const std::vector<object::ObjectInfo> page, store.List(prefix, last, page_objects));
      for (const object::ObjectInfo& info : page) {
        if (!catalog.Add(info)) foreign->Add(info.key, "foreign: its name is none that Brazier gives");
        if (catalog.size() > objects_max) {
          return ResourceExhausted("the bucket holds more than " + std::to_string(objects_max) +
                                   " objects, the limit of one listing");
        }
      }
      if (page.size() < page_objects) break;
      last = page.back().key;
    }
  }
  // Equal ids lie in different folders, which are numbered in the order of keys.
  std::sort(catalog.objects_.begin(), catalog.objects_.end(), [](const Object& a, const Object& b) {
    return a.id != b.id ? a.id < b.id : a.folder < b.folder;
  });
  return catalog;
}

}  // namespace brazier::metastore
