// MemoryObjectStore: objects in memory, for tests and simulation. Refuses what the filesystem store refuses, too.
// No bound of its own: the test that owns it decides what goes in. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <shared_mutex>
#include <string>

#include "store/object/object_store.h"

namespace brazier::object {

class MemoryObjectStore final : public ObjectStore {
 public:
  Status Put(std::string_view key, const std::vector<Bytes>& parts) override;
  Result<std::string> Get(std::string_view key) override;
  Result<std::vector<std::string>> GetRanges(std::string_view key,
                                             const std::vector<ByteRange>& ranges) override;
  Result<ObjectInfo> Head(std::string_view key) override;
  Result<std::vector<ObjectInfo>> List(std::string_view prefix, std::string_view start_after,
                                       size_t limit) override;
  Status Delete(std::string_view key) override;

 private:
  using Object = std::shared_ptr<const std::string>;
  Result<Object> Find(std::string_view key) const;

  mutable std::shared_mutex mu_;
  std::map<std::string, Object, std::less<>> objects_;  // guarded by mu_
};

}  // namespace brazier::object
