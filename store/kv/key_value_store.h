// KeyValueStore: the ordered key-value seam under the metastore's log and index.
//
// Keys are byte strings ordered by memcmp, in one of a few column families. Two implementations: memory (tests,
// simulation) and RocksDB (production). Writes are atomic per batch. Owned by app/wiring; the index and the consensus
// log borrow it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace brazier::kv {

// kStaging is where a whole new state is written before it takes kState's place (WriteBatch::SwapState).
enum class Family : uint8_t { kLog = 0, kState = 1, kStaging = 2 };

// A set of writes that become visible and durable together, in order. Value type.
class WriteBatch {
 public:
  struct Write {
    enum class Kind : uint8_t { kPut, kDelete, kDeleteRange, kClearStaging, kSwapState };
    Kind kind;
    Family family;
    std::string key;    // kDeleteRange: inclusive begin
    std::string value;  // kPut: the value; kDeleteRange: exclusive end
  };
  void Put(Family family, std::string key, std::string value);
  void Delete(Family family, std::string key);
  void DeleteRange(Family family, std::string begin, std::string end);
  // Deletes every key that kStaging had before this batch.
  void ClearStaging();
  // kState and kStaging exchange their contents; a reader sees all of the one or all of the other. Writes after it in
  // the batch mean the families as exchanged. Costs no copy of keys or values; readers wait while it is written.
  void SwapState();
  const std::vector<Write>& writes() const { return writes_; }
  bool empty() const { return writes_.empty(); }
  size_t bytes() const { return bytes_; }  // keys and values
  void Clear();

 private:
  std::vector<Write> writes_;
  size_t bytes_ = 0;
};

// A point-in-time view. Thread-compatible; released by destruction.
class Reader {
 public:
  virtual ~Reader() = default;
  // kNotFound when absent.
  virtual Result<std::string> Get(Family family, std::string_view key) const = 0;
  // Calls `visit` for keys in [begin, end) in ascending order until it returns false. An empty `end` means no bound.
  // The views live for the call only.
  virtual Status Scan(Family family, std::string_view begin, std::string_view end,
                      const std::function<bool(std::string_view key, std::string_view value)>&
                          visit) const = 0;
};

// Thread-safe.
class KeyValueStore : public Reader {
 public:
  // Applies the batch atomically. With `sync` it is on disk when this returns OK.
  virtual Status Write(const WriteBatch& batch, bool sync) = 0;
  // A view that later writes do not change.
  virtual std::unique_ptr<Reader> Snapshot() const = 0;
};

std::unique_ptr<KeyValueStore> MakeMemoryKeyValueStore();
// Opens or creates the database in directory `path`.
Result<std::unique_ptr<KeyValueStore>> OpenRocksKeyValueStore(const std::string& path);

}  // namespace brazier::kv
