// The label sets of the index: each kept once per (tenant, service, day), under a number that dataset entries refer to, so that
// millions of blocks do not repeat them (docs/format/index.md).
//
// The number is 32 bits of the set's hash, or the next free one when another set has that: so it depends on the state alone,
// replicas agree, and a rebuild finds the same numbers unless hashes collide. A day's label sets go as a whole, when no dataset
// of (tenant, service) is left that begins on that day.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "common/model/labels.h"
#include "store/kv/key_value_store.h"

namespace brazier::index {

// The state as the command in hand sees it: through the writes of the commands before it.
class StateAccess {
 public:
  virtual ~StateAccess() = default;
  // False when there is no such key.
  virtual bool Read(const std::string& key, std::string* value) const = 0;
  virtual void Write(std::string key, std::string value) = 0;
};

// Gives numbers to label sets. Known ones cost no read: they are cached, kCacheBytesMax of them; the cache decides nothing.
// Thread-compatible.
class LabelSetTable {
 public:
  static constexpr size_t kCacheBytesMax = 16 << 20;
  // Numbers tried for one set. Only sets that were made to collide need more than two or three.
  static constexpr uint32_t kProbesMax = 16;

  // The numbers of a dataset's label sets, in their order; writes those that are new. None when a set finds no number: the
  // dataset is then "not listed". REQUIRES: min_time_ns >= 0.
  std::optional<std::vector<uint32_t>> Intern(std::string_view tenant, std::string_view service, int64_t min_time_ns,
                                              const std::vector<Labels>& sets, StateAccess& state);
  // The state was changed by others, or label sets were deleted.
  void Forget();

 private:
  // The value under the key, or null.
  const std::string* Lookup(const std::string& key, const StateAccess& state);
  const std::string* Remember(const std::string& key, std::string value);

  std::unordered_map<std::string, std::string> cache_;
  size_t cache_bytes_ = 0;
};

// The number that the probe `attempt` tries.
uint32_t LabelSetNumber(const Labels& labels, uint32_t attempt);

// kCorruption when there is no such number, or the value is damaged.
Result<Labels> ReadLabelSet(const kv::Reader& reader, std::string_view tenant, std::string_view service, int64_t min_time_ns,
                            uint32_t number);

}  // namespace brazier::index
