// BucketCatalog: the objects of a bucket in the order of their ids, which is the order in which they were made.
//
// 32 bytes an object; the folders' names once. Listed once: what is put or deleted later is not seen. Only segments/ and
// blocks/ are looked into. Value; Thread-compatible.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/ulid.h"
#include "server/metastore/rebuild/findings.h"
#include "store/object/object_store.h"

namespace brazier::metastore {

class BucketCatalog {
 public:
  static constexpr size_t kObjectsMax = 50'000'000;  // 1.6 GB of memory
  static constexpr size_t kPageObjects = 100'000;

  // Keys that no object of ours has go to `foreign`. kResourceExhausted for more than `objects_max` objects.
  static Result<BucketCatalog> List(object::ObjectStore& store, Findings* foreign,
                                    size_t objects_max = kObjectsMax, size_t page_objects = kPageObjects);

  size_t size() const { return objects_.size(); }
  const Ulid& id(size_t i) const { return objects_[i].id; }
  uint64_t object_bytes(size_t i) const { return objects_[i].bytes; }
  std::string key(size_t i) const;
  uint64_t total_bytes() const { return total_bytes_; }

 private:
  struct Object {
    Ulid id;
    uint64_t bytes = 0;
    uint32_t folder = 0;
  };
  // False when the key is not one of ours.
  bool Add(const object::ObjectInfo& info);

  std::vector<std::string> folders_;  // "segments/3/", in the order of keys
  std::vector<Object> objects_;
  uint64_t total_bytes_ = 0;
};

}  // namespace brazier::metastore
