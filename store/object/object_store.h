// ObjectStore: named immutable blobs. Everything Brazier keeps, it keeps here.
//
// Keys are '/'-separated, relative, without empty, "." or ".." parts. Objects are never changed after they are put.
// Implementations: FilesystemObjectStore (local files), MemoryObjectStore (tests). Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace brazier::object {

struct ObjectInfo {
  std::string key;
  uint64_t size = 0;
};

struct ByteRange {
  uint64_t offset = 0;
  uint64_t size = 0;
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  // Stores the object; when this returns OK it survives a power cut. Replaces an object of the same key atomically.
  // The parts are written one after the other as one object.
  virtual Status Put(std::string_view key, const std::vector<Bytes>& parts) = 0;
  // The whole object. kNotFound when there is none.
  virtual Result<std::string> Get(std::string_view key) = 0;
  // Several ranges of one object, in the order asked for. kCorruption when the object ends before a range does.
  virtual Result<std::vector<std::string>> GetRanges(std::string_view key,
                                                     const std::vector<ByteRange>& ranges) = 0;
  virtual Result<ObjectInfo> Head(std::string_view key) = 0;
  // Objects whose keys begin with `prefix`, sorted by key, at most `limit`, starting after the key `start_after`.
  virtual Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view start_after,
                                               size_t limit) = 0;
  // OK also when there was none.
  virtual Status Delete(std::string_view key) = 0;
};

}  // namespace brazier::object
