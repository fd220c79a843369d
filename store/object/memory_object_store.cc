#include "store/object/memory_object_store.h"

#include <mutex>

#include "store/object/object_key.h"

namespace brazier::object {

Status MemoryObjectStore::Put(std::string_view key, const std::vector<Bytes>& parts) {
  RETURN_IF_ERROR(ValidateKey(key));
  auto object = std::make_shared<std::string>();
  for (Bytes part : parts) object->append(AsString(part));

  std::unique_lock lock(mu_);
  const std::string as_folder = std::string(key) + "/";
  const auto below = objects_.lower_bound(as_folder);
  if (below != objects_.end() && below->first.starts_with(as_folder)) {
    return InvalidArgument("object " + std::string(key) + ": the key is a folder of other objects");
  }
  for (size_t at = key.find('/'); at != std::string_view::npos; at = key.find('/', at + 1)) {
    if (objects_.contains(key.substr(0, at))) {
      return InvalidArgument("object " + std::string(key) + ": a part of the key is an object");
    }
  }
  objects_[std::string(key)] = std::move(object);
  return Status();
}

Result<MemoryObjectStore::Object> MemoryObjectStore::Find(std::string_view key) const {
  RETURN_IF_ERROR(ValidateKey(key));
  std::shared_lock lock(mu_);
  const auto it = objects_.find(key);
  if (it == objects_.end()) return NotFound("object " + std::string(key) + " does not exist");
  return it->second;
}

Result<std::string> MemoryObjectStore::Get(std::string_view key) {
  ASSIGN_OR_RETURN(const Object object, Find(key));
  return *object;
}

Result<std::vector<std::string>> MemoryObjectStore::GetRanges(
    std::string_view key, const std::vector<ByteRange>& ranges) {
  ASSIGN_OR_RETURN(const Object object, Find(key));
  std::vector<std::string> out;
  out.reserve(ranges.size());
  for (const ByteRange& range : ranges) {
    RETURN_IF_ERROR(CheckRange(key, object->size(), range));
    out.push_back(object->substr(range.offset, range.size));
  }
  return out;
}

Result<ObjectInfo> MemoryObjectStore::Head(std::string_view key) {
  ASSIGN_OR_RETURN(const Object object, Find(key));
  return ObjectInfo{std::string(key), object->size()};
}

Result<std::vector<ObjectInfo>> MemoryObjectStore::List(std::string_view prefix,
                                                        std::string_view start_after,
                                                        size_t limit) {
  std::vector<ObjectInfo> out;
  std::shared_lock lock(mu_);
  auto it = start_after < prefix ? objects_.lower_bound(prefix) : objects_.upper_bound(start_after);
  for (; it != objects_.end() && out.size() < limit && it->first.starts_with(prefix); ++it) {
    out.push_back({it->first, it->second->size()});
  }
  return out;
}

Status MemoryObjectStore::Delete(std::string_view key) {
  RETURN_IF_ERROR(ValidateKey(key));
  std::unique_lock lock(mu_);
  const auto it = objects_.find(key);
  if (it != objects_.end()) objects_.erase(it);
  return Status();
}

}  // namespace brazier::object
